package cert

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/url"
	"slices"
	"testing"
)

// rdn is one relative distinguished name: type, tag, value, and so on.
type rdn []struct {
	oid   asn1.ObjectIdentifier
	tag   int
	value string
}

func nameDER(t testing.TB, rdns ...rdn) []byte {
	t.Helper()
	var seq []asn1.RawValue
	for _, r := range rdns {
		var set []byte
		for _, a := range r {
			oid, err := asn1.Marshal(a.oid)
			if err != nil {
				t.Fatal(err)
			}
			value, err := asn1.Marshal(asn1.RawValue{Tag: a.tag, Bytes: []byte(a.value)})
			if err != nil {
				t.Fatal(err)
			}
			pair, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: append(oid, value...)})
			if err != nil {
				t.Fatal(err)
			}
			set = append(set, pair...)
		}
		seq = append(seq, asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: set})
	}
	der, err := asn1.Marshal(seq)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

var (
	oidC  = asn1.ObjectIdentifier{2, 5, 4, 6}
	oidO  = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidCN = asn1.ObjectIdentifier{2, 5, 4, 3}
)

// MAP-05, RFC 4514.
func TestSubject(t *testing.T) {
	const utf8String, printable, ia5, t61, bmp, universal = 12, 19, 22, 20, 30, 28
	tests := []struct {
		name string
		rdns []rdn
		want string
	}{
		{"the seed's client", []rdn{{{oidC, printable, "CN"}}, {{asn1.ObjectIdentifier{2, 5, 4, 8}, utf8String, "Zhejiang"}}, {{asn1.ObjectIdentifier{2, 5, 4, 7}, utf8String, "Hangzhou"}}, {{oidO, utf8String, "EMQX"}}, {{oidCN, utf8String, "client"}}},
			"CN=client,O=EMQX,L=Hangzhou,ST=Zhejiang,C=CN"},
		{"empty", nil, ""},
		{"empty value", []rdn{{{oidCN, utf8String, ""}}}, "CN="},
		{"several values", []rdn{{{oidO, utf8String, "o"}}, {{oidCN, utf8String, "a"}, {asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, utf8String, "b"}}}, "CN=a+UID=b,O=o"},
		{"escapes", []rdn{{{oidCN, utf8String, ` #a"+,;<>\= `}}}, `CN=\ #a\"\+\,\;\<\>\\=\ `},
		{"leading hash", []rdn{{{oidCN, utf8String, "#1"}}}, `CN=\#1`},
		{"one space", []rdn{{{oidCN, utf8String, " "}}}, `CN=\ `},
		{"control, DEL, tilde", []rdn{{{oidCN, utf8String, "a\x00\r\x7F~}"}}}, `CN=a\00\0D\7F\7E}`},
		{"UTF-8", []rdn{{{oidCN, utf8String, "é"}}}, `CN=\C3\A9`},
		{"other encodings", []rdn{{{oidCN, t61, "\xE9"}}, {{oidCN, bmp, "\x00\xE9"}}, {{oidCN, universal, "\x00\x00\x00\xE9"}}, {{oidCN, ia5, "e"}}}, `CN=e,CN=\C3\A9,CN=\C3\A9,CN=\C3\A9`},
		{"unknown type", []rdn{{{asn1.ObjectIdentifier{1, 2, 3}, utf8String, "x"}}}, "1.2.3=x"},
		{"no string", []rdn{{{oidCN, asn1.TagInteger, "\x05"}}}, "CN=#020105"},
		{"broken UTF-8", []rdn{{{oidCN, utf8String, "\xFF"}}}, "CN=#0c01ff"},
		{"odd BMP", []rdn{{{oidCN, bmp, "x"}}}, "CN=#1e0178"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Subject(nameDER(t, tt.rdns...)); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	for _, bad := range []string{"", "x", "\x30\x02\x31", "\x30\x00\x00", "\x30\x02\x31\x01"} {
		if got := Subject([]byte(bad)); got != "" {
			t.Errorf("%q gives %q", bad, got)
		}
	}
}

func TestIdentity(t *testing.T) {
	u, _ := url.Parse("spiffe://plant/device/7")
	e := issue(t, "", nil, nil, func(c *x509.Certificate) {
		c.Subject = pkix.Name{Names: nil, ExtraNames: []pkix.AttributeTypeAndValue{{Type: oidCN, Value: "a"}, {Type: oidO, Value: "o"}, {Type: oidCN, Value: "b"}}}
		c.SerialNumber.SetInt64(0xABC)
		c.DNSNames, c.EmailAddresses, c.URIs, c.IPAddresses = []string{"d"}, []string{"e@f"}, []*url.URL{u}, []net.IP{net.IPv6loopback}
	})
	id := IdentityOf(e.cert)
	if !slices.Equal(id.CommonNames, []string{"a", "b"}) || id.Subject != "CN=b,O=o,CN=a" || id.Serial != "0abc" || len(id.SHA256) != 64 ||
		!slices.Equal(id.DNS, []string{"d"}) || !slices.Equal(id.Emails, []string{"e@f"}) || !slices.Equal(id.URIs, []string{u.String()}) || !slices.Equal(id.IPs, []string{"::1"}) {
		t.Errorf("%+v", id)
	}
}

func FuzzSubject(f *testing.F) {
	f.Add(nameDER(f, rdn{{oidCN, 12, "a,b"}, {oidO, 30, "\x00x"}}, rdn{{oidC, 2, "\x01"}}))
	f.Add([]byte("\x30\x80"))
	f.Fuzz(func(t *testing.T, der []byte) {
		s := Subject(der)
		for i := range len(s) {
			if s[i] < 0x20 || s[i] >= 0x7E {
				t.Fatalf("%q holds byte %#x", s, s[i])
			}
		}
		if hasControl(s) {
			t.Fatal("control characters came through")
		}
		if len(s) > 3*len(der)+64*len(der) {
			t.Fatalf("%d bytes of text from %d", len(s), len(der))
		}
		CommonNames(der)
		controlIn(der)
	})
}
