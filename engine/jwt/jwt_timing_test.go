package jwt

import (
	"crypto"
	"strings"
	"testing"
)

// BenchmarkVerify: a token of 300 bytes of claims, and what somebody without a key
// makes the broker do.
func BenchmarkVerify(b *testing.B) {
	m := material()
	claims := `{"sub":"c1","exp":1900000000,"pad":"` + strings.Repeat("x", 260) + `"}`
	type owner interface{ Public() crypto.PublicKey }
	for _, tc := range []struct {
		alg string
		key any
	}{{"HS256", m.secret}, {"RS256", m.rsa}, {"PS256", m.rsa}, {"ES256", m.p256}, {"ES384", m.p384}, {"EdDSA", m.ed}} {
		s := Source{Secret: m.secret}
		if k, ok := tc.key.(owner); ok {
			s = Source{PEM: pemOf(b, k.Public())}
		}
		k, token := read(b, s), sign(b, `{"alg":"`+tc.alg+`"}`, claims, tc.key)
		b.Run(tc.alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := k.Verify(token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	k := read(b, Source{Secret: m.secret})
	for name, token := range map[string]string{"none": "eyJhbGciOiJub25lIn0.e30.", "long": sign(b, `{"alg":"HS256"}`, `{"x":"`+strings.Repeat("x", 40_000)+`"}`, m.secret)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _, _ = k.Verify(token)
			}
		})
	}
}

// BenchmarkNew: reading the keys of an issuer.
func BenchmarkNew(b *testing.B) {
	m := material()
	text := set(jwk(&m.rsa.PublicKey, `,"kid":"a"`), jwk(&m.p256.PublicKey, `,"kid":"b"`))
	for b.Loop() {
		if _, err := New(Source{Algorithms: Algorithms, JWKS: text}); err != nil {
			b.Fatal(err)
		}
	}
}
