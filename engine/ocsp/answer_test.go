package ocsp

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// TestCheck is OCSP-07: an answer is believed when it is about the certificate,
// signed by who may and of this time, and each lie has its sentence.
func TestCheck(t *testing.T) {
	root := issue(t, "Root", nil, ca)
	other := issue(t, "Other", nil, ca)
	sub := issue(t, "Sub", root, ca)
	leaf := issue(t, "leaf", sub, nil)
	delegate := issue(t, "responder", sub, responds)
	renewed := issueFor(t, sub.key, "Sub", root, ca)
	twin := issue(t, "Sub", nil, ca) // the same name, another key
	twinLeaf := issue(t, "leaf", twin, func(c *x509.Certificate) { c.SerialNumber = leaf.cert.SerialNumber })
	base := good(leaf)
	with := func(change func(*ocsp.Response)) ocsp.Response { r := base; change(&r); return r }
	stray := func(change func(*x509.Certificate)) *entity {
		return issue(t, "responder", sub, func(c *x509.Certificate) { responds(c); change(c) })
	}

	tests := []struct {
		name string
		der  []byte
		want string // in the error; "" for a good answer
	}{
		{"by the issuer", sign(t, sub, sub, base), ""},
		{"by the issuer, with its certificate", sign(t, sub, sub, with(func(r *ocsp.Response) { r.Certificate = sub.cert })), ""},
		{"by the issuer's key, with its renewed certificate", sign(t, sub, renewed, with(func(r *ocsp.Response) { r.Certificate = renewed.cert })), ""},
		{"by a delegate", sign(t, sub, delegate, base), ""},
		{"with hashes of SHA-256", sign(t, sub, sub, with(func(r *ocsp.Response) { r.IssuerHash = 5 })), ""},
		{"without nextUpdate", sign(t, sub, sub, with(func(r *ocsp.Response) { r.NextUpdate = time.Time{} })), ""},
		{"a clock a little ahead", sign(t, sub, sub, with(func(r *ocsp.Response) { r.ThisUpdate = time.Now().Add(time.Minute) })), ""},

		{"by the root", sign(t, sub, root, base), "is no responder for the issuer"},
		{"by another authority", sign(t, sub, other, base), "issued by another authority"},
		{"by an authority of the same name", sign(t, sub, twin, with(func(r *ocsp.Response) { r.Certificate = twin.cert })), "no responder"},
		{"by another key, without a certificate", bare(t, sub, &entity{sub.cert, other.key}, base), "it is not signed by"},
		{"by another key, with the issuer's certificate", sign(t, sub, &entity{sub.cert, other.key}, with(func(r *ocsp.Response) { r.Certificate = sub.cert })), "bad signature"},
		{"by a delegate without OCSPSigning", sign(t, sub, issue(t, "responder", sub, nil), base), "lacks the extended key usage OCSPSigning"},
		{"by a delegate for any usage", sign(t, sub, issue(t, "responder", sub, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
		}), base), "lacks the extended key usage OCSPSigning"},
		{"by a leaf of the same issuer", sign(t, sub, leaf, base), "lacks the extended key usage OCSPSigning"},
		{"by a delegate of another authority", sign(t, sub, issue(t, "responder", other, responds), base), "issued by another authority"},
		{"by a delegate of the twin", sign(t, sub, issue(t, "responder", twin, responds), base), "no responder for the issuer"},
		{"by an expired delegate", sign(t, sub, stray(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }), base), "has expired"},
		{"by a delegate that may not sign", sign(t, sub, stray(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }), base), "lacks digitalSignature"},
		{"with SHA-1", sign(t, sub, sub, with(func(r *ocsp.Response) { r.SignatureAlgorithm = x509.ECDSAWithSHA1 })), "ECDSA-SHA1 is not accepted"},
		{"in the name of another", bare(t, sub, &entity{other.cert, sub.key}, base), "names another responder"},

		{"another serial number", sign(t, sub, sub, with(func(r *ocsp.Response) { r.SerialNumber = delegate.cert.SerialNumber })), "no response matching"},
		{"the serial number of another issuer's", sign(t, twin, sub, good(twinLeaf)), "about a certificate of another issuer"},
		{"the same, renamed", sign(t, root, sub, base), "about a certificate of another issuer"},

		{"out of date", sign(t, sub, sub, with(func(r *ocsp.Response) { r.NextUpdate = time.Now().Add(-time.Second) })), "out of date"},
		{"old without nextUpdate", sign(t, sub, sub, with(func(r *ocsp.Response) {
			r.NextUpdate, r.ThisUpdate = time.Time{}, time.Now().Add(-2*time.Hour)
		})), "has no nextUpdate"},
		{"of the future", sign(t, sub, sub, with(func(r *ocsp.Response) { r.ThisUpdate = time.Now().Add(time.Hour) })), "of the future"},
		{"ends before it begins", sign(t, sub, sub, with(func(r *ocsp.Response) { r.NextUpdate = r.ThisUpdate.Add(-time.Second) })), "before it begins"},
		{"a critical extension", sign(t, sub, sub, with(func(r *ocsp.Response) {
			r.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		})), "critical extension"},

		{"unauthorized", ocsp.UnauthorizedErrorResponse, "unauthorized"},
		{"try later", ocsp.TryLaterErrorResponse, "try later"},
		{"empty", nil, "no OCSP response"},
		{"a page", []byte("<html>it works</html>"), "no OCSP response"},
		{"huge", bytes.Repeat([]byte{0x30}, maxAnswer+1), "larger than 32 KB"},
		{"cut", sign(t, sub, sub, base)[:100], "no OCSP response"},
		{"with more behind it", append(sign(t, sub, sub, base), 0), "trailing data"},
	}
	q := ask(t, leaf, sub)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, err := q.check(test.der)
			switch {
			case test.want == "" && err != nil:
				t.Fatal(err)
			case test.want == "" && (a.Status != Good || !bytes.Equal(a.Raw, test.der)):
				t.Fatalf("status %q, raw of %d bytes, want good and the %d given", a.Status, len(a.Raw), len(test.der))
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

// TestCheckStatus reads the three statuses.
func TestCheckStatus(t *testing.T) {
	root := issue(t, "Root", nil, ca)
	leaf := issue(t, "leaf", root, nil)
	at := time.Now().Add(-30 * time.Minute).UTC().Truncate(time.Second)
	for status, want := range statuses {
		r := good(leaf)
		r.Status = status
		if want == Revoked {
			r.RevokedAt, r.RevocationReason = at, ocsp.KeyCompromise
		}
		a, err := ask(t, leaf, root).check(sign(t, root, root, r))
		if err != nil {
			t.Fatal(err)
		}
		if a.Status != want {
			t.Errorf("status %q, want %q", a.Status, want)
		}
		if want == Revoked && (!a.RevokedAt.Equal(at) || a.Reason != ocsp.KeyCompromise) {
			t.Errorf("revoked at %v for %d, want %v for %d", a.RevokedAt, a.Reason, at, ocsp.KeyCompromise)
		}
	}
}

// TestCheckEnd finds the moment from which an answer says nothing any more.
func TestCheckEnd(t *testing.T) {
	root := issue(t, "Root", nil, ca)
	leaf := issue(t, "leaf", root, nil)
	short := issue(t, "responder", root, func(c *x509.Certificate) { responds(c); c.NotAfter = time.Now().Add(10 * time.Minute) })
	r := good(leaf)
	open := r
	open.NextUpdate = time.Time{}
	for _, test := range []struct {
		name   string
		answer []byte
		want   time.Time
	}{
		{"nextUpdate", sign(t, root, root, r), r.NextUpdate},
		{"no nextUpdate", sign(t, root, root, open), r.ThisUpdate.Add(openEnded)},
		{"the responder's certificate", sign(t, root, short, r), short.cert.NotAfter},
	} {
		a, err := ask(t, leaf, root).check(test.answer)
		if err != nil {
			t.Fatal(err)
		}
		if d := a.until.Sub(test.want).Abs(); d > time.Second {
			t.Errorf("%s: ends %v, want %v", test.name, a.until, test.want)
		}
	}
}
