package reactor

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
)

// haproxyConfig has one frontend for each way to hand a client on. The checks
// send LOCAL headers.
const haproxyConfig = `
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend required
    bind %[1]s ssl crt server.pem ca-file ca.pem verify required alpn mqtt
    default_backend plain
frontend lenient
    bind %[2]s ssl crt server.pem ca-file ca.pem verify optional crt-ignore-err all ca-ignore-err all
    default_backend plain
frontend passthrough
    bind %[3]s
    default_backend tls
frontend text
    bind %[4]s
    default_backend old
backend plain
    server b1 %[5]s send-proxy-v2-ssl-cn proxy-v2-options authority,crc32c,ssl-cipher check check-send-proxy inter 50ms
backend tls
    server b2 %[6]s send-proxy-v2
backend old
    server b3 %[5]s send-proxy
`

// startHAProxy runs HAProxy in front of both listeners and returns the
// addresses of its frontends.
func startHAProxy(t *testing.T, w *world, ca *authority, server tls.Certificate) (frontends [4]string) {
	t.Helper()
	program, err := exec.LookPath("haproxy")
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatal("haproxy is not installed; .ci/run installs it")
	case err != nil:
		t.Skip("no haproxy here")
	}
	dir := t.TempDir()
	var chain []byte
	for _, der := range server.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("server.pem", append(chain, keyPEM(t, server)...))
	write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw}))
	for i := range frontends {
		frontends[i] = freePort(t)
	}
	s := w.r.Stats()
	write("haproxy.cfg", fmt.Appendf(nil, haproxyConfig, frontends[0], frontends[1], frontends[2], frontends[3], s[0].Bind, s[1].Bind))
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "-db", "-f", "haproxy.cfg")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, testLog{t}, testLog{t}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	for _, address := range frontends {
		eventually(t, "HAProxy listens", func() bool {
			c, err := net.Dial("tcp", address)
			if err == nil {
				c.Close()
			}
			return err == nil
		})
	}
	return frontends
}

// freePort is an address that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// J9 with a real HAProxy: TLS ended there with the name handed on, TLS passed
// through, and the header of version 1.
func TestBehindHAProxy(t *testing.T) {
	ca := newAuthority(t)
	stranger := newAuthority(t)
	var server tls.Certificate
	w, seen := newProxiedWorld(t, func(o *Options) {
		server = certificateOf(t, o.Listeners[1].TLS)
		ca.demand(&o.Listeners[1])
		o.Listeners[0].ProxyTrusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	frontends := startHAProxy(t, w, ca, server)
	device, forger := ca.client("Gerät 7", hour()), stranger.client("admin", hour())
	device.ServerName, device.NextProtos = "broker.example", []string{"mqtt"}
	for _, c := range []struct {
		name     string
		frontend int
		cfg      *tls.Config // nil = no TLS
		want     func(*auth.Request) bool
	}{
		{"TLS ended, verified", 0, device, func(r *auth.Request) bool {
			p := r.Proxy
			return r.TLS == nil && p.CommonName == "Gerät 7" && p.ServerName == "broker.example" && p.TLSVersion == "TLSv1.3" && p.Cipher != ""
		}},
		{"TLS ended, not verified", 1, forger, func(r *auth.Request) bool { return r.Proxy.CommonName == "" && r.Proxy.TLSVersion != "" }},
		{"TLS ended, no certificate", 1, w.tls, func(r *auth.Request) bool { return r.Proxy.CommonName == "" && r.Proxy.TLSVersion != "" }},
		{"TLS passed through", 2, device, func(r *auth.Request) bool {
			return r.TLS != nil && r.TLS.Verified && r.TLS.Chain[0].Subject.CommonName == "Gerät 7" && r.Proxy.CommonName == ""
		}},
		{"version 1", 3, nil, func(r *auth.Request) bool { return r.TLS == nil && r.Proxy.TLSVersion == "" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw, err := net.Dial("tcp", frontends[c.frontend])
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
			p := peer{t, raw}
			if c.cfg != nil {
				p.Conn = tls.Client(raw, c.cfg)
			}
			p.send(connectPacket("behind"))
			p.expect(connack)
			r := <-seen.seen
			if r.Proxy == nil || r.Peer.String() != raw.LocalAddr().String() || r.Proxy.Via == r.Peer {
				t.Fatalf("client %s, proxy %+v; want client %s", r.Peer, r.Proxy, raw.LocalAddr())
			}
			if !c.want(r) {
				t.Errorf("proxy %+v, TLS %+v", r.Proxy, r.TLS)
			}
		})
	}
	t.Run("unverified where it is required", func(t *testing.T) {
		c, err := tls.Dial("tcp", frontends[0], forger)
		if err == nil {
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			_, err = c.Read(make([]byte, 1))
			c.Close()
		}
		if err == nil {
			t.Error("HAProxy let a stranger in")
		}
	})
	eventually(t, "health checks have come", func() bool { return w.r.Stats()[0].Accepted > 10 })
	for i, s := range w.r.Stats() {
		if len(s.Shed) != 0 {
			t.Errorf("listener %d has turned away %v", i, s.Shed)
		}
	}
}
