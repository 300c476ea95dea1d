package wasm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
)

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
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: oidCommonName, Value: "first"}, {Type: oidCommonName, Value: "second"}}},
		NotBefore: time.Unix(1_700_000_000, 0), NotAfter: time.Unix(1_900_000_000, 0),
		DNSNames: []string{"a.example", "b.example"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)},
		EmailAddresses: []string{"d@example"}, URIs: []*url.URL{uri},
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
		{99, 0, absent, false},
		{-1, 0, absent, false},
	} {
		for _, verified := range []bool{true, false} {
			want := tc.want
			if !verified && !tc.open {
				want = absent
			}
			got, ok := certValue(&auth.TLS{Chain: []*x509.Certificate{c}, Verified: verified}, tc.field, tc.index)
			if !ok {
				got = absent
			}
			if got != want {
				t.Errorf("field %d[%d], verified %v: %q, want %q", tc.field, tc.index, verified, got, want)
			}
		}
	}
	for _, none := range []*auth.TLS{nil, {}} {
		if _, ok := certValue(none, certSHA256, 0); ok {
			t.Error("a field of no certificate")
		}
	}
}

// TestTLSEvent: names reach the guest only from a verified certificate.
func TestTLSEvent(t *testing.T) {
	c := certificate(t)
	read := func(verified bool) map[int][]string {
		b := appendTLS(nil, 12, &auth.TLS{Chain: []*x509.Certificate{c}, Verified: verified})
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
