package upstream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// authority signs certificates of tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var serial int64

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := new(authority)
	a.cert, a.key = issue(t, nil, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

// below makes an authority that this one has signed.
func (a *authority) below(t testing.TB, name string) *authority {
	t.Helper()
	b := new(authority)
	b.cert, b.key = issue(t, a, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return b
}

// leaf makes a certificate for a name, with others that go along.
func (a *authority) leaf(t testing.TB, name string, chain ...*authority) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	cert, key := issue(t, a, template)
	out := tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
	for _, c := range chain {
		out.Certificate = append(out.Certificate, c.cert.Raw)
	}
	return out
}

func issue(t testing.TB, by *authority, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial++
	template.SerialNumber = big.NewInt(serial)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// serve starts an HTTPS server on 127.0.0.1 that shows a certificate, and asks
// for one of clients' when there is an authority for it.
func serve(t testing.TB, show tls.Certificate, clients *authority, http2 bool, h http.HandlerFunc, change ...func(*tls.Config)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.EnableHTTP2 = http2
	s.TLS = &tls.Config{Certificates: []tls.Certificate{show}}
	if clients != nil {
		s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, clients.pool()
	}
	for _, f := range change {
		f(s.TLS)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// open makes a set with one upstream, "backend".
func open(t testing.TB, o Options) (*Set, *Upstream) {
	t.Helper()
	s := NewSet(nil)
	t.Cleanup(s.Close)
	configure(t, s, o)
	return s, s.Lookup("backend")
}

func configure(t testing.TB, s *Set, o Options) {
	t.Helper()
	change, err := s.Prepare(map[string]Options{"backend": o})
	if err != nil {
		t.Fatal(err)
	}
	change.Apply()
}

type outcome struct {
	Response
	err error
}

// ask sends and waits.
func ask(t testing.TB, u *Upstream, r Request) outcome {
	t.Helper()
	got := make(chan outcome, 2)
	u.Send(t.Context(), r, func(r Response, err error) { got <- outcome{r, err} })
	select {
	case o := <-got:
		return o
	case <-time.After(20 * time.Second):
		t.Fatal("no answer")
		return outcome{}
	}
}

// kind is that of an error, 0 for none.
func kind(t testing.TB, err error) Kind {
	t.Helper()
	if err == nil {
		return 0
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("error %v (%T) is no *Error", err, err)
	}
	return e.Kind
}

// within polls until ok.
func within(t testing.TB, d time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %v: %s", d, what)
		case <-tick.C:
		}
	}
}

// trusting are options for a server of an authority.
func trusting(s *httptest.Server, a *authority) Options {
	return Options{
		URL: s.URL, HTTP2: s.EnableHTTP2,
		TLS: TLSOptions{Verify: true, Roots: []*x509.Certificate{a.cert}, Depth: 10},
	}
}
