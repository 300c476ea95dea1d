package e2e

import (
	"crypto/tls"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// PROXY headers of both versions from scripted balancers (J9 step 2; GM-02,
// T-19: what ends GM TLS in front of a broker hands plain TCP on like this).

// length is a number of two bytes, as in all of version 2.
func length(n int) string { return string([]byte{byte(n >> 8), byte(n)}) }

// tlv is a type-length-value of version 2 (section 2.2 of the specification).
func tlv(kind byte, value string) string {
	return string([]byte{kind}) + length(len(value)) + value
}

// ended is the TLV of a balancer at which the client's TLS has ended, with the
// name of its certificate (section 2.2.6).
func ended(client, verify byte, name string) string {
	return tlv(0x20, string([]byte{client, 0, 0, 0, verify})+tlv(0x21, "TLSv1.3")+tlv(0x22, name))
}

const signature2 = "\r\n\r\n\x00\r\nQUIT\n"

// header2 is a header of version 2 with a client at an IPv4 address, port
// 49153, and TLVs.
func header2(source string, tlvs ...string) string {
	from := netip.MustParseAddr(source).As4()
	body := string(from[:]) + "\xc6\x33\x64\x01\xc0\x01\x07\x5b" + strings.Join(tlvs, "")
	return signature2 + "\x21\x11" + length(len(body)) + body
}

// checked2 is a header of version 2 with its checksum (section 2.2.3).
func checked2(source string) string {
	h := header2(source, tlv(3, "\x00\x00\x00\x00"))
	sum := int(crc32.Checksum([]byte(h), crc32.MakeTable(crc32.Castagnoli)))
	return h[:len(h)-4] + length(sum>>16) + length(sum)
}

// sends writes bytes, which a broker may not wait for.
func (w *wire) sends(text string) { _, _ = io.WriteString(w, text) }

// drips writes byte by byte, each in a segment of its own.
func (w *wire) drips(text string) {
	for i := range text {
		w.sends(text[i : i+1])
		time.Sleep(time.Millisecond)
	}
}

// glued puts bytes in front of the first that are written.
type glued struct {
	net.Conn
	before string
}

func (g *glued) Write(b []byte) (int, error) {
	n, err := g.Conn.Write(append([]byte(g.before), b...))
	n = max(n-len(g.before), 0)
	g.before = ""
	return n, err
}

// headerConf has a pair of listeners for what is right, one for what is wrong,
// one that has little patience, and one without the PROXY protocol.
const headerConf = `
data_dir: data
log: { level: debug }
auth: { anonymous: allow }
listeners:
  tcp:
    good: { bind: "127.0.0.1:0", proxy_protocol: true, proxy_protocol_timeout: 1m }
    bad: { bind: "127.0.0.1:0", proxy_protocol: true, proxy_protocol_timeout: 1m }
    hasty: { bind: "127.0.0.1:0", proxy_protocol: true, proxy_protocol_timeout: 300ms }
    off: { bind: "127.0.0.1:0" }
  tls:
    good: { bind: "127.0.0.1:0", proxy_protocol: true, proxy_protocol_timeout: 1m, tls: { certfile: localhost.pem, keyfile: localhost.key } }
    bad: { bind: "127.0.0.1:0", proxy_protocol: true, proxy_protocol_timeout: 1m, tls: { certfile: localhost.pem, keyfile: localhost.key } }
    hasty: { bind: "127.0.0.1:0", proxy_protocol: true, proxy_protocol_timeout: 300ms, tls: { certfile: localhost.pem, keyfile: localhost.key } }
    off: { bind: "127.0.0.1:0", tls: { certfile: localhost.pem, keyfile: localhost.key } }
`

// proxied is a broker with headerConf.
type proxied struct {
	*process
	dir string
}

func TestProxyHeaders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, dir, binary, "cert", "ca")
	must(t, dir, binary, "cert", "server", "localhost")
	p := proxied{start(t, "-c", write(t, filepath.Join(dir, "wicket.yaml"), headerConf)), dir}
	t.Run("taken", p.takesHeaders)
	t.Run("refused", p.refusesHeaders)
	t.Run("late", p.losesPatience)
	t.Run("not expected", p.hints)
	t.Run("a front that speaks version 1", p.behindFront)
}

// shed is what a listener has turned away.
func (p proxied) shed(t *testing.T, listener string) map[string]uint64 {
	t.Helper()
	return listenerOf(t, statusOf(t, filepath.Join(p.dir, "data")), listener).Shed
}

// takesHeaders: the client has the address of the header, or of the socket when
// the header does not tell (PROXY-04 to PROXY-06, PROXY-08), however the bytes
// come (PROXY-03).
func (p proxied) takesHeaders(t *testing.T) {
	const socket = "" // what the header leaves
	for _, c := range []struct{ name, header, peer string }{
		{"v1", "PROXY TCP4 192.0.2.7 198.51.100.1 49153 1883\r\n", "192.0.2.7:49153"},
		{"v1 IPv6", "PROXY TCP6 2001:db8::7 2001:db8::1 49153 1883\r\n", "[2001:db8::7]:49153"},
		{"v1 unknown", "PROXY UNKNOWN\r\n", socket},
		{"v1 unknown, with a tail of 107 bytes in all", "PROXY UNKNOWN " + strings.Repeat("f", 91) + "\r\n", socket},
		{"v2", header2("192.0.2.8"), "192.0.2.8:49153"},
		{"v2 IPv6", signature2 + "\x21\x21\x00\x24" + "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x07" + strings.Repeat("\x00", 15) + "\x01" + "\xc0\x01\x07\x5b", "[2001:db8::7]:49153"},
		{"v2 local", signature2 + "\x20\x00\x00\x00", socket},
		{"v2 local, with bytes to skip", signature2 + "\x20\x11\x00\x0f" + strings.Repeat("\xff", 15), socket},
		{"v2 unspecified", signature2 + "\x21\x00\x00\x00", socket},
		{"v2 TLVs of AWS, Azure and GCP, a unique id and padding", header2("192.0.2.9",
			tlv(0xEA, "\x01vpce-1"), tlv(0xEE, "\x01\x00\x00\x00\x00"), tlv(0xE0, "12345678"), tlv(5, "id"), tlv(4, "\x00\x00")), "192.0.2.9:49153"},
		{"v2 with a checksum", checked2("192.0.2.10"), "192.0.2.10:49153"},
		{"v2 of 4096 bytes", header2("192.0.2.11", tlv(4, strings.Repeat("\x00", 4096-12-3))), "192.0.2.11:49153"},
	} {
		for _, kind := range []string{"tcp", "tls"} {
			for _, how := range []string{"alone", "glued", "byte by byte"} {
				if how == "byte by byte" && len(c.header) > 200 {
					continue
				}
				t.Run(c.name+"/"+kind+"/"+how, func(t *testing.T) {
					w, id := p.introduced(t, kind, how, c.header), unique("c")
					if code := w.enters(id, "", ""); code != 0 {
						t.Fatalf("CONNACK with %d", code)
					}
					peer := c.peer
					if peer == socket {
						peer = w.LocalAddr().String()
					}
					if l := p.about("client connected", id); l.text("peer") != peer {
						t.Errorf("the log says %v, want the peer %s", l, peer)
					}
				})
			}
		}
	}
	for _, listener := range []string{"tcp:good", "tls:good"} {
		if shed := p.shed(t, listener); len(shed) != 0 {
			t.Errorf("%s has turned away %v", listener, shed)
		}
	}
}

// introduced is a client behind a header, which comes alone, together with what
// the client says first, or in very many segments.
func (p proxied) introduced(t *testing.T, kind, how, header string) *wire {
	w := dialFrom(t, "127.0.0.1", p.addr(kind+":good"), nil)
	switch how {
	case "alone":
		w.sends(header)
	case "glued":
		w.Conn = &glued{w.Conn, header}
	default:
		w.drips(header)
	}
	if kind == "tls" {
		w.Conn = tls.Client(w.Conn, trust(t, filepath.Join(p.dir, "ca.pem")))
	}
	return w
}

// refusesHeaders: what is wrong ends the connection, is counted by a word and
// told with the reason; a peer that says nothing is a health check (PROXY-01,
// PROXY-02, PROXY-05, PROXY-06, MAP-08).
func (p proxied) refusesHeaders(t *testing.T) {
	const invalid, unsupported = "invalid_proxy_info", "unsupported_proto_v2"
	hello := "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("r", 64)
	cases := []struct{ name, sent, word, says string }{
		{"MQTT and no header", string(connectOf("direct", "", "")), invalid, "does not begin with a PROXY header"},
		{"TLS and no header", hello, invalid, "does not begin with a PROXY header"},
		{"TLV cut", header2("192.0.2.7", "\x20\x00\x63\x07\x00\x00\x00\x00"), invalid, "a TLV reaches beyond its end"},
		{"TLV inside of SSL cut", header2("192.0.2.7", tlv(0x20, "\x07\x00\x00\x00\x00\x22\x00\x63pump-1")), invalid, "inside of SSL reaches beyond its end"},
		{"line of more than 107 bytes", "PROXY TCP4 " + strings.Repeat("1", 200), invalid, "within 107 bytes"},
		{"version 2 of 64 KiB", signature2 + "\x21\x11\xff\xff", invalid, "65535 bytes are more than the 4096"},
		{"line break in the name", header2("192.0.2.7", ended(7, 0, "a\r\nX-Admin: 1")), invalid, "a control character in the common name"},
		{"wrong checksum", strings.Replace(checked2("192.0.2.7"), "\xc0\x00\x02\x07", "\xc0\x00\x02\x08", 1), invalid, "the checksum is wrong"},
		{"datagrams", signature2 + "\x21\x12\x00\x0c", unsupported, "another protocol than TCP"},
	}
	for _, kind := range []string{"tcp", "tls"} {
		listener := kind + ":bad"
		addr := p.addr(listener)
		for _, c := range cases {
			t.Run(c.name+"/"+kind, func(t *testing.T) {
				w := dialFrom(t, "127.0.0.1", addr, nil)
				w.sends(c.sent)
				if last := w.closed(); len(last) > 0 {
					t.Errorf("it answers % x", last)
				}
				l := p.waitFor("PROXY header refused", patience, func(l line) bool { return l.text("peer") == w.LocalAddr().String() })
				if l.text("listener") != listener || !strings.Contains(l.text("error"), c.says) {
					t.Errorf("the log says %v, want %q", l, c.says)
				}
				hint := "let the proxy send a header (send-proxy-v2 in HAProxy), or set listeners." + kind + ".bad.proxy_protocol: false"
				if want := strings.Contains(c.name, "no header"); (l.text("hint") == hint) != want {
					t.Errorf("the log says %v, want a hint: %t", l, want)
				}
			})
		}
		dialFrom(t, "127.0.0.1", addr, nil).Close()
		w := dialFrom(t, "127.0.0.1", addr, nil)
		w.sends("PROXY TC")
		w.Close()
		want := fmt.Sprint(map[string]uint64{invalid: 9, unsupported: 1})
		eventually(t, "the counters of "+listener+" are "+want, patience, func() bool { return fmt.Sprint(p.shed(t, listener)) == want })
	}
}

// losesPatience: the time is for the whole header, from accept (PROXY-02).
func (p proxied) losesPatience(t *testing.T) {
	for _, kind := range []string{"tcp", "tls"} {
		addr := p.addr(kind + ":hasty")
		began := time.Now()
		silent, slow := dialFrom(t, "127.0.0.1", addr, nil), dialFrom(t, "127.0.0.1", addr, nil)
		slow.sends("PROXY TCP4 192.0.2.7")
		for _, w := range []*wire{silent, slow} {
			w.closed()
			if d := time.Since(began); d < 300*time.Millisecond || d > 10*time.Second { // without it, idle_timeout ends them: 15 s
				t.Errorf("closed after %s", d)
			}
		}
		slow.sends(" 198.51.100.1 49153 1883\r\n" + string(connectOf("late", "", "")))
		p.waitFor("connection turned away", patience, func(l line) bool {
			return l.text("listener") == kind+":hasty" && l.text("reason") == "proxy_timeout" && l.text("peer") == slow.LocalAddr().String()
		})
		if shed := p.shed(t, kind+":hasty"); len(shed) != 1 || shed["proxy_timeout"] != 2 {
			t.Errorf("%s:hasty has turned away %v, want proxy_timeout 2", kind, shed)
		}
	}
}

// hints: a header that nobody expects ends the connection, and the log says
// which setting is missing (PROXY-01, U-22).
func (p proxied) hints(t *testing.T) {
	for name, header := range map[string]string{"v1": "PROXY TCP4 192.0.2.7 198.51.100.1 49153 1883\r\n", "v2": header2("192.0.2.8")} {
		t.Run(name, func(t *testing.T) {
			w := dialFrom(t, "127.0.0.1", p.addr("tcp:off"), nil)
			w.sends(header + string(connectOf("forger", "", "")))
			w.closed()
			p.waitFor("this looks like a PROXY header: set listeners.tcp.off.proxy_protocol: true", patience,
				func(l line) bool { return l.text("peer") == w.LocalAddr().String() && l.text("listener") == "tcp:off" })

			w = dialFrom(t, "127.0.0.1", p.addr("tls:off"), nil)
			w.sends(header)
			w.closed()
			l := p.waitFor("TLS handshake refused", patience, func(l line) bool { return l.text("peer") == w.LocalAddr().String() })
			if l.text("reason") != "not_tls" || l.text("level") != "INFO" || !strings.Contains(l.text("error"), "switch proxy_protocol on for this listener") {
				t.Errorf("the log says %v", l)
			}
		})
	}
}

// behindFront is the page on GM TLS: NGINX ends it in front, and hands plain TCP
// on with a header of version 1, all that it has.
func (p proxied) behindFront(t *testing.T) {
	need(t, "mosquitto_sub")
	front := frontOf(t, p.addr("tcp:good"))
	host, port := hostPort(t, front)
	args := []string{"-h", host, "-p", port, "-t", "gm/1"}
	id := unique("gm")
	s := startSub(t, append(args, "-A", "127.0.0.31", "-i", id)...)
	s.hear("received SUBACK")
	must(t, "", "mosquitto_pub", append(args, "-A", "127.0.0.32", "-i", id+"p", "-m", "hello")...)
	s.expect(message{Topic: "gm/1", Payload: "hello"})
	s.kill()
	for id, source := range map[string]string{id: "127.0.0.31", id + "p": "127.0.0.32"} {
		if l := p.about("client connected", id); !l.from(source) {
			t.Errorf("the log says %v, want a peer at %s", l, source)
		}
	}
}

// frontOf is a balancer that speaks version 1, as NGINX does with
// "proxy_protocol on".
func frontOf(t *testing.T, backend string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go handOn(client, backend)
		}
	}()
	return l.Addr().String()
}

// handOn connects a client with the backend until one of them closes.
func handOn(client net.Conn, backend string) {
	defer client.Close()
	server, err := net.Dial("tcp", backend)
	if err != nil {
		return
	}
	from, to := client.RemoteAddr().(*net.TCPAddr), client.LocalAddr().(*net.TCPAddr)
	fmt.Fprintf(server, "PROXY TCP4 %s %s %d %d\r\n", from.IP, to.IP, from.Port, to.Port)
	go func() { defer server.Close(); _, _ = io.Copy(server, client) }()
	_, _ = io.Copy(client, server)
}
