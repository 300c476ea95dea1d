package tlsio

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// testCertificate is made once; a key costs more than a handshake.
var testCertificate = sync.OnceValue(func() tls.Certificate {
	c, err := selfSigned()
	if err != nil {
		panic(err)
	}
	return c
})

func serverConfig(version uint16) *tls.Config {
	return &tls.Config{
		Certificates:                []tls.Certificate{testCertificate()},
		MinVersion:                  version,
		MaxVersion:                  version,
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true,
	}
}

// mutualConfig asks for a client certificate and verifies it.
func mutualConfig(version uint16) *tls.Config {
	cfg := serverConfig(version)
	leaf, err := x509.ParseCertificate(testCertificate().Certificate[0])
	if err != nil {
		panic(err)
	}
	cfg.ClientCAs = x509.NewCertPool()
	cfg.ClientCAs.AddCert(leaf)
	cfg.ClientAuth = tls.RequireAndVerifyClientCert
	return cfg
}

func clientConfig() *tls.Config {
	return &tls.Config{
		InsecureSkipVerify:          true,
		Certificates:                []tls.Certificate{testCertificate()},
		DynamicRecordSizingDisabled: true,
	}
}

// open connects in memory, or fails the test.
func open(t testing.TB, server, client *tls.Config) (*Conn, *tls.Conn, *peer) {
	t.Helper()
	c, tc, p, err := inMemory(server, client)
	if err != nil {
		t.Fatal(err)
	}
	return c, tc, p
}

// perVersion runs f for TLS 1.2 and 1.3.
func perVersion(t *testing.T, f func(t *testing.T, version uint16)) {
	t.Helper()
	for _, v := range versions {
		t.Run(tls.VersionName(v), func(t *testing.T) { f(t, v) })
	}
}

// readAll reads the windows that chunk cuts from ciphertext, into a buffer of
// the size given, until everything is consumed.
func readAll(c *Conn, ciphertext []byte, chunk, size int) (plain []byte, err error) {
	dst, scratch := make([]byte, size), new(Scratch)
	var window []byte
	for len(ciphertext) > 0 || c.Pending() {
		k := min(chunk, len(ciphertext))
		window, ciphertext = append(window, ciphertext[:k]...), ciphertext[k:]
		for {
			n, consumed, err := c.Read(window, dst, scratch)
			plain = append(plain, dst[:n]...)
			window = window[consumed:]
			if err != nil {
				return plain, err
			}
			if n == 0 {
				break
			}
		}
	}
	if len(window) > 0 {
		return plain, fmt.Errorf("%d bytes are left in the window", len(window))
	}
	return plain, nil
}

// glued performs a handshake of which the client's last flight and its first
// data, payload, come out as one string of bytes, last, not yet fed. The
// server's worker is waiting for them; its result comes on done.
func glued(t testing.TB, version uint16, payload []byte) (c *Conn, last []byte, done chan error) {
	t.Helper()
	client := clientConfig()
	server := serverConfig(version)
	if version == tls.VersionTLS12 {
		// The client's Finished is last only in a resumed handshake
		// (RFC 5246 section 7.3).
		server.SessionTicketsDisabled = false
		client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		client.ServerName = "localhost"
		open(t, server, client)
	}
	p := newPeer()
	c = Server(server, p, p, p.feed)
	tc := tls.Client(p, client)
	wrote := make(chan error, 1)
	hello := make(chan []byte, 1)
	p.sink = func(b []byte) error {
		hello <- bytes.Clone(b)
		p.sink = nil // under p.mu: the rest is collected
		return nil
	}
	go func() {
		_, err := tc.Write(payload)
		wrote <- err
	}()
	if err := c.FeedHandshake(<-hello); err != nil {
		t.Fatal(err)
	}
	done = make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		done <- c.Handshake(ctx)
	}()
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if version == tls.VersionTLS12 && !tc.ConnectionState().DidResume {
		t.Fatal("the session was not resumed")
	}
	return c, p.written(), done
}
