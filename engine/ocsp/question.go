package ocsp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha1" // an identifier, not a protection: RFC 5019 section 2.1.1
	"crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/fetch"
)

// Fetcher carries questions to responders; a [fetch.Client] is one. An answer
// whose HTTP status is not 200 is an error.
type Fetcher interface {
	Get(ctx context.Context, url string) (fetch.Response, error)
	Post(ctx context.Context, url, contentType string, body []byte) (fetch.Response, error)
}

const (
	// maxGET is the longest URL of a question that is asked by GET (RFC 5019
	// section 5).
	maxGET = 255

	// maxResponders of those that a certificate names are asked in turn.
	maxResponders = 3

	requestType = "application/ocsp-request"
)

var oidSHA1 = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}

// certID names a certificate (RFC 6960 section 4.1.1).
type certID struct {
	Algorithm pkix.AlgorithmIdentifier
	NameHash  []byte
	KeyHash   []byte
	Serial    *big.Int
}

// request is an OCSPRequest with the one question in it, unsigned, and without
// a nonce, for with one a responder could not answer from its cache.
type request struct {
	TBS struct {
		List []struct{ ID certID }
	}
}

// question is what is asked about one certificate.
type question struct {
	leaf, issuer *x509.Certificate
	der          []byte // of the OCSPRequest; the same for the same certificate
}

// newQuestion makes the question about a leaf whose signature by issuer has
// been verified. The issuer's name is hashed as the leaf spells it, which
// differs from issuer's own spelling when an authority was renewed by other
// software.
func newQuestion(leaf, issuer *x509.Certificate) (*question, error) {
	key, err := publicKeyBits(issuer)
	if err != nil {
		return nil, err
	}
	name, hash := sha1.Sum(leaf.RawIssuer), sha1.Sum(key)
	var r request
	r.TBS.List = []struct{ ID certID }{{certID{
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidSHA1},
		NameHash:  name[:], KeyHash: hash[:], Serial: leaf.SerialNumber,
	}}}
	der, err := asn1.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("cannot write the question about certificate %s: %w", cert.Serial(leaf), err)
	}
	return &question{leaf: leaf, issuer: issuer, der: der}, nil
}

// publicKeyBits returns the contents of the BIT STRING of a certificate's
// public key, which is what key hashes are of.
func publicKeyBits(c *x509.Certificate) ([]byte, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &info); err != nil {
		return nil, fmt.Errorf("cannot parse the public key of %q: %w", cert.Subject(c.RawSubject), err)
	}
	return info.Key.RightAlign(), nil
}

// identity tells questions apart without making them: it stands for the
// issuer's name, its key, and the serial number.
type identity [sha256.Size]byte

func identify(leaf, issuer *x509.Certificate) (id identity) {
	h := sha256.New()
	h.Write(leaf.RawIssuer)
	h.Write(issuer.RawSubjectPublicKeyInfo)
	h.Write(leaf.SerialNumber.Bytes())
	h.Sum(id[:0])
	return id
}

// names reports whether id is that of the question's certificate. Serial
// numbers alone do not tell: each authority has its own.
func (q *question) names(id certID, hash crypto.Hash) bool {
	key, err := publicKeyBits(q.issuer)
	if err != nil || !hash.Available() || id.Serial.Cmp(q.leaf.SerialNumber) != 0 {
		return false
	}
	sum := func(b []byte) []byte {
		h := hash.New()
		h.Write(b)
		return h.Sum(nil)
	}
	return bytes.Equal(id.KeyHash, sum(key)) &&
		(bytes.Equal(id.NameHash, sum(q.leaf.RawIssuer)) || bytes.Equal(id.NameHash, sum(q.issuer.RawSubject)))
}

// errTimeout says that a responder did not answer in time.
var errTimeout = errors.New("no answer in time")

// ask puts the question to one responder and checks the answer.
func (q *question) ask(ctx context.Context, f Fetcher, responder string, timeout time.Duration) (*Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout)
	defer cancel()
	var r fetch.Response
	var err error
	if get := getURL(responder, q.der); get != "" {
		r, err = f.Get(ctx, get)
	} else {
		r, err = f.Post(ctx, responder, requestType, q.der)
	}
	if err != nil && context.Cause(ctx) == errTimeout {
		return nil, fmt.Errorf("%w: %q was given %v", errTimeout, responder, timeout)
	}
	if err != nil {
		return nil, err
	}
	a, err := q.check(r.Body)
	if err != nil {
		return nil, fmt.Errorf("cannot use the answer of %q: %w", responder, err)
	}
	a.Source = responder
	return a, nil
}

// getURL returns the URL of a question by GET (RFC 6960 appendix A.1), with
// exactly one slash between the responder's and the question, or "" when it
// must be asked by POST.
func getURL(responder string, der []byte) string {
	u, err := url.Parse(responder)
	if err != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return ""
	}
	// By its parsed form: in a path with characters that must be escaped and
	// are not, the question's own slashes would lose their escapes too.
	get := strings.TrimRight(u.String(), "/") + "/" + url.QueryEscape(base64.StdEncoding.EncodeToString(der))
	if len(get) > maxGET {
		return ""
	}
	return get
}

// CheckURL returns a sentence about what is wrong with a responder's URL.
func CheckURL(responder string) error {
	u, err := url.Parse(responder)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q is no http or https URL, like http://ocsp.example.com:9877/path", responder)
	case u.Host == "":
		return fmt.Errorf("%q names no host", responder)
	}
	return nil
}

var errNoResponder = errors.New("the certificate names no responder that is an http or https URL (authority information access)")

// responders returns those that a certificate names.
func responders(leaf *x509.Certificate) ([]string, error) {
	var out []string
	for _, u := range leaf.OCSPServer {
		if CheckURL(u) == nil && len(out) < maxResponders {
			out = append(out, u)
		}
	}
	if len(out) == 0 {
		return nil, errNoResponder
	}
	return out, nil
}
