package ocsp

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/url"
	"path"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/wicketmq/wicket/engine/cert/certtest"
	"github.com/wicketmq/wicket/engine/fetch"
)

// entity is a certificate of the tests with its key.
type entity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// issue makes a certificate: by parent, or self-signed without one.
func issue(t testing.TB, name string, parent *entity, change func(*x509.Certificate)) *entity {
	t.Helper()
	return issueFor(t, certtest.NewKey(t), name, parent, change)
}

func issueFor(t testing.TB, key crypto.Signer, name string, parent *entity, change func(*x509.Certificate)) *entity {
	t.Helper()
	by := new(entity)
	if parent != nil {
		by = parent
	}
	return &entity{certtest.Issue(t, name, key, by.cert, by.key, withResponder, change), key}
}

// withResponder makes a certificate a long-lived one that names a responder.
func withResponder(c *x509.Certificate) {
	c.Subject.Organization = []string{"Tests"}
	c.NotAfter = time.Now().Add(1000 * time.Hour)
	c.OCSPServer = []string{"http://ocsp.example"}
}

func ca(c *x509.Certificate) { certtest.CA(c) }

func responds(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} }

func ask(t testing.TB, leaf, issuer *entity) *question {
	t.Helper()
	q, err := newQuestion(leaf.cert, issuer.cert)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// good is what a responder says of a certificate that is in order.
func good(leaf *entity) ocsp.Response {
	now := time.Now()
	return ocsp.Response{SerialNumber: leaf.cert.SerialNumber, ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(time.Hour)}
}

// sign makes an answer: signer's certificate is in it unless it is the
// issuer's.
func sign(t testing.TB, issuer, signer *entity, r ocsp.Response) []byte {
	t.Helper()
	if signer != issuer && r.Certificate == nil {
		r.Certificate = signer.cert
	}
	return bare(t, issuer, signer, r)
}

// bare is sign without adding the signer's certificate.
func bare(t testing.TB, issuer, signer *entity, r ocsp.Response) []byte {
	t.Helper()
	der, err := ocsp.CreateResponse(issuer.cert, signer.cert, r, signer.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// responder is a Fetcher that answers by a function, in memory.
type responder struct {
	mu     sync.Mutex
	asked  []asked
	answer func(ctx context.Context, r *ocsp.Request) ([]byte, error)
}

// asked is a question that a responder has got.
type asked struct {
	at   time.Time
	url  string
	post bool
}

func (r *responder) set(f func(ctx context.Context, r *ocsp.Request) ([]byte, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// says makes the responder answer so from now on.
func (r *responder) says(der []byte, err error) {
	r.set(func(context.Context, *ocsp.Request) ([]byte, error) { return der, err })
}

func (r *responder) questions() []asked {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]asked(nil), r.asked...)
}

func (r *responder) Get(ctx context.Context, address string) (fetch.Response, error) {
	text, err := url.QueryUnescape(path.Base(address))
	if err != nil {
		return fetch.Response{}, err
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return fetch.Response{}, err
	}
	return r.do(ctx, asked{time.Now(), address, false}, der)
}

func (r *responder) Post(ctx context.Context, address, contentType string, der []byte) (fetch.Response, error) {
	if contentType != "application/ocsp-request" {
		return fetch.Response{}, errors.New("content type " + contentType)
	}
	return r.do(ctx, asked{time.Now(), address, true}, der)
}

func (r *responder) do(ctx context.Context, a asked, der []byte) (fetch.Response, error) {
	q, err := ocsp.ParseRequest(der)
	if err != nil {
		return fetch.Response{}, err
	}
	r.mu.Lock()
	r.asked = append(r.asked, a)
	answer := r.answer
	r.mu.Unlock()
	body, err := answer(ctx, q)
	return fetch.Response{Body: body}, err
}
