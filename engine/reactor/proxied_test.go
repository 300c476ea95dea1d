package reactor

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
)

// header2 is a PROXY header of version 2 from 192.0.2.1:49153, with TLVs.
func header2(tlvs ...[]byte) []byte {
	body := append([]byte{192, 0, 2, 1, 198, 51, 100, 1, 0xC0, 1, 0x22, 0xB3}, bytes.Join(tlvs, nil)...)
	return append(binary.BigEndian.AppendUint16([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11"), uint16(len(body))), body...)
}

func tlv(kind byte, value ...[]byte) []byte {
	v := bytes.Join(value, nil)
	return append(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(v))), v...)
}

// sslTLV is what HAProxy's send-proxy-v2-ssl-cn adds.
func sslTLV(client byte, verify uint32, name string) []byte {
	return tlv(0x20, binary.BigEndian.AppendUint32([]byte{client}, verify), tlv(0x21, []byte("TLSv1.3")), tlv(0x23, []byte("TLS_AES_128_GCM_SHA256")), tlv(0x22, []byte(name)))
}

// witness lets everybody in and tells what it was asked.
type witness struct{ seen chan *auth.Request }

func newWitness() *witness { return &witness{make(chan *auth.Request, 100)} }

func (*witness) Name() string                               { return "witness" }
func (*witness) Hears(q auth.Question) bool                 { return q == auth.Authentication }
func (*witness) Authorize(*auth.Access, func(auth.Verdict)) {}
func (w *witness) Authenticate(r *auth.Request, done func(auth.Verdict)) {
	w.seen <- r
	done(auth.Verdict{Decision: auth.Allow, Default: auth.Allow})
}

// newProxiedWorld has the PROXY protocol on both listeners.
func newProxiedWorld(t testing.TB, change func(*Options)) (*world, *witness) {
	t.Helper()
	seen := newWitness()
	w := newGatedWorld(t, auth.Options{Chain: []auth.Decider{seen}}, func(o *Options) {
		for i := range o.Listeners {
			o.Listeners[i].ProxyProtocol, o.Listeners[i].ProxyTimeout = true, 3*time.Second
		}
		if change != nil {
			change(o)
		}
	})
	return w, seen
}

// behind is a client that a proxy connects with a header. Glued, its own first
// bytes come in the same segment.
func (w *world) behind(listener int, header []byte, glued bool, cfg *tls.Config) peer {
	w.t.Helper()
	c := w.raw(listener)
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if glued {
		c = &prefixed{Conn: c, prefix: header}
	} else {
		peer{w.t, c}.send(header)
	}
	if listener == 1 {
		if cfg == nil {
			cfg = w.tls
		}
		c = tls.Client(c, cfg)
	}
	return peer{w.t, c}
}

// prefixed puts bytes in front of the first write.
type prefixed struct {
	net.Conn
	prefix []byte
}

func (p *prefixed) Write(b []byte) (int, error) {
	n, err := p.Conn.Write(append(p.prefix, b...))
	n = max(n-len(p.prefix), 0)
	p.prefix = nil
	return n, err
}

// The header comes in front of everything, on its own, glued to what follows,
// or byte by byte; the client's address is the one that it tells (PROXY-03 to
// PROXY-06, PROXY-08).
func TestProxyHeaders(t *testing.T) {
	w, seen := newProxiedWorld(t, nil)
	socket := "127.0.0.1"
	cases := []struct {
		name, header, peer string
		told               bool
	}{
		{"v1 IPv4", "PROXY TCP4 192.0.2.1 198.51.100.1 49153 8883\r\n", "192.0.2.1:49153", true},
		{"v1 IPv6", "PROXY TCP6 2001:db8::1 ::1 49153 8883\r\n", "[2001:db8::1]:49153", true},
		{"v1 unknown", "PROXY UNKNOWN\r\n", socket, true},
		{"v2", string(header2()), "192.0.2.1:49153", true},
		{"v2 vendor's TLVs", string(header2(tlv(0xEA, []byte{1}), tlv(0xE0, make([]byte, 8)))), "192.0.2.1:49153", true},
		{"v2 local", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", socket, false},
	}
	for _, c := range cases {
		for listener, transport := range []string{"tcp", "tls"} {
			for how, client := range map[string]func() peer{
				"alone": func() peer { return w.behind(listener, []byte(c.header), false, nil) },
				"glued": func() peer { return w.behind(listener, []byte(c.header), true, nil) },
				"byte by byte": func() peer {
					p := w.behind(listener, nil, false, nil)
					raw := p.Conn
					if t, ok := raw.(*tls.Conn); ok {
						raw = t.NetConn()
					}
					_, _ = drip{raw, 1}.Write([]byte(c.header))
					return p
				},
			} {
				t.Run(c.name+"/"+transport+"/"+how, func(t *testing.T) {
					p := client()
					defer p.Close()
					p.send(connectPacket("proxied"))
					p.expect(connack)
					r := <-seen.seen
					if got := r.Peer.String(); got != c.peer && (c.peer != socket || r.Peer.Addr().String() != socket) {
						t.Errorf("the client's address is %s, want %s", got, c.peer)
					}
					if (r.Proxy != nil) != c.told {
						t.Errorf("the proxy has told %+v", r.Proxy)
					}
					if r.Proxy != nil && (!r.Proxy.Via.Addr().IsLoopback() || r.Proxy.CommonName != "") {
						t.Errorf("the proxy has told %+v", r.Proxy)
					}
				})
			}
		}
	}
	for i, s := range w.r.Stats() {
		if len(s.Shed) != 0 || len(s.Refused) != 0 {
			t.Errorf("listener %d: %v, %v", i, s.Shed, s.Refused)
		}
	}
}

// PROXY-07: a name is one only when the proxy has verified the certificate.
func TestProxyNames(t *testing.T) {
	w, seen := newProxiedWorld(t, nil)
	for _, c := range []struct {
		name           string
		client         byte
		verify         uint32
		cn, tlsVersion string
	}{
		{"verified", 7, 0, "device-7", "TLSv1.3"},
		{"verified in the session resumed", 5, 0, "device-7", "TLSv1.3"},
		{"not verified", 7, 18, "", "TLSv1.3"},
		{"no certificate", 1, 0, "", "TLSv1.3"},
		{"no TLS", 6, 0, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := w.behind(0, header2(tlv(1, []byte("mqtt")), tlv(2, []byte("broker.example")), sslTLV(c.client, c.verify, "device-7")), false, nil)
			defer p.Close()
			p.send(connectPacket("named"))
			p.expect(connack)
			got := *(<-seen.seen).Proxy
			want := auth.Proxy{Version: 2, Via: got.Via, Destination: got.Destination, ServerName: "broker.example", ALPN: "mqtt", TLSVersion: c.tlsVersion, CommonName: c.cn}
			if c.tlsVersion != "" {
				want.Cipher = "TLS_AES_128_GCM_SHA256"
			}
			if got != want || !got.Destination.IsValid() {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// PROXY-03, J9: behind a TCP balancer the client's own certificate is seen.
func TestProxyBeforeClientCertificate(t *testing.T) {
	ca := newAuthority(t)
	w, seen := newProxiedWorld(t, func(o *Options) { ca.demand(&o.Listeners[1]) })
	p := w.behind(1, header2(sslTLV(7, 0, "forged")), true, ca.client("device-7", time.Now().Add(time.Hour)))
	p.send(connectPacket("passthrough"))
	p.expect(connack)
	r := <-seen.seen
	if r.TLS == nil || len(r.TLS.Chain) != 1 || r.TLS.Chain[0].Subject.CommonName != "device-7" || !r.TLS.Verified {
		t.Errorf("the inner TLS is %+v", r.TLS)
	}
	if r.Peer.String() != "192.0.2.1:49153" {
		t.Errorf("the client's address is %s", r.Peer)
	}
}

// What is wrong closes the connection and is counted by a word (PROXY-01,
// PROXY-05, PROXY-06).
func TestProxyRefusals(t *testing.T) {
	for _, c := range []struct {
		name, sent string
		word       shed
	}{
		{"MQTT", string(connectPacket("direct")), shedProxyInvalid},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", shedProxyInvalid},
		{"bad v1", "PROXY TCP4 1.2.3.4 1.2.3 1 2\r\n", shedProxyInvalid},
		{"truncated TLV", string(header2([]byte{0x20, 0, 99, 7, 0, 0, 0, 0})), shedProxyInvalid},
		{"line break in a name", string(header2(sslTLV(7, 0, "a\r\nb"))), shedProxyInvalid},
		{"datagrams", "\r\n\r\n\x00\r\nQUIT\n\x21\x12\x00\x0c", shedProxyUnsupported},
		{"a UNIX socket", "\r\n\r\n\x00\r\nQUIT\n\x21\x31\x00\xd8", shedProxyUnsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, seen := newProxiedWorld(t, nil)
			for listener := range 2 {
				p := w.behind(listener, []byte(c.sent), false, nil)
				raw := p.Conn
				if t, ok := raw.(*tls.Conn); ok {
					raw = t.NetConn()
				}
				if err := closedByServer(raw); err != nil {
					t.Error(err)
				}
				if n := w.shed(listener, c.word); n != 1 {
					t.Errorf("listener %d counts %d as %s: %v", listener, n, c.word, w.r.Stats()[listener].Shed)
				}
			}
			if len(seen.seen) != 0 {
				t.Error("the gate was asked")
			}
		})
	}
}

// PROXY-02: a peer that goes before its first byte is a health check; one that
// goes within its header is counted.
func TestProxyHealthChecks(t *testing.T) {
	w, _ := newProxiedWorld(t, nil)
	for range 5 {
		w.brief(0).Close()
	}
	eventually(t, "they are gone", func() bool { s := w.r.Stats()[0]; return s.Closed == 5 })
	if s := w.r.Stats()[0]; len(s.Shed) != 0 {
		t.Errorf("counted %v", s.Shed)
	}
	c := w.brief(0)
	peer{t, c}.send([]byte("PROXY TC"))
	c.Close()
	eventually(t, "it is counted", func() bool { return w.shed(0, shedProxyInvalid) == 1 })
}

// PROXY-02: the time is for the whole header. That of the handshake begins
// when the header is there.
func TestProxyTimeout(t *testing.T) {
	w, seen := newProxiedWorld(t, func(o *Options) {
		for i := range o.Listeners {
			o.Listeners[i].ProxyTimeout, o.Listeners[i].HandshakeTimeout = 1500*time.Millisecond, 1500*time.Millisecond
		}
	})
	for _, drip := range []string{"", "PROXY TCP4 192.0.2.1 198.51.100.1 49153 8883"} {
		t.Run(fmt.Sprintf("%d bytes", len(drip)), func(t *testing.T) {
			t.Parallel()
			conn, began := w.raw(1), time.Now()
			go func() {
				for i := range drip {
					if _, err := conn.Write([]byte(drip[i : i+1])); err != nil {
						return
					}
					time.Sleep(100 * time.Millisecond)
				}
			}()
			if err := closedByServer(conn); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(began); d < 1400*time.Millisecond || d > 4*time.Second {
				t.Errorf("closed after %s, want about 1.5 s", d)
			}
		})
	}
	t.Run("late", func(t *testing.T) {
		t.Parallel()
		raw := w.raw(1)
		time.Sleep(time.Second)
		peer{t, raw}.send(header2())
		time.Sleep(time.Second) // two in all, more than either has
		p := peer{t, tls.Client(raw, w.tls)}
		p.send(connectPacket("late"))
		p.expect(connack)
		<-seen.seen
	})
	t.Cleanup(func() {
		if n := w.shed(1, shedProxyTimeout); n != 2 {
			t.Errorf("counted %d", n)
		}
	})
}

// A peer that is none of the proxies gets no identity (J9, step 4).
func TestUntrustedProxy(t *testing.T) {
	w, seen := newProxiedWorld(t, func(o *Options) {
		o.Listeners[0].ProxyTrusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
		o.Listeners[1].ProxyTrusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	forger := w.raw(0)
	_, _ = forger.Write(append(header2(sslTLV(7, 0, "admin")), connectPacket("forger")...))
	if err := closedByServer(forger); err != nil {
		t.Error(err)
	}
	if n := w.shed(0, shedUntrusted); n != 1 {
		t.Errorf("counted %d as untrusted", n)
	}
	if len(seen.seen) != 0 {
		t.Error("the gate was asked")
	}
	trusted := w.behind(1, header2(), false, nil)
	trusted.send(connectPacket("trusted"))
	trusted.expect(connack)
}

// lines are what was logged.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// PROXY-01: a header with the option off is explained, and so is a client
// without a header with the option on.
func TestProxyHints(t *testing.T) {
	for _, c := range []struct {
		name     string
		on       bool
		sent     []byte
		listener int
		want     string
	}{
		{"off, v1 before MQTT", false, []byte("PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\n"), 0, "set listeners.tcp.default.proxy_protocol: true"},
		{"off, v2 before MQTT", false, header2(), 0, "set listeners.tcp.default.proxy_protocol: true"},
		{"off, v2 before TLS", false, header2(), 1, "proxy_protocol on for this listener"},
		{"on, MQTT", true, connectPacket("direct"), 0, "set listeners.tcp.default.proxy_protocol: false"},
		{"on, truncated", true, header2([]byte{4, 0, 9}), 1, "beyond its end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := &lines{}
			w := newWorld(t, func(o *Options) {
				o.Log = slog.New(slog.NewTextHandler(log, nil))
				for i := range o.Listeners {
					o.Listeners[i].ProxyProtocol, o.Listeners[i].ProxyTimeout = c.on, time.Second
				}
			})
			for range 100 {
				raw := w.raw(c.listener)
				_, _ = raw.Write(c.sent)
				if err := closedByServer(raw); err != nil {
					t.Fatal(err)
				}
			}
			if !strings.Contains(log.String(), c.want) {
				t.Errorf("the log does not say %q:\n%s", c.want, log)
			}
			if n := strings.Count(log.String(), "\n"); n > burst+10 {
				t.Errorf("%d lines about 100 connections", n)
			}
		})
	}
}

// Whatever of a header has come when the connection is cut, nothing stays.
func TestProxyCutLeavesNothing(t *testing.T) {
	w, seen := newProxiedWorld(t, func(o *Options) { o.Log = slog.New(slog.DiscardHandler) })
	script := append(header2(tlv(1, []byte("mqtt")), sslTLV(7, 0, "device-7")), connectPacket("cut")...)
	first := w.behind(0, script, false, nil)
	first.expect(connack)
	first.Close()
	eventually(t, "the first is gone", func() bool { return w.r.openConnections() == 0 })
	fds := countFDs(t)
	round := func() {
		for listener := range 2 {
			for n := range len(script) {
				c := w.brief(listener)
				if t, ok := c.(*tls.Conn); ok {
					c = t.NetConn()
				}
				_, _ = c.Write(script[:n])
				if n%2 == 0 {
					reset(c)
				}
				c.Close()
			}
		}
		w.settled()
		for len(seen.seen) > 0 {
			<-seen.seen
		}
	}
	round()
	heap, goroutines := liveHeap(), runtime.NumGoroutine()
	for range 5 {
		round()
	}
	if grown := int64(liveHeap()) - int64(heap); grown > 128<<10 {
		t.Errorf("%d bytes of live heap more", grown)
	}
	eventually(t, "goroutines are back", func() bool { return runtime.NumGoroutine() <= goroutines })
	eventually(t, "descriptors are back", func() bool { return countFDs(t) <= fds })
}

// Of a header, an idle connection keeps the address.
func TestProxyDataGoesWithConnect(t *testing.T) {
	w, _ := newProxiedWorld(t, nil)
	p := w.behind(0, header2(sslTLV(7, 0, "device-7"), tlv(4, make([]byte, 4000))), true, nil)
	p.send(connectPacket("idle"))
	p.expect(connack)
	found := 0
	w.onLoops(func(l *loop) {
		for _, c := range l.conns {
			found++
			if c.aside == nil || c.aside.told != nil || c.gc.InboundBuffered() != 0 {
				t.Errorf("kept: %+v, %d bytes", c.aside, c.gc.InboundBuffered())
			}
		}
	})
	if found != 1 {
		t.Fatalf("%d connections", found)
	}
	if _, err := io.WriteString(p, "\xC0\x00"); err != nil {
		t.Fatal(err)
	}
	p.expect([]byte{0xD0, 0})
}
