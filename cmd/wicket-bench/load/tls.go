package load

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// TLS is how clients secure their connections. The files are PEM.
type TLS struct {
	CA         string `json:"ca"` // trusted certificates
	ServerName string `json:"server_name"`
	// CACert and CAKey are an authority that issues one certificate for each
	// client; without them clients have none.
	CACert     string `json:"ca_cert,omitempty"`
	CAKey      string `json:"ca_key,omitempty"`
	MaxVersion uint16 `json:"max_version,omitempty"` // 0 is TLS 1.3
	// X25519 offers that key exchange alone; otherwise the default of
	// crypto/tls is used, which prefers X25519MLKEM768.
	X25519 bool `json:"x25519,omitempty"`
}

// credentials is a TLS with its files read.
type credentials struct {
	base      *tls.Config
	authority *tls.Certificate
	key       *ecdsa.PrivateKey // of every client: certificates differ, keys need not
}

func (t *TLS) load() (*credentials, error) {
	pem, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, fmt.Errorf("cannot read the trusted certificates: %w", err)
	}
	c := &credentials{base: &tls.Config{
		RootCAs: x509.NewCertPool(), ServerName: t.ServerName,
		MinVersion: tls.VersionTLS12, MaxVersion: t.MaxVersion,
	}}
	if t.X25519 {
		c.base.CurvePreferences = []tls.CurveID{tls.X25519}
	}
	if !c.base.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("the file of trusted certificates has none")
	}
	if t.CACert == "" {
		return c, nil
	}
	authority, err := tls.LoadX509KeyPair(t.CACert, t.CAKey)
	if err != nil {
		return nil, fmt.Errorf("cannot read the authority of client certificates: %w", err)
	}
	c.authority = &authority
	c.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return c, err
}

// config is the configuration of client n, with a certificate of its own when
// there is an authority, so that the broker's copies cannot be one.
func (c *credentials) config(n int, name string) (*tls.Config, error) {
	if c.authority == nil {
		return c.base, nil
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(n) + 1000),
		Subject:      pkix.Name{CommonName: name, Organization: []string{"wicket-bench"}},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.authority.Leaf, c.key.Public(), c.authority.PrivateKey)
	if err != nil {
		return nil, err
	}
	cfg := c.base.Clone()
	cfg.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: c.key}}
	return cfg, nil
}

// secure is the TLS layer of a client. Its handshake runs on the goroutine
// that dials, over the socket; after [secure.detach] it lives on the loop, fed
// from windows and writing to a buffer.
type secure struct {
	net.Conn // of the handshake; nil afterwards
	tls      *tls.Conn
	in       bytes.Reader
	out      []byte
}

func handshake(ctx context.Context, c net.Conn, cfg *tls.Config) (*secure, error) {
	s := &secure{Conn: c}
	s.tls = tls.Client(s, cfg)
	if err := s.tls.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// detach takes the layer off the socket.
func (s *secure) detach() { s.Conn = nil }

// again is what the record layer reads when a window is used up. crypto/tls
// does not latch an error whose Temporary method reports true, so the rest of
// a record can follow later.
type again struct{}

func (again) Error() string   { return "more bytes needed" }
func (again) Timeout() bool   { return false }
func (again) Temporary() bool { return true }

var errAgain error = again{}

// Read is called by crypto/tls.
func (s *secure) Read(p []byte) (int, error) {
	if s.Conn != nil {
		return s.Conn.Read(p)
	}
	if s.in.Len() == 0 {
		return 0, errAgain
	}
	return s.in.Read(p)
}

// Write is called by crypto/tls.
func (s *secure) Write(p []byte) (int, error) {
	if s.Conn != nil {
		return s.Conn.Write(p)
	}
	s.out = append(s.out, p...)
	return len(p), nil
}

// Close is called by crypto/tls; the socket is the loop's.
func (s *secure) Close() error { return nil }

// open decrypts what a window holds into dst and appends it there.
func (s *secure) open(window, dst []byte) ([]byte, error) {
	s.in.Reset(window)
	for {
		if cap(dst)-len(dst) < 4096 {
			dst = append(dst, make([]byte, 16<<10)...)[:len(dst)]
		}
		n, err := s.tls.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if err == errAgain {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
}

// seal encrypts plain and returns the records, valid until the next call.
func (s *secure) seal(plain []byte) ([]byte, error) {
	s.out = s.out[:0]
	_, err := s.tls.Write(plain)
	return s.out, err
}
