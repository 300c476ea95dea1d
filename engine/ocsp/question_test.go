package ocsp

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"

	"golang.org/x/crypto/ocsp"
)

// TestQuestion reads the request back: one CertID with SHA-1, the issuer's name
// as the leaf spells it.
func TestQuestion(t *testing.T) {
	root := issue(t, "Root", nil, ca)
	// The same name in other string types, as another CA program writes it.
	respelt := issueFor(t, root.key, "Root", nil, func(c *x509.Certificate) {
		ca(c)
		name := bytes.ReplaceAll(root.cert.RawSubject, []byte{asn1.TagPrintableString, 4, 'R'}, []byte{asn1.TagUTF8String, 4, 'R'})
		if bytes.Equal(name, root.cert.RawSubject) {
			t.Fatal("nothing to respell")
		}
		c.RawSubject = name
	})
	leaf := issue(t, "leaf", respelt, nil)
	q := ask(t, leaf, root)
	r, err := ocsp.ParseRequest(q.der)
	if err != nil {
		t.Fatal(err)
	}
	name := sha1.Sum(respelt.cert.RawSubject)
	key, err := publicKeyBits(root.cert)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha1.Sum(key)
	if r.HashAlgorithm != crypto.SHA1 || !bytes.Equal(r.IssuerNameHash, name[:]) || !bytes.Equal(r.IssuerKeyHash, hash[:]) ||
		r.SerialNumber.Cmp(leaf.cert.SerialNumber) != 0 {
		t.Errorf("request %+v", r)
	}
	for _, issuer := range []*entity{root, respelt} { // a responder may answer with either spelling
		if _, err := q.check(sign(t, issuer, root, good(leaf))); err != nil {
			t.Error(err)
		}
	}
}

// TestQuestionBytes pins the encoding: AlgorithmIdentifier without parameters,
// no version, no extensions (RFC 6960 section 4.1.1).
func TestQuestionBytes(t *testing.T) {
	root := issue(t, "Root", nil, ca)
	leaf := issue(t, "leaf", root, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0x0102) })
	der := ask(t, leaf, root).der
	head := []byte{
		0x30, 0x41, // OCSPRequest
		0x30, 0x3f, // TBSRequest
		0x30, 0x3d, // requestList
		0x30, 0x3b, // Request
		0x30, 0x39, // CertID
		0x30, 0x07, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, // sha1
		0x04, 0x14, // issuerNameHash
	}
	if !bytes.HasPrefix(der, head) || !bytes.HasSuffix(der, []byte{0x02, 0x02, 0x01, 0x02}) {
		t.Errorf("request %x", der)
	}
}

// TestURL is OCSP-05: exactly one slash, whatever the responder's URL ends in.
func TestURL(t *testing.T) {
	der := []byte{0xfb, 0xff, 0xfe, 1} // "+//+AQ=="
	for _, test := range []struct{ responder, want string }{
		{"http://h:9877", "http://h:9877/%2B%2F%2F%2BAQ%3D%3D"},
		{"http://h:9877/", "http://h:9877/%2B%2F%2F%2BAQ%3D%3D"},
		{"http://h:9877/ocsp", "http://h:9877/ocsp/%2B%2F%2F%2BAQ%3D%3D"},
		{"http://h:9877/ocsp/", "http://h:9877/ocsp/%2B%2F%2F%2BAQ%3D%3D"},
		{"http://h/ocsp?tenant=1", ""},
		{"http://h/" + strings.Repeat("a", 225), "http://h/" + strings.Repeat("a", 225) + "/%2B%2F%2F%2BAQ%3D%3D"}, // 255
		{"http://h/" + strings.Repeat("a", 226), ""},
	} {
		if got := getURL(test.responder, der); got != test.want {
			t.Errorf("%s: %q (%d), want %q", test.responder, got, len(got), test.want)
		}
	}
}

// TestCheckURL refuses what is no responder.
func TestCheckURL(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"http://127.0.0.1:9877", ""},
		{"https://ocsp.example/path", ""},
		{"", "no http or https URL"},
		{"ocsp.example", "no http or https URL"},
		{"ldap://ocsp.example", "no http or https URL"},
		{"http:///ocsp", "names no host"},
		{"http://a b/", "no http or https URL"},
	} {
		err := CheckURL(test.url)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%q: %v, want %q", test.url, err, test.want)
		}
	}
}
