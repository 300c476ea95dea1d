package ocsp

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/fetch"
)

// office is the responder of OpenSSL with its files.
type office struct {
	dir             string
	root, responder *entity
	port            int // free a moment ago
	url             string
}

func openOffice(t *testing.T) *office {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	o := &office{dir: t.TempDir()}
	o.root = issue(t, "Root", nil, ca)
	o.responder = issue(t, "responder", o.root, responds)
	o.write(t, "ca.pem", o.root, false)
	o.write(t, "responder.pem", o.responder, true)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o.port = l.Addr().(*net.TCPAddr).Port
	o.url = fmt.Sprintf("http://127.0.0.1:%d", o.port)
	return o
}

func (o *office) path(name string) string { return filepath.Join(o.dir, name) }

func (o *office) write(t *testing.T, name string, e *entity, key bool) {
	t.Helper()
	var b bytes.Buffer
	_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: e.cert.Raw})
	if key {
		der, err := x509.MarshalPKCS8PrivateKey(e.key)
		if err != nil {
			t.Fatal(err)
		}
		_ = pem.Encode(&b, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	if err := os.WriteFile(o.path(name), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// index writes the database of openssl ca: what is not in it is unknown.
func (o *office) index(t *testing.T, valid, revoked *entity) {
	t.Helper()
	const form = "060102150405Z"
	text := fmt.Sprintf("V\t%s\t\t%s\tunknown\t/CN=valid\nR\t%s\t%s,keyCompromise\t%s\tunknown\t/CN=revoked\n",
		valid.cert.NotAfter.UTC().Format(form), strings.ToUpper(cert.Serial(valid.cert)),
		revoked.cert.NotAfter.UTC().Format(form), time.Now().Add(-time.Hour).UTC().Format(form), strings.ToUpper(cert.Serial(revoked.cert)))
	if err := os.WriteFile(o.path("index.txt"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// open starts the responder, whose index is written already.
func (o *office) open(t *testing.T, more ...string) {
	t.Helper()
	args := append([]string{
		"ocsp", "-port", fmt.Sprint(o.port), "-index", o.path("index.txt"), "-CA", o.path("ca.pem"),
		"-rsigner", o.path("responder.pem"), "-rkey", o.path("responder.pem"),
	}, more...)
	cmd := exec.Command("openssl", args...)
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = cmd.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(strings.ToLower(lines.Text()), "waiting for ocsp client") || strings.HasPrefix(lines.Text(), "ACCEPT") {
			go func() { // it must not block on a full pipe
				for lines.Scan() {
				}
			}()
			return
		}
	}
	t.Skip("openssl ocsp does not start here")
}

// TestOpenSSLResponder asks the responder of journey J6 by GET and POST, with
// and without nextUpdate.
func TestOpenSSLResponder(t *testing.T) {
	for _, more := range [][]string{nil, {"-nmin", "10"}} {
		o := openOffice(t)
		valid, revoked, stranger := issue(t, "valid", o.root, nil), issue(t, "revoked", o.root, nil), issue(t, "stranger", o.root, nil)
		o.index(t, valid, revoked)
		o.open(t, more...)
		f := fetch.New(fetch.Options{})
		for _, test := range []struct {
			leaf *entity
			url  string
			want Status
		}{
			{valid, o.url, Good},
			{valid, o.url + "/?", Good}, // by POST
			{revoked, o.url, Revoked},
			{stranger, o.url, Unknown},
		} {
			a, err := ask(t, test.leaf, o.root).ask(t.Context(), f, test.url, 10*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if a.Status != test.want || a.NextUpdate.IsZero() != (more == nil) {
				t.Errorf("%v: status %q, want %q; nextUpdate %v", more, a.Status, test.want, a.NextUpdate)
			}
			if a.Status == Revoked && a.Reason != 1 {
				t.Errorf("reason %d, want keyCompromise", a.Reason)
			}
		}
	}
}

// TestOpenSSLStaple staples the responder's answer to handshakes of TLS 1.2 and
// 1.3, with and without a server name (OCSP-06), and has OpenSSL believe it.
func TestOpenSSLStaple(t *testing.T) {
	o := openOffice(t)
	leaf := issue(t, "localhost", o.root, func(c *x509.Certificate) { c.DNSNames = []string{"localhost"} })
	o.index(t, leaf, issue(t, "revoked", o.root, nil))
	o.open(t, "-nmin", "10")
	o.write(t, "server.pem", leaf, true)
	config, bundle, err := cert.ServerConfig(cert.Options{Files: cert.Files{Certfile: o.path("server.pem"), Keyfile: o.path("server.pem")}})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp4", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go greet(listener)
	s, err := NewStapler(Options{
		Listener: "tls:default", Target: bundle, Fetch: fetch.New(fetch.Options{}), Responder: o.url, Issuers: []*x509.Certificate{o.root.cert},
		Refresh: 5 * time.Minute, Timeout: 10 * time.Second, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	await(t, func() bool { return s.State()[0].Stapled })

	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		for _, name := range [][]string{{"-servername", "localhost"}, {"-noservername"}} {
			args := append([]string{"s_client", "-connect", listener.Addr().String(), "-CAfile", o.path("ca.pem"), "-status", version}, name...)
			cmd := exec.CommandContext(t.Context(), "openssl", args...)
			cmd.Stdin = strings.NewReader("Q\n")
			out, err := cmd.CombinedOutput()
			for _, part := range []string{"OCSP Response Status: successful", "Cert Status: good", "Verify return code: 0"} {
				if !bytes.Contains(out, []byte(part)) {
					t.Errorf("%s %v: no %q (%v)\n%s", version, name, part, err, out)
				}
			}
		}
	}

	staple := handshake(t, listener.Addr().String(), o.root)
	if err := os.WriteFile(o.path("staple.der"), staple, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("openssl", "ocsp", "-respin", o.path("staple.der"), "-CAfile", o.path("ca.pem"),
		"-issuer", o.path("ca.pem"), "-cert", o.path("server.pem"), "-no_nonce").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("Response verify OK")) || !bytes.Contains(out, []byte("server.pem: good")) {
		t.Errorf("%v: %s", err, out)
	}

	s.Close()
	if staple := handshake(t, listener.Addr().String(), o.root); staple != nil {
		t.Errorf("a staple of %d bytes after Close", len(staple))
	}
}

// greet ends TLS for all who come.
func greet(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = c.Read(make([]byte, 16))
		}()
	}
}

// handshake returns what is stapled.
func handshake(t *testing.T, address string, root *entity) []byte {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(root.cert)
	c, err := tls.Dial("tcp4", address, &tls.Config{RootCAs: pool, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().OCSPResponse
}

// await lets a real responder take its time.
func await(t *testing.T, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}

// TestOpenSSLClients asks about clients in handshakes: the one in order is
// admitted, the others are refused for their reasons, and without a responder
// crl_unavailable decides.
func TestOpenSSLClients(t *testing.T) {
	o := openOffice(t)
	leaf := issue(t, "localhost", o.root, func(c *x509.Certificate) { c.DNSNames = []string{"localhost"} })
	o.write(t, "server.pem", leaf, true)
	names := func(url string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.OCSPServer = []string{url} }
	}
	down := issue(t, "down", o.root, names("http://127.0.0.1:1/"))
	none := issue(t, "none", o.root, names(""))
	valid, revoked, unknown := issue(t, "valid", o.root, names(o.url)), issue(t, "revoked", o.root, names(o.url)), issue(t, "unknown", o.root, names(o.url))
	o.index(t, valid, revoked)
	o.open(t)

	client := NewClient(ClientOptions{Fetch: fetch.New(fetch.Options{})})
	defer client.Close()
	for _, test := range []struct {
		by    *entity
		allow bool
		want  cert.Reason
	}{
		{valid, false, ""},
		{revoked, false, cert.ReasonRevoked},
		{revoked, true, cert.ReasonRevoked},
		{unknown, false, cert.ReasonUndetermined},
		{down, false, cert.ReasonUndetermined},
		{down, true, ""},
		{none, false, cert.ReasonUndetermined},
		{none, true, ""},
	} {
		config, _, err := cert.ServerConfig(cert.Options{
			Files:      cert.Files{Certfile: o.path("server.pem"), Keyfile: o.path("server.pem"), CACertfile: o.path("ca.pem")},
			VerifyPeer: true, RequirePeer: true, Depth: 10, Revocation: client.Checker(test.allow),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := meet(t, config, test.by, o.root); cert.Classify(err) != test.want {
			t.Errorf("%s, allow %v: %v, want %q", test.by.cert.Subject.CommonName, test.allow, err, test.want)
		}
	}
}

// meet has a client shake hands and returns the server's error.
func meet(t *testing.T, config *tls.Config, client, root *entity) error {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	pool := x509.NewCertPool()
	pool.AddCert(root.cert)
	go func() {
		c := tls.Client(theirs, &tls.Config{RootCAs: pool, ServerName: "localhost", Certificates: []tls.Certificate{{
			Certificate: [][]byte{client.cert.Raw}, PrivateKey: client.key,
		}}})
		if c.Handshake() == nil {
			_, _ = c.Read(make([]byte, 1)) // the verdict of TLS 1.3
		}
	}()
	return tls.Server(ours, config).HandshakeContext(t.Context())
}
