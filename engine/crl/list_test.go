package crl

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"pgregory.net/rapid"
)

// entryDER is one of revokedCertificates.
func entryDER(serial *big.Int, at time.Time, extensions ...func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(serial)
		if at.Year() < 2050 {
			b.AddASN1UTCTime(at)
		} else {
			b.AddASN1GeneralizedTime(at)
		}
		if len(extensions) > 0 {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, e := range extensions {
					e(b)
				}
			})
		}
	})
	return b.BytesOrPanic()
}

func entryExtension(id []byte, critical bool, value []byte) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(id) })
			if critical {
				b.AddASN1Boolean(true)
			}
			b.AddASN1OctetString(value)
		})
	}
}

func reasonCode(code byte) func(*cryptobyte.Builder) {
	return entryExtension(oidReason, false, []byte{10, 1, code})
}

// TestModel compares lists of random serial numbers with maps.
func TestModel(t *testing.T) {
	type said struct {
		reason int
		at     int64
	}
	serial := rapid.Custom(func(t *rapid.T) *big.Int {
		return new(big.Int).SetBytes(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0x7f, 0x80, 0xff}), 0, rapid.SampledFrom([]int{1, 2, 8, 20, 21, 70}).Draw(t, "width")).Draw(t, "serial"))
	})
	build := func(t *rapid.T, name string) (*list, map[string]said) {
		model := make(map[string]said)
		var revoked []byte
		for _, n := range rapid.SliceOfDistinct(serial, func(n *big.Int) string { return n.String() }).Draw(t, name) {
			s := said{rapid.SampledFrom([]int{0, 1, 5, 6, 8, 10}).Draw(t, "reason"), rapid.Int64Range(0, 4e9).Draw(t, "at")}
			revoked = append(revoked, entryDER(n, time.Unix(s.at, 0).UTC(), reasonCode(byte(s.reason)))...)
			if s.reason != reasonRemove {
				model[n.String()] = s
			}
		}
		runs, entries, err := compact(revoked)
		if err != nil || entries != len(model) {
			t.Fatalf("%d entries, %v; want %d", entries, err, len(model))
		}
		return &list{runs: runs, entries: entries}, model
	}
	rapid.Check(t, func(t *rapid.T) {
		l, model := build(t, "list")
		ask := func(n *big.Int) {
			reason, at, ok := l.find(n)
			want, named := model[n.String()]
			if ok != named || ok && (reason != want.reason || at.Unix() != want.at) {
				t.Fatalf("%x: %d %v %v, want %+v %v", n, reason, at.Unix(), ok, want, named)
			}
		}
		for text := range model {
			n, _ := new(big.Int).SetString(text, 10)
			ask(n)
			ask(n.Neg(n))
		}
		for range 20 {
			ask(serial.Draw(t, "question"))
		}

		other, others := build(t, "other")
		adds := false
		for text := range others {
			_, had := model[text]
			adds = adds || !had
		}
		if other.adds(l) != adds || other.adds(nil) != (len(others) > 0) || l.adds(l) {
			t.Fatalf("adds: %v, want %v", other.adds(l), adds)
		}
	})
}

func TestEntries(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	one := big.NewInt(1)
	negative := bytes.Replace(entryDER(one, at), []byte{2, 1, 1}, []byte{2, 1, 0xff}, 1)
	for _, tc := range []struct {
		name    string
		revoked []byte
		entries int
		want    string
	}{
		{"none", nil, 0, ""},
		{"one", entryDER(one, at), 1, ""},
		{"zero", entryDER(new(big.Int), at), 1, ""},
		{"negative", negative, 0, ""},
		{"after 2050", entryDER(one, at.AddDate(30, 0, 0)), 1, ""},
		{"after 2106", entryDER(one, at.AddDate(300, 0, 0)), 1, ""},
		{"invalidity date", entryDER(one, at, entryExtension(oidInvalidityDate, true, nil)), 1, ""},
		{"unknown extension", entryDER(one, at, entryExtension([]byte{1, 2}, false, nil)), 1, ""},
		{"unknown critical extension", entryDER(one, at, entryExtension([]byte{1, 2}, true, nil)), 0, "unknown critical extension (0102)"},
		{"certificate issuer", entryDER(one, at, entryExtension(oidCertificateIssuer, true, nil)), 0, "indirect"},
		{"bad reason", entryDER(one, at, entryExtension(oidReason, false, []byte{1})), 0, "reason cannot be read"},
		{"odd reason", entryDER(one, at, reasonCode(77)), 1, ""},
		{"twice, once removed", append(entryDER(one, at, reasonCode(reasonRemove)), entryDER(one, at)...), 1, ""},
		{"padded serial", bytes.Replace(entryDER(one, at), []byte{0x30, 0x12, 2, 1, 1}, []byte{0x30, 0x13, 2, 2, 0, 1}, 1), 0, "superfluous bytes"},
		{"bad date", bytes.Replace(entryDER(one, at), []byte("26"), []byte("xx"), 1), 0, "date cannot be read"},
		{"not a sequence", []byte{5, 0}, 0, "malformed"},
		{"cut off", entryDER(one, at)[:5], 0, "malformed"},
	} {
		runs, entries, err := compact(tc.revoked)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) || entries != tc.entries {
			t.Errorf("%s: %d entries, %v; want %d, %q", tc.name, entries, err, tc.entries, tc.want)
		}
		n := 0
		for _, r := range runs {
			n += r.len()
		}
		if err == nil && n != entries {
			t.Errorf("%s: %d records of %d entries", tc.name, n, entries)
		}
	}
}

func TestCovers(t *testing.T) {
	root := issue(t, "root", nil, ca)
	sub := issue(t, "sub", root, func(c *x509.Certificate) { ca(c); at("http://a/")(c) })
	leaf := issue(t, "leaf", root, at("ldap://x/", "http://a/"))
	bare := issue(t, "bare", root, nil)
	directory := func(b *cryptobyte.Builder) {
		b.AddASN1(constructed(0), func(b *cryptobyte.Builder) {
			b.AddASN1(constructed(0), func(b *cryptobyte.Builder) {
				b.AddASN1(constructed(4), func(b *cryptobyte.Builder) { b.AddBytes(root.cert.RawSubject) })
			})
		})
	}
	relative := func(b *cryptobyte.Builder) {
		b.AddASN1(constructed(0), func(b *cryptobyte.Builder) {
			b.AddASN1(constructed(1), func(*cryptobyte.Builder) {})
		})
	}
	for name, tc := range map[string]struct {
		idp             func(*cryptobyte.Builder)
		leaf, bare, sub bool
	}{
		"empty":     {func(*cryptobyte.Builder) {}, true, true, true},
		"name":      {fullName("http://b/", "http://a/"), true, false, true},
		"LDAP name": {fullName("ldap://x/"), true, false, false},
		"other":     {fullName("http://b/"), false, false, false},
		"directory": {directory, true, true, true},
		"relative":  {relative, false, false, false},
		"users":     {flag(1), true, true, false},
		"CAs":       {flag(2), false, false, true},
		"reasons":   {flag(3), false, false, false},
	} {
		var b cryptobyte.Builder
		b.AddASN1(asn1.SEQUENCE, tc.idp)
		s, err := readIssuingPoint(b.BytesOrPanic())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, c := range []struct {
			*entity
			want bool
		}{{leaf, tc.leaf}, {bare, tc.bare}, {sub, tc.sub}} {
			ps, err := points(c.cert)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.covers(c.cert, ps); (err == nil) != c.want {
				t.Errorf("%s covers %s: %v", name, c.cert.Subject, err)
			}
		}
	}
}

// Distribution points of which crypto/x509 does not tell.
func TestPoints(t *testing.T) {
	uri := func(s string) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) {
			b.AddASN1(primitive(6), func(b *cryptobyte.Builder) { b.AddBytes([]byte(s)) })
		}
	}
	email := func(b *cryptobyte.Builder) { b.AddASN1(primitive(1), func(*cryptobyte.Builder) {}) }
	full := func(names ...func(*cryptobyte.Builder)) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) {
			b.AddASN1(constructed(0), func(b *cryptobyte.Builder) {
				b.AddASN1(constructed(0), func(b *cryptobyte.Builder) {
					for _, n := range names {
						n(b)
					}
				})
			})
		}
	}
	field := func(tag asn1.Tag) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) { b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddUint8(0) }) }
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, p := range [][]func(*cryptobyte.Builder){
			{full(email, uri("http://a/"), uri("HTTPS://b:1/"))},
			{full(uri("http://c/")), field(primitive(1))},
			{full(uri("http://d/")), field(constructed(2))},
			{field(constructed(2))},
			{full(uri("http://"), uri("://"), uri("ftp://x/"))},
		} {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, f := range p {
					f(b)
				}
			})
		}
	})
	value := b.BytesOrPanic()
	c := &x509.Certificate{}
	c.Extensions = append(c.Extensions, pkixExtension(value))
	ps, err := points(c)
	if err != nil || len(ps) != 5 {
		t.Fatalf("%d points, %v", len(ps), err)
	}
	want := []address{{"http://a/", "a", false}, {"HTTPS://b:1/", "b:1", false}, {"http://c/", "c", true}}
	got := addresses(ps)
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
	for n := range value {
		c.Extensions[0].Value = value[:n]
		if _, err := points(c); !errors.Is(err, errPoints) {
			t.Errorf("%d of %d bytes: %v", n, len(value), err)
		}
	}
}

func TestAlarmAt(t *testing.T) {
	for validity, want := range map[time.Duration]time.Duration{
		30 * 24 * time.Hour: 72 * time.Hour, 10 * time.Hour: time.Hour, 5 * time.Hour: time.Hour, time.Hour: 15 * time.Minute, -time.Hour: 0,
	} {
		l := &list{thisUpdate: time.Unix(0, 0), nextUpdate: time.Unix(0, 0).Add(validity)}
		if got := l.nextUpdate.Sub(l.alarmAt()); got != want {
			t.Errorf("%v: %v before nextUpdate, want %v", validity, got, want)
		}
	}
}

// big makes a list of n entries with serial numbers of 16 bytes.
func bigRevoked(n int) []byte {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var out []byte
	one := entryDER(bigSerial(0), at, reasonCode(1))
	for i := range n {
		out = append(out, one...)
		copy(out[len(out)-len(one)+4:], bigSerial(i).Bytes())
	}
	return out
}

// bigSerial is the i-th serial number: well mixed, 16 bytes, the first of them 1.
func bigSerial(i int) *big.Int {
	var b [16]byte
	b[0] = 1
	binary.BigEndian.PutUint64(b[1:], uint64(i)*0x9e3779b97f4a7c15)
	return new(big.Int).SetBytes(b[:])
}

func TestFindDoesNotAllocate(t *testing.T) {
	runs, entries, err := compact(bigRevoked(1000))
	if err != nil {
		t.Fatal(err)
	}
	l := &list{runs: runs, entries: entries}
	in, out := bigSerial(500), bigSerial(5000)
	if _, _, ok := l.find(in); !ok {
		t.Error("not found")
	}
	if n := testing.AllocsPerRun(100, func() { l.find(in); l.find(out) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
