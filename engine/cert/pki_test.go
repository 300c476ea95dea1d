package cert

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/cert/certtest"
)

// entity is a certificate of the tests with its key.
type entity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// issue makes a certificate: by parent, or self-signed without one. It is
// valid for an hour either way, unless change says otherwise.
func issue(t testing.TB, name string, key crypto.Signer, parent *entity, change func(*x509.Certificate)) *entity {
	t.Helper()
	if key == nil {
		key = newKey(t)
	}
	by := new(entity)
	if parent != nil {
		by = parent
	}
	return &entity{certtest.Issue(t, name, key, by.cert, by.key, change), key}
}

func ca(c *x509.Certificate) { certtest.CA(c) }

func forLocalhost(c *x509.Certificate) {
	c.DNSNames, c.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
}

func expired(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }

func newKey(t testing.TB) crypto.Signer { return certtest.NewKey(t) }

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func ed25519Key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, 32)) }

func certPEM(entities ...*entity) string {
	var s string
	for _, e := range entities {
		s += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.cert.Raw}))
	}
	return s
}

func keyPEM(t testing.TB, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (e *entity) tls() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{e.cert.Raw}, PrivateKey: e.key}
}

// write puts text into a new file and returns its path.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// files writes a chain, its key and, unless empty, authorities.
func files(t testing.TB, chain, key, authorities string) Files {
	t.Helper()
	f := Files{Certfile: write(t, "server.pem", chain), Keyfile: write(t, "server.key", key)}
	if authorities != "" {
		f.CACertfile = write(t, "ca.pem", authorities)
	}
	return f
}

// shake connects a client and a server; the client's error is the first of its
// handshake and of a read after it, where an alert of TLS 1.3 arrives.
func shake(t testing.TB, server, client *tls.Config) (state tls.ConnectionState, serverErr, clientErr error) {
	t.Helper()
	return shakeIn(context.Background(), t, server, client)
}

// shakeIn is shake with a context for the server's handshake.
func shakeIn(ctx context.Context, t testing.TB, server, client *tls.Config) (state tls.ConnectionState, serverErr, clientErr error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := ln.Accept()
		if err != nil {
			serverErr = err
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		s := tls.Server(c, server)
		if serverErr = s.HandshakeContext(ctx); serverErr == nil {
			state = s.ConnectionState()
			_, _ = s.Write([]byte("x"))
			return
		}
		// Wait for the client to have read the alert before the reset.
		_ = c.(*net.TCPConn).CloseWrite()
		var b [4096]byte
		for err = nil; err == nil; {
			_, err = c.Read(b[:])
		}
	}()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	tc := tls.Client(c, client)
	if clientErr = tc.Handshake(); clientErr == nil {
		_, clientErr = tc.Read(make([]byte, 1))
	}
	c.Close()
	<-done
	return state, serverErr, clientErr
}
