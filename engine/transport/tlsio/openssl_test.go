package tlsio

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
)

// These tests hold conversations with OpenSSL over loopback sockets, the
// server being a goroutine that does what a loop does.

// dialogue is what became of one connection.
type dialogue struct {
	err  error // of the handshake, or of reading
	open bool  // the handshake succeeded
	got  string
	cn   string // of the client's certificate
}

// serve takes one connection after the other, echoes what it reads until the
// client closes, and reports each on the channel.
func serve(t *testing.T, cfg *tls.Config) (address string, results <-chan dialogue) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ch := make(chan dialogue, 16)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			s, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { ch <- converse(s, cfg) })
		}
	})
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	return ln.Addr().String(), ch
}

func converse(s net.Conn, cfg *tls.Config) (d dialogue) {
	defer s.Close()
	_ = s.SetDeadline(time.Now().Add(20 * time.Second))
	c := Server(cfg, s.RemoteAddr(), s.LocalAddr(), func(b []byte) error { _, err := s.Write(b); return err })
	done := make(chan error, 1)
	pool := NewPool(1, 1)
	buf := make([]byte, 4096)
	events := make(chan []byte)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		defer close(events)
		for {
			n, err := s.Read(buf)
			if n > 0 {
				select {
				case events <- bytes.Clone(buf[:n]):
				case <-stop:
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	started, feeding := false, events
	for !d.open {
		select {
		case b, ok := <-feeding:
			if !ok {
				c.Abort()
				if !started {
					d.err = io.EOF
					return d
				}
				feeding = nil
				continue
			}
			if d.err = c.FeedHandshake(b); d.err != nil {
				return d
			}
			if !started && c.Ready() {
				started = true
				if d.err = pool.Start(c, time.Now().Add(10*time.Second), func(err error) { done <- err }); d.err != nil {
					return d
				}
			}
		case d.err = <-done:
			if d.err == nil {
				d.err = c.Open()
			}
			if d.err != nil {
				// Let the client read the alert before a reset.
				_ = s.(*net.TCPConn).CloseWrite()
				for range events {
				}
				return d
			}
			d.open = true
		}
	}
	if certs := c.State().PeerCertificates; len(certs) > 0 {
		d.cn = certs[0].Subject.CommonName
	}
	c.Forget()
	var window []byte
	dst, scratch := make([]byte, 4096), new(Scratch)
	for {
		for {
			n, consumed, err := c.Read(window, dst, scratch)
			window = window[consumed:]
			d.got += string(dst[:n])
			out, werr := c.Write(dst[:n], nil)
			if err != nil {
				out = c.CloseNotify(out)
			}
			_, _ = s.Write(out)
			if err != nil {
				d.err = err
				return d
			}
			if werr != nil {
				d.err = werr
				return d
			}
			if n == 0 {
				break
			}
		}
		b, ok := <-events
		if !ok {
			d.err = io.ErrUnexpectedEOF
			return d
		}
		window = append(window, b...)
	}
}

// openssl runs one command in dir; it fails the test unless it succeeds.
func openssl(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// client runs s_client with lines of input given one by one; each is sent when
// the output has shown the word before it.
func client(t *testing.T, dir, address string, args []string, script ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "openssl", append([]string{"s_client", "-connect", address}, args...)...)
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := &watched{wake: make(chan struct{}, 1)}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(script); i += 2 {
		if !out.await(ctx, script[i]) {
			break
		}
		_, _ = io.WriteString(in, script[i+1])
	}
	if len(script)%2 == 1 {
		out.await(ctx, script[len(script)-1])
	}
	in.Close()
	_ = cmd.Wait() // s_client's status says little
	if ctx.Err() != nil {
		t.Fatalf("s_client took too long:\n%s", out.String())
	}
	return out.String()
}

// watched collects output and lets one goroutine wait for a word in it.
type watched struct {
	mu   sync.Mutex
	b    strings.Builder
	seen int
	wake chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(p)
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// await returns once word has come behind the last one awaited, or the client
// cannot go on.
func (w *watched) await(ctx context.Context, word string) bool {
	for {
		w.mu.Lock()
		s := w.b.String()
		i := strings.Index(s[w.seen:], word)
		if i >= 0 {
			w.seen += i + len(word)
		}
		w.mu.Unlock()
		if i >= 0 {
			return true
		}
		if strings.Contains(s, "alert number") || strings.Contains(s, ":error:") {
			return false
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return false
		}
	}
}

func needOpenSSL(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl on this machine")
	}
}

// handshake is the last that s_client prints of one, before it reads its input.
const handshake = "Verify return code"

// seed makes the files of the journey with the commands of the article that
// people follow: an authority, a server with a name or an address, a client
// without extensions.
func seed(t *testing.T, dir, san string) {
	t.Helper()
	openssl(t, dir, "genrsa", "-out", "ca.key", "2048")
	openssl(t, dir, "req", "-x509", "-new", "-nodes", "-key", "ca.key", "-sha256", "-days", "3650", "-out", "ca.pem", "-subj", "/C=CN/O=Test/CN=Root")
	openssl(t, dir, "genrsa", "-out", "emqx.key", "2048")
	cnf := "[req]\ndefault_bits = 2048\ndistinguished_name = req_distinguished_name\nreq_extensions = req_ext\nx509_extensions = v3_req\nprompt = no\n" +
		"[req_distinguished_name]\ncountryName = CN\nstateOrProvinceName = Zhejiang\nlocalityName = Hangzhou\norganizationName = EMQX\ncommonName = CA\n" +
		"[req_ext]\nsubjectAltName = @alt_names\n[v3_req]\nsubjectAltName = @alt_names\n[alt_names]\n" + san + "\n"
	if err := os.WriteFile(filepath.Join(dir, "openssl.cnf"), []byte(cnf), 0o600); err != nil {
		t.Fatal(err)
	}
	openssl(t, dir, "req", "-new", "-key", "./emqx.key", "-config", "openssl.cnf", "-out", "emqx.csr")
	openssl(t, dir, "x509", "-req", "-in", "./emqx.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "emqx.pem", "-days", "3650", "-sha256", "-extensions", "v3_req", "-extfile", "openssl.cnf")
	openssl(t, dir, "genrsa", "-out", "client.key", "2048")
	openssl(t, dir, "req", "-new", "-key", "client.key", "-out", "client.csr", "-subj", "/C=CN/ST=Zhejiang/L=Hangzhou/O=EMQX/CN=client")
	openssl(t, dir, "x509", "-req", "-days", "3650", "-in", "client.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "client.pem")
}

// Journey J1: two-way TLS with files made by the article's own commands.
func TestJourneyTwoWayTLS(t *testing.T) {
	needOpenSSL(t)
	if testing.Short() {
		t.Skip("RSA keys take a second")
	}
	dir := t.TempDir()
	seed(t, dir, "IP.1 = 127.0.0.1")
	in := func(name string) string { return filepath.Join(dir, name) }
	// A foreign authority and client, an expired client.
	openssl(t, dir, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "foreign.key", "-out", "foreign.pem", "-days", "10", "-subj", "/CN=foreign")
	openssl(t, dir, "x509", "-req", "-in", "client.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "expired.pem", "-days", "-1")
	cfg := func(require bool, versions ...string) *tls.Config {
		c, _, err := cert.ServerConfig(cert.Options{
			Files:      cert.Files{Certfile: in("emqx.pem"), Keyfile: in("emqx.key"), CACertfile: in("ca.pem")},
			VerifyPeer: true, RequirePeer: require, Versions: versions,
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	mutual := []string{"-CAfile", "ca.pem", "-cert", "client.pem", "-key", "client.key"}
	tests := []struct {
		name     string
		optional bool
		args     []string
		accepted bool
		cn       string
		alert    [2]string // TLS 1.2, 1.3
		reason   cert.Reason
	}{
		{"good", false, mutual, true, "client", [2]string{}, ""},
		{"good, optional", true, mutual, true, "client", [2]string{}, ""},
		{"none, optional", true, []string{"-CAfile", "ca.pem"}, true, "", [2]string{}, ""},
		{"none", false, []string{"-CAfile", "ca.pem"}, false, "", [2]string{"alert number 40", "alert number 116"}, cert.ReasonNoCert},
		{"foreign", false, []string{"-CAfile", "ca.pem", "-cert", "foreign.pem", "-key", "foreign.key"}, false, "", [2]string{"alert number 48", "alert number 48"}, cert.ReasonUnknownCA},
		{"foreign, optional", true, []string{"-CAfile", "ca.pem", "-cert", "foreign.pem", "-key", "foreign.key"}, false, "", [2]string{"alert number 48", "alert number 48"}, cert.ReasonUnknownCA},
		{"expired", false, []string{"-CAfile", "ca.pem", "-cert", "expired.pem", "-key", "client.key"}, false, "", [2]string{"alert number 45", "alert number 45"}, cert.ReasonExpired},
	}
	for i, version := range []string{"tlsv1.2", "tlsv1.3"} {
		for _, tt := range tests {
			t.Run(version+" "+tt.name, func(t *testing.T) {
				address, results := serve(t, cfg(!tt.optional, version))
				out := client(t, dir, address, append([]string{"-verify_return_error", "-verify_ip", "127.0.0.1"}, tt.args...), handshake, "hello\n", "hello")
				d := <-results
				if tt.accepted {
					if !d.open || d.got != "hello\n" || d.cn != tt.cn || strings.Count(out, "hello") != 1 {
						t.Fatalf("%+v\n%s", d, out)
					}
					return
				}
				if d.open || cert.Classify(d.err) != tt.reason || !strings.Contains(out, tt.alert[i]) {
					t.Fatalf("%+v, want %s and %s\n%s", d, tt.reason, tt.alert[i], out)
				}
			})
		}
	}
	t.Run("client without our authority", func(t *testing.T) {
		address, results := serve(t, cfg(false, "tlsv1.3"))
		client(t, dir, address, []string{"-verify_return_error"}, handshake)
		if d := <-results; d.open || cert.Classify(d.err) != cert.ReasonRefused {
			t.Fatalf("%v, %v", d.err, cert.Classify(d.err))
		}
	})
	t.Run("plain MQTT", func(t *testing.T) {
		address, results := serve(t, cfg(false))
		s, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		_, _ = s.Write([]byte("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"))
		if d := <-results; cert.Classify(d.err) != cert.ReasonNotTLS {
			t.Fatalf("%+v", d)
		}
	})
}

// J1 step 10: other keys, and chains in the right and in the wrong order.
func TestJourneyKeysAndChains(t *testing.T) {
	needOpenSSL(t)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(in("x.cnf"), []byte("[ca]\nbasicConstraints = critical, CA:true\n[leaf]\nsubjectAltName = DNS.1:localhost\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := map[string][]string{
		"P-256":   {"ecparam", "-genkey", "-name", "prime256v1", "-out"},
		"Ed25519": {"genpkey", "-algorithm", "ed25519", "-out"},
	}
	for name, args := range keys {
		t.Run(name, func(t *testing.T) {
			sign := func(who, subject, by, ext string) {
				openssl(t, dir, append(args, who+".key")...)
				if by == "" {
					openssl(t, dir, "req", "-x509", "-new", "-key", who+".key", "-out", who+".pem", "-days", "10", "-subj", subject)
					return
				}
				openssl(t, dir, "req", "-new", "-key", who+".key", "-out", who+".csr", "-subj", subject)
				sign := []string{"x509", "-req", "-in", who + ".csr", "-CA", by + ".pem", "-CAkey", by + ".key", "-CAcreateserial", "-out", who + ".pem", "-days", "10"}
				if ext != "" {
					sign = append(sign, "-extfile", "x.cnf", "-extensions", ext)
				}
				openssl(t, dir, sign...)
			}
			sign("root", "/CN=root", "", "")
			sign("middle", "/CN=middle", "root", "ca")
			sign("server", "/CN=localhost", "middle", "leaf")
			sign("client", "/CN=client", "middle", "")
			join := func(name string, parts ...string) string {
				var all []byte
				for _, p := range parts {
					b, err := os.ReadFile(in(p))
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, b...)
				}
				if err := os.WriteFile(in(name), all, 0o600); err != nil {
					t.Fatal(err)
				}
				return in(name)
			}
			o := cert.Options{VerifyPeer: true, RequirePeer: true, Depth: 1, Files: cert.Files{
				Certfile:   join("chain.pem", "server.pem", "middle.pem"),
				Keyfile:    in("server.key"),
				CACertfile: in("root.pem"),
			}}
			join("client-chain.pem", "client.pem", "middle.pem")
			for _, version := range []string{"tlsv1.2", "tlsv1.3"} {
				o.Versions = []string{version}
				cfg, _, err := cert.ServerConfig(o)
				if err != nil {
					t.Fatal(err)
				}
				address, results := serve(t, cfg)
				out := client(t, dir, address, []string{"-CAfile", "root.pem", "-verify_return_error", "-verify_hostname", "localhost",
					"-cert", "client.pem", "-cert_chain", "client-chain.pem", "-key", "client.key"}, handshake, "hello\n", "hello")
				if d := <-results; !d.open || d.got != "hello\n" || d.cn != "client" {
					t.Fatalf("%s: %+v\n%s", version, d, out)
				}
			}
			o.Certfile = join("wrong.pem", "middle.pem", "server.pem")
			if _, _, err := cert.ServerConfig(o); err == nil || !strings.Contains(err.Error(), "wrong order") {
				t.Errorf("wrong order: %v", err)
			}
		})
	}
}

// OpenSSL asks for new keys (RFC 8446 section 4.6.3), and for a renegotiation,
// which is refused (RFC 5246 section 7.4.1.1 allows that).
func TestOpenSSLCommands(t *testing.T) {
	needOpenSSL(t)
	t.Run("KeyUpdate", func(t *testing.T) {
		address, results := serve(t, serverConfig(tls.VersionTLS13))
		out := client(t, t.TempDir(), address, nil, handshake, "one\n", "one", "K\n", "KEYUPDATE", "two\n", "two")
		if d := <-results; d.got != "one\ntwo\n" || !errors.Is(d.err, io.EOF) {
			t.Fatalf("%+v\n%s", d, out)
		}
	})
	t.Run("renegotiation", func(t *testing.T) {
		address, results := serve(t, serverConfig(tls.VersionTLS12))
		out := client(t, t.TempDir(), address, nil, handshake, "one\n", "one", "R\n", "RENEGOTIATING", "")
		d := <-results
		if d.got != "one\n" || d.err == nil || errors.Is(d.err, io.EOF) || errors.Is(d.err, io.ErrUnexpectedEOF) {
			t.Fatalf("%+v\n%s", d, out)
		}
	})
}
