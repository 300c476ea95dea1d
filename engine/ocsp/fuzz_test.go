package ocsp

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

var update = flag.Bool("update", false, "make testdata anew")

// forever is when the certificates and answers of testdata end.
var forever = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)

// recorded are the answers of testdata by file and what comes of them.
var recorded = map[string]string{
	"issuer.der":   "good",
	"delegate.der": "good",
	"sha256.der":   "good",
	"revoked.der":  "revoked",
	"unknown.der":  "unknown",
	"noeku.der":    "lacks the extended key usage",
	"other.der":    "issued by another authority",
	"serial.der":   "no response matching",
	"ended.der":    "out of date",
	"later.der":    "try later",
	"critical.der": "critical extension",
	"crl.der":      "syntax error",
}

// record writes testdata.
func record(t *testing.T) {
	long := func(more ...func(*x509.Certificate)) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.NotAfter = forever
			for _, f := range more {
				f(c)
			}
		}
	}
	root, other := issue(t, "Root", nil, long(ca)), issue(t, "Other", nil, long(ca))
	leaf := issue(t, "leaf", root, long())
	delegate, noeku := issue(t, "responder", root, long(responds)), issue(t, "noeku", root, long())
	r := good(leaf)
	r.NextUpdate = forever
	with := func(change func(*ocsp.Response)) ocsp.Response { r := r; change(&r); return r }
	files := map[string][]byte{
		"issuer.der":   sign(t, root, root, r),
		"delegate.der": sign(t, root, delegate, r),
		"sha256.der":   sign(t, root, root, with(func(r *ocsp.Response) { r.IssuerHash = 5 })),
		"revoked.der":  sign(t, root, root, with(func(r *ocsp.Response) { r.Status, r.RevokedAt = ocsp.Revoked, r.ThisUpdate })),
		"unknown.der":  sign(t, root, root, with(func(r *ocsp.Response) { r.Status = ocsp.Unknown })),
		"noeku.der":    sign(t, root, noeku, r),
		"other.der":    sign(t, root, other, r),
		"serial.der":   sign(t, root, root, with(func(r *ocsp.Response) { r.SerialNumber = root.cert.SerialNumber })),
		"ended.der":    sign(t, root, root, with(func(r *ocsp.Response) { r.NextUpdate = r.ThisUpdate.Add(time.Second) })),
		"later.der":    ocsp.TryLaterErrorResponse,
		"critical.der": sign(t, root, root, with(func(r *ocsp.Response) {
			r.ExtraExtensions = append(r.ExtraExtensions, leaf.cert.Extensions[0])
			r.ExtraExtensions[0].Critical = true
		})),
		"crl.der":  {0x30, 0x03, 0x02, 0x01},
		"root.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.cert.Raw}),
		"leaf.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.cert.Raw}),
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join("testdata", name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// recordedQuestion is the one that the recorded answers answer.
func recordedQuestion(t testing.TB) *question {
	t.Helper()
	read := func(name string) *entity {
		block, _ := pem.Decode(testdata(t, name))
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return &entity{cert: c}
	}
	return ask(t, read("leaf.pem"), read("root.pem"))
}

// TestRecorded reads answers that were made by an earlier build.
func TestRecorded(t *testing.T) {
	if *update {
		record(t)
	}
	q := recordedQuestion(t)
	for name, want := range recorded {
		a, err := q.check(testdata(t, name))
		if err != nil && !strings.Contains(err.Error(), want) || err == nil && string(a.Status) != want {
			t.Errorf("%s: %+v, %v; want %s", name, a, err, want)
		}
	}
}

// FuzzCheck believes no bytes that differ from a recorded answer in anything
// that is signed, and no parser fails.
func FuzzCheck(f *testing.F) {
	q := recordedQuestion(f)
	var signed [][]byte
	for name := range recorded {
		der := testdata(f, name)
		f.Add(der)
		if a, err := q.check(der); err == nil {
			r, err := ocsp.ParseResponse(a.Raw, nil)
			if err != nil {
				f.Fatal(err)
			}
			signed = append(signed, r.TBSResponseData)
		}
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		a, err := q.check(der)
		if err != nil {
			if strings.Contains(err.Error(), "the parser failed") {
				t.Fatal(err)
			}
			return
		}
		r, err := ocsp.ParseResponseForCert(a.Raw, q.leaf, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range signed {
			if bytes.Equal(s, r.TBSResponseData) {
				return
			}
		}
		t.Fatalf("believed: %x", der)
	})
}

// FuzzURL holds that a question goes to the responder's host and no other.
func FuzzURL(f *testing.F) {
	for _, s := range []string{"http://h", "http://h:1/ocsp/", "https://[::1]/?q", "http://u:p@h/%2f", "http://h/#f", "http://h\\@i/", "//h"} {
		f.Add(s)
	}
	der := []byte{0xfb, 0xff, 0xfe}
	f.Fuzz(func(t *testing.T, responder string) {
		if CheckURL(responder) != nil {
			return
		}
		get := getURL(responder, der)
		if get == "" {
			return
		}
		to, err := url.Parse(get)
		if err != nil {
			t.Fatalf("%q: %v", get, err)
		}
		from, _ := url.Parse(responder)
		if from.Host != to.Host || from.Scheme != to.Scheme || !strings.HasSuffix(to.EscapedPath(), "/%2B%2F%2F%2B") || to.RawQuery != "" {
			t.Fatalf("%q becomes %q", responder, get)
		}
	})
}
