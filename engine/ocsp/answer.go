package ocsp

import (
	"bytes"
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/wicketmq/wicket/engine/cert"
)

const (
	// maxAnswer is the largest answer that is believed. One is a few KB; it
	// travels with every handshake.
	maxAnswer = 32 << 10

	// skew is how far a responder's clock may be ahead of ours.
	skew = 5 * time.Minute

	// openEnded is how long an answer without nextUpdate is believed. RFC 6960
	// section 4.2.2.1 says of it that newer information is always available,
	// so it must not be used for ever; an earlier answer could be replayed.
	openEnded = time.Hour
)

// Status is what a responder says about a certificate.
type Status string

// The statuses of RFC 6960 section 2.2.
const (
	Good    Status = "good"
	Revoked Status = "revoked"
	Unknown Status = "unknown" // to the responder
)

var statuses = map[int]Status{ocsp.Good: Good, ocsp.Revoked: Revoked, ocsp.Unknown: Unknown}

// Answer is an OCSP response that was found to be about the certificate asked
// for, signed by its issuer or by a responder that the issuer has named so, and
// of this time.
type Answer struct {
	Raw        []byte // DER of the OCSPResponse, to be stapled unchanged
	Status     Status
	ProducedAt time.Time
	ThisUpdate time.Time
	NextUpdate time.Time // zero when it has none
	RevokedAt  time.Time // zero unless revoked
	Reason     int       // CRLReason (RFC 5280 section 5.3.1) when revoked
	Source     string    // URL of the responder

	until time.Time // it says nothing any more from then on
}

// tbs is the part of ResponseData that package ocsp does not hand out: whose
// serial number it is.
type tbs struct {
	Version     int           `asn1:"optional,default:0,explicit,tag:0"`
	ResponderID asn1.RawValue // name or key hash
	ProducedAt  time.Time     `asn1:"generalized"`
	Responses   []struct{ ID certID }
}

// check believes an answer or says why not (OCSP-07, RFC 6960 section 3.2).
func (q *question) check(der []byte) (a *Answer, err error) {
	defer func() {
		// Foreign bytes: a defect of a parser costs this answer only.
		if r := recover(); r != nil {
			a, err = nil, fmt.Errorf("the parser failed: %v", r)
		}
	}()
	if len(der) > maxAnswer {
		return nil, fmt.Errorf("it is larger than %d KB", maxAnswer>>10)
	}
	// No issuer is given, for package ocsp takes any certificate of the issuer
	// for a responder's; the signer is checked below.
	r, err := ocsp.ParseResponseForCert(der, q.leaf, nil)
	if err != nil {
		return nil, understandable(err)
	}
	if err := q.checkID(r); err != nil {
		return nil, err
	}
	now := time.Now()
	last, err := q.checkSigner(r, now)
	if err != nil {
		return nil, err
	}
	until, err := window(r, now)
	if err != nil {
		return nil, err
	}
	if !last.IsZero() && last.Before(until) {
		until = last
	}
	return &Answer{
		Raw: bytes.Clone(der), Status: statuses[r.Status], ProducedAt: r.ProducedAt, ThisUpdate: r.ThisUpdate,
		NextUpdate: r.NextUpdate, RevokedAt: r.RevokedAt, Reason: r.RevocationReason, until: until,
	}, nil
}

// understandable says of bytes that are no DER what they are not: often the
// page of a web server that is no responder.
func understandable(err error) error {
	_, structural := errors.AsType[asn1.StructuralError](err)
	_, syntax := errors.AsType[asn1.SyntaxError](err)
	if structural || syntax {
		return fmt.Errorf("it is no OCSP response; is that the responder's URL? (%w)", err)
	}
	return err
}

// checkID looks up the single response that package ocsp chose, the first with
// the leaf's serial number.
func (q *question) checkID(r *ocsp.Response) error {
	var t tbs
	if _, err := asn1.Unmarshal(r.TBSResponseData, &t); err != nil {
		return err
	}
	for _, one := range t.Responses {
		if one.ID.Serial.Cmp(q.leaf.SerialNumber) == 0 {
			if q.names(one.ID, r.IssuerHash) {
				return nil
			}
			break
		}
	}
	return errors.New("it is about a certificate of another issuer")
}

// strong are the signatures that are believed. SHA-1 is not among them: a
// responder that puts bytes of a stranger's choice into its answers could be
// made to sign another one.
var strong = []x509.SignatureAlgorithm{
	x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512,
}

// checkSigner verifies the signature, by the issuer's key or by that of a
// responder with a certificate of the issuer for this purpose (RFC 6960
// section 4.2.2.2), and returns when that certificate ends; zero for the
// issuer. Whether the responder itself is revoked is not asked: its certificate
// is short-lived or says id-pkix-ocsp-nocheck.
func (q *question) checkSigner(r *ocsp.Response, now time.Time) (last time.Time, err error) {
	if !slices.Contains(strong, r.SignatureAlgorithm) {
		return last, fmt.Errorf("its signature algorithm %v is not accepted; RSA and ECDSA with SHA-256 or better are", r.SignatureAlgorithm)
	}
	signer, named := q.issuer, q.issuer
	if r.Certificate != nil {
		named = r.Certificate
	}
	if c := named; !bytes.Equal(c.RawSubjectPublicKeyInfo, q.issuer.RawSubjectPublicKeyInfo) {
		if err := q.checkDelegate(c, now); err != nil {
			return last, fmt.Errorf("its signer %q is no responder for the issuer %q: %w",
				cert.Subject(c.RawSubject), cert.Subject(q.issuer.RawSubject), err)
		}
		signer, last = c, c.NotAfter
	}
	if err := r.CheckSignatureFrom(signer); err != nil {
		return last, fmt.Errorf("it is not signed by %q: %w", cert.Subject(signer.RawSubject), err)
	}
	if !signedAs(r, named) {
		return last, fmt.Errorf("it is signed by %q but names another responder", cert.Subject(signer.RawSubject))
	}
	return last, nil
}

func (q *question) checkDelegate(c *x509.Certificate, now time.Time) error {
	const signs = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	switch {
	case !bytes.Equal(c.RawIssuer, q.issuer.RawSubject) && !bytes.Equal(c.RawIssuer, q.leaf.RawIssuer):
		return errors.New("its certificate was issued by another authority")
	case !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return errors.New("its certificate lacks the extended key usage OCSPSigning")
	case c.KeyUsage != 0 && c.KeyUsage&signs == 0:
		return errors.New("its certificate's key usage lacks digitalSignature")
	case now.Add(skew).Before(c.NotBefore), !now.Before(c.NotAfter):
		return errors.New("its certificate has expired or is not yet valid")
	}
	return c.CheckSignatureFrom(q.issuer)
}

// signedAs reports whether the responder that the answer names is the signer.
// Clients that are shown the answer look the signer up by it.
func signedAs(r *ocsp.Response, signer *x509.Certificate) bool {
	if r.RawResponderName != nil {
		return bytes.Equal(r.RawResponderName, signer.RawSubject)
	}
	key, err := publicKeyBits(signer)
	if err != nil {
		return false
	}
	hash := sha1.Sum(key)
	return bytes.Equal(r.ResponderKeyHash, hash[:])
}

// window checks the time of an answer and returns when it ends.
func window(r *ocsp.Response, now time.Time) (until time.Time, err error) {
	until = r.NextUpdate
	if until.IsZero() {
		until = r.ThisUpdate.Add(openEnded)
	}
	switch {
	case r.ThisUpdate.After(now.Add(skew)):
		return until, fmt.Errorf("it is of the future (thisUpdate %s): is the clock right?", stamp(r.ThisUpdate))
	case !until.After(r.ThisUpdate):
		return until, fmt.Errorf("it ends (nextUpdate %s) before it begins (thisUpdate %s)", stamp(until), stamp(r.ThisUpdate))
	case !now.Before(until) && r.NextUpdate.IsZero():
		return until, fmt.Errorf("it is old (thisUpdate %s) and has no nextUpdate", stamp(r.ThisUpdate))
	case !now.Before(until):
		return until, fmt.Errorf("it is out of date (nextUpdate %s)", stamp(until))
	}
	return until, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
