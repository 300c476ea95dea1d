package wasm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
)

var oidCN = asn1.ObjectIdentifier{2, 5, 4, 3}

// certificate returns a certificate with two CNs and one name of each kind.
func certificate(t testing.TB) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	uri, _ := url.Parse("urn:device:1")
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(0xabc1),
		Subject: pkix.Name{Organization: []string{"Acme, Inc."}, OrganizationalUnit: []string{"A", "B"},
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: oidCN, Value: "first"}, {Type: oidCN, Value: "second"}}},
		NotBefore: time.Unix(1_700_000_000, 0), NotAfter: time.Unix(1_900_000_000, 0),
		DNSNames: []string{"a.example", "b.example"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)},
		EmailAddresses: []string{"d@example"}, URIs: []*url.URL{uri},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, UnknownExtKeyUsage: []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 99999}},
	}, &x509.Certificate{Subject: pkix.Name{CommonName: "CA"}}, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCertValue(t *testing.T) {
	c := certificate(t)
	const absent = "\x00"
	for _, tc := range []struct {
		field certField
		index int32
		want  string
		open  bool // given without verification too
	}{
		{certSubject, 0, "CN=second,CN=first,OU=A+OU=B,O=Acme\\, Inc.", false},
		{certSubject, 1, absent, false},
		{certCommonName, 0, "first", false},
		{certCommonName, 1, "second", false},
		{certCommonName, 2, absent, false},
		{certCommonName, -1, absent, false},
		{certSANDNS, 1, "b.example", false},
		{certSANDNS, 2, absent, false},
		{certSANURI, 0, "urn:device:1", false},
		{certSANEmail, 0, "d@example", false},
		{certSANIP, 0, "192.0.2.1", false},
		{certSANIP, 1<<31 - 1, absent, false},
		{certSerial, 0, "abc1", false},
		{certIssuer, 0, "CN=CA", false},
		{certNotBefore, 0, "1700000000", false},
		{certNotAfter, 0, "1900000000", false},
		{certSHA256, 0, fingerprint(c.Raw), true},
		{certSPKISHA256, 0, fingerprint(c.RawSubjectPublicKeyInfo), true},
		{certDER, 0, string(c.Raw), true},
		{certDER, 1, absent, true},
		{certOrganization, 0, "Acme, Inc.", false},
		{certOrganizationalUnit, 1, "B", false},
		{certMD5, 0, md5Of(c.Raw), false},
		{certPEM, 0, base64.StdEncoding.EncodeToString(c.Raw), false},
		{certCommonNames, 0, "first,second", false},
		{certCommonNames, 1, absent, false},
		{certExtKeyUsage, 0, "1.3.6.1.5.5.7.3.2", false},
		{certExtKeyUsage, 1, "1.3.6.1.4.1.99999", false},
		{certExtKeyUsage, 2, absent, false},
		{99, 0, absent, false},
		{-1, 0, absent, false},
	} {
		for _, verified := range []bool{true, false} {
			want := tc.want
			if !verified && !tc.open {
				want = absent
			}
			got, ok := certValue(withCert(c, verified), tc.field, tc.index)
			if !ok {
				got = absent
			}
			if got != want {
				t.Errorf("field %d[%d], verified %v: %q, want %q", tc.field, tc.index, verified, got, want)
			}
		}
	}
	for _, none := range []*auth.TLS{nil, {}} {
		if _, ok := certValue(&auth.Request{TLS: none}, certSHA256, 0); ok {
			t.Error("a field of no certificate")
		}
	}
}

func md5Of(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

func withCert(c *x509.Certificate, verified bool) *auth.Request {
	return &auth.Request{TLS: &auth.TLS{Chain: []*x509.Certificate{c}, Verified: verified}}
}

// TestCertValueProxied: a certificate that the proxy has verified has a common
// name, which is its subject too, and nothing else (spec MAP-07). One that the
// proxy itself shows to the broker is not the client's.
func TestCertValueProxied(t *testing.T) {
	c := certificate(t)
	name := auth.Proxy{TLSVersion: "TLSv1.3", CommonName: "edge"}
	for what, r := range map[string]*auth.Request{
		"in the clear behind the proxy": {Proxy: &name},
		"encrypted again by the proxy":  {Proxy: &name, TLS: &auth.TLS{Chain: []*x509.Certificate{c}, Verified: true}},
	} {
		for field := certSubject; field <= certExtKeyUsage; field++ {
			want := field == certSubject || field == certCommonName || field == certCommonNames
			got, ok := certValue(r, field, 0)
			if ok != want || ok && got != "edge" {
				t.Errorf("%s: field %d is %q, %v", what, field, got, ok)
			}
			if _, ok := certValue(r, field, 1); ok {
				t.Errorf("%s: field %d has a second value", what, field)
			}
		}
	}
	passed := withCert(c, true)
	passed.Proxy = &auth.Proxy{Version: 1}
	if got, _ := certValue(passed, certCommonNames, 0); got != "first,second" {
		t.Errorf("TLS passed on by the proxy: %q", got)
	}
	none := &auth.Request{Proxy: &auth.Proxy{TLSVersion: "TLSv1.3"}, TLS: passed.TLS}
	for field := certSubject; field <= certExtKeyUsage; field++ {
		if got, ok := certValue(none, field, 0); ok {
			t.Errorf("no certificate at the proxy: field %d is %q", field, got)
		}
	}
	if b := appendTLS(nil, 12, none); len(b) != 2 {
		t.Errorf("the proxy's own certificate is in the event: %x", b)
	}
}

// TestTLSEvent: names reach the guest only from a verified certificate.
func TestTLSEvent(t *testing.T) {
	c := certificate(t)
	read := func(verified bool) map[int][]string {
		b := appendTLS(nil, 12, withCert(c, verified))
		outer := fields{text: string(b)}
		outer.next()
		inner := outer.message()
		got := map[int][]string{}
		for inner.next() {
			if inner.wire == wireBytes {
				got[inner.field] = append(got[inner.field], inner.str)
			} else {
				got[inner.field] = append(got[inner.field], strconv.FormatUint(inner.num, 10))
			}
		}
		if inner.err != nil {
			t.Fatal(inner.err)
		}
		return got
	}
	got := read(true)
	for field, want := range map[int]string{
		7: "1", 8: "1", 9: "first", 12: fingerprint(c.Raw), 13: "abc1",
		11: "dns:a.example dns:b.example ip:192.0.2.1 email:d@example uri:urn:device:1",
	} {
		if s := strings.Join(got[field], " "); s != want {
			t.Errorf("field %d: %q, want %q", field, s, want)
		}
	}
	if got := read(false); len(got) != 2 || got[7] == nil || got[12] == nil {
		t.Errorf("unverified: %v", got)
	}
}

// TestCertField asks through the import, as a guest does.
func TestCertField(t *testing.T) {
	p := open(t, newHost(t, HostOptions{}), Options{Workers: 1})
	get := func(client string) auth.Verdict {
		c := make(chan auth.Verdict, 1)
		p.Authenticate(&auth.Request{ClientID: client, TLS: &auth.TLS{Chain: []*x509.Certificate{certificate(t)}, Verified: true}},
			func(v auth.Verdict) { c <- v })
		return wait(t, c)
	}
	if v := get("kb1"); v.ReasonText != "second" { // field 1: common name, index 1
		t.Errorf("%+v", v)
	}
	if v := get("kb7"); v.Decision != auth.Next { // absent
		t.Errorf("%+v", v)
	}
	if v := get("km0"); v.Decision != auth.Deny || v.ReasonText != "" { // DER: does not fit
		t.Errorf("%+v", v)
	}
}
