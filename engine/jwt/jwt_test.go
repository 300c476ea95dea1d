package jwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// sign makes a token with a header of any content. The key says how it is
// signed, whatever the header tells.
func sign(tb testing.TB, header, claims string, key any) string {
	tb.Helper()
	text := b64([]byte(header)) + "." + b64([]byte(claims))
	return text + "." + b64(signature(tb, text, key, header))
}

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

func signature(tb testing.TB, text string, key any, header string) []byte {
	var h struct{ Alg string }
	_ = json.Unmarshal([]byte(header), &h)
	hash, ok := hashes[strings.TrimLeft(h.Alg, "HREPS")]
	if !ok {
		hash = crypto.SHA256
	}
	d := hash.New()
	d.Write([]byte(text))
	sum := d.Sum(nil)
	var out []byte
	var err error
	switch k := key.(type) {
	case nil:
	case []byte:
		m := hmac.New(hash.New, k)
		m.Write([]byte(text))
		out = m.Sum(nil)
	case ed25519.PrivateKey:
		out = ed25519.Sign(k, []byte(text))
	case *ecdsa.PrivateKey:
		r, s, e := ecdsa.Sign(rand.Reader, k, sum)
		n := (k.Curve.Params().BitSize + 7) / 8
		out, err = append(r.FillBytes(make([]byte, n)), s.FillBytes(make([]byte, n))...), e
	case *rsa.PrivateKey:
		if strings.HasPrefix(h.Alg, "PS") {
			out, err = rsa.SignPSS(rand.Reader, k, hash, sum, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			out, err = rsa.SignPKCS1v15(rand.Reader, k, hash, sum)
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// keys are made once: RSA takes a while.
type testKeys struct {
	rsa              *rsa.PrivateKey
	p256, p384, p521 *ecdsa.PrivateKey
	ed               ed25519.PrivateKey
	secret           []byte
}

var material = sync.OnceValue(func() testKeys {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	ec := func(c elliptic.Curve) *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			panic(err)
		}
		return k
	}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	return testKeys{r, ec(elliptic.P256()), ec(elliptic.P384()), ec(elliptic.P521()), ed, []byte(strings.Repeat("0123456789abcdef", 4))}
})

func pemOf(tb testing.TB, public any) []byte {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// jwk writes a key by the rules of RFC 7518 §6 and RFC 8037 §2, with more members.
func jwk(public any, more string) string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf(`{"kty":"RSA","n":%q,"e":%q%s}`, b64(k.N.Bytes()), b64(big.NewInt(int64(k.E)).Bytes()), more)
	case *ecdsa.PublicKey:
		b, _ := k.Bytes()
		n := len(b) / 2
		return fmt.Sprintf(`{"kty":"EC","crv":%q,"x":%q,"y":%q%s}`, k.Curve.Params().Name, b64(b[1:1+n]), b64(b[1+n:]), more)
	case ed25519.PublicKey:
		return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q%s}`, b64(k), more)
	case []byte:
		return fmt.Sprintf(`{"kty":"oct","k":%q%s}`, b64(k), more)
	}
	panic("no such key")
}

func set(keys ...string) []byte { return []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`) }

func read(tb testing.TB, s Source) *Keys {
	tb.Helper()
	if s.Algorithms == nil {
		s.Algorithms = Algorithms
	}
	k, err := New(s)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// The examples of the standards.
func TestExamples(t *testing.T) {
	const rsaKey = `{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}`
	const claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	for _, tc := range []struct {
		name, key, token, header string
		err                      error
	}{
		{"RFC 7515 A.1", `{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`,
			"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + claims + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}", nil},
		{"RFC 7515 A.2", rsaKey,
			"eyJhbGciOiJSUzI1NiJ9." + claims + ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw", `{"alg":"RS256"}`, nil},
		{"RFC 7515 A.3", `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`,
			"eyJhbGciOiJFUzI1NiJ9." + claims + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q", `{"alg":"ES256"}`, nil},
		{"RFC 7515 A.5, unsecured", rsaKey, "eyJhbGciOiJub25lIn0." + claims + ".", "", ErrSignature},
		{"RFC 8037 A.4, which signs no claims", `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
			"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg", "", ErrMalformed},
		{"RFC 8037 A.4, changed", `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
			"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.igyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg", "", ErrSignature},
	} {
		header, got, err := read(t, Source{JWKS: set(tc.key)}).Verify(tc.token)
		if !errors.Is(err, tc.err) || string(header) != tc.header {
			t.Errorf("%s: %q, %v; want %q, %v", tc.name, header, err, tc.header, tc.err)
		}
		if err == nil && b64(got) != claims {
			t.Errorf("%s: %s", tc.name, got)
		}
	}
}

// Every algorithm with its key, as PEM, as JWK and as secret; and with every
// other algorithm's key, which is refused (RFC 8725 §3.1, §2.1).
func TestAlgorithms(t *testing.T) {
	m := material()
	private := map[string]any{"HS": m.secret, "RS": m.rsa, "PS": m.rsa, "ES256": m.p256, "ES384": m.p384, "ES512": m.p521, "Ed": m.ed}
	of := func(name string) any {
		if k, ok := private[name]; ok {
			return k
		}
		return private[name[:2]]
	}
	type owner interface{ Public() crypto.PublicKey }
	for _, name := range Algorithms {
		token := sign(t, `{"alg":"`+name+`"}`, `{"sub":"c1"}`, of(name))
		for _, other := range Algorithms {
			var sources []Source
			if k, ok := of(other).(owner); ok {
				sources = []Source{{PEM: pemOf(t, k.Public())}, {JWKS: set(jwk(k.Public(), ""))}}
			} else {
				sources = []Source{{Secret: m.secret}, {JWKS: set(jwk(m.secret, ""))}}
			}
			for i, s := range sources {
				_, claims, err := read(t, s).Verify(token)
				same := fmt.Sprintf("%p", of(name)) == fmt.Sprintf("%p", of(other))
				if same && (err != nil || string(claims) != `{"sub":"c1"}`) || !same && !errors.Is(err, ErrSignature) {
					t.Errorf("%s by a key of %s, source %d: %s %v", name, other, i, claims, err)
				}
			}
		}
		// The right key, but the algorithm is not accepted.
		without := []string{"HS256"}
		if name == "HS256" {
			without = []string{"HS384"}
		}
		if _, _, err := read(t, Source{Algorithms: without, Secret: m.secret}).Verify(token); !errors.Is(err, ErrSignature) {
			t.Errorf("%s where only %s is accepted: %v", name, without, err)
		}
	}
}

// Tokens that somebody makes who has no key, but all public ones.
func TestAttacks(t *testing.T) {
	m := material()
	public := pemOf(t, &m.rsa.PublicKey)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k := read(t, Source{PEM: append(public, pemOf(t, &m.p256.PublicKey)...)})
	good := sign(t, `{"alg":"RS256"}`, `{}`, m.rsa)
	head, rest, _ := strings.Cut(good, ".")
	for _, tc := range []struct {
		name, token string
		err         error
	}{
		{"the key itself as secret (RFC 8725 section 2.1)", sign(t, `{"alg":"HS256"}`, `{}`, public), ErrSignature},
		{"none (RFC 8725 section 2.1)", sign(t, `{"alg":"none"}`, `{}`, nil), ErrSignature},
		{"none in other letters", sign(t, `{"alg":"nOnE"}`, `{}`, nil), ErrSignature},
		{"no algorithm", sign(t, `{}`, `{}`, m.rsa), ErrSignature},
		{"a list for an algorithm", sign(t, `{"alg":["RS256"]}`, `{}`, m.rsa), ErrSignature},
		{"algorithm twice (RFC 7515 section 4)", sign(t, `{"alg":"none","alg":"RS256"}`, `{}`, m.rsa), ErrMalformed},
		{"algorithm in other letters", sign(t, `{"ALG":"RS256"}`, `{}`, m.rsa), ErrSignature},
		{"a key of its own (RFC 7515 section 4.1.3)", sign(t, `{"alg":"ES256","jwk":`+jwk(&stranger.PublicKey, "")+`}`, `{}`, stranger), ErrSignature},
		{"a place for keys (RFC 7515 section 4.1.2)", sign(t, `{"alg":"ES256","jku":"https://127.0.0.1/keys"}`, `{}`, stranger), ErrSignature},
		{"a place for certificates (RFC 7515 section 4.1.5)", sign(t, `{"alg":"ES256","x5u":"https://127.0.0.1/keys"}`, `{}`, stranger), ErrSignature},
		{"a critical extension (RFC 7515 section 4.1.11)", sign(t, `{"alg":"RS256","crit":["exp"],"exp":1}`, `{}`, m.rsa), ErrMalformed},
		{"an empty list of those", sign(t, `{"alg":"RS256","crit":[]}`, `{}`, m.rsa), ErrMalformed},
		{"payload as it is (RFC 7797)", sign(t, `{"alg":"RS256","crit":["b64"],"b64":false}`, `{}`, m.rsa), ErrMalformed},
		{"payload as it is, not critical", sign(t, `{"alg":"RS256","b64":false}`, `{}`, m.rsa), ErrMalformed},
		{"no signature", head + "." + strings.Split(rest, ".")[0] + ".", ErrSignature},
		{"other claims", head + "." + b64([]byte(`{"a":1}`)) + "." + strings.Split(rest, ".")[1], ErrSignature},
		{"part of an EC signature", sign(t, `{"alg":"ES256"}`, `{}`, m.p256)[:25+36], ErrSignature}, // 27 bytes of it
		{"zeros for an EC signature", b64([]byte(`{"alg":"ES256"}`)) + "." + b64([]byte(`{}`)) + "." + b64(make([]byte, 64)), ErrSignature},
		{"an EC signature in DER (RFC 7518 section 3.4)", b64([]byte(`{"alg":"ES256"}`)) + "." + b64([]byte(`{}`)) + "." + b64(make([]byte, 70)), ErrSignature},
		{"encrypted", "a.b.c.d.e", ErrMalformed},
		{"two parts", "e30.e30", ErrMalformed},
		{"four parts", good + ".", ErrMalformed},
		{"empty", "", ErrMalformed},
		{"JSON form (RFC 7515 section 7.2)", `{"payload":"e30","protected":"e30","signature":""}`, ErrMalformed},
		{"line break", strings.Replace(good, ".", ".\n", 1), ErrMalformed},
		{"padding", good + "==", ErrMalformed},
		{"another spelling of the last byte", b64([]byte(`{"alg":"ES256"}`)) + ".e31." + b64(make([]byte, 64)), ErrMalformed},
		{"claims that are a list", sign(t, `{"alg":"RS256"}`, `[]`, m.rsa), ErrMalformed},
		{"claims that are no JSON", sign(t, `{"alg":"RS256"}`, `{"a":}`, m.rsa), ErrMalformed},
		{"no claims", sign(t, `{"alg":"RS256"}`, ``, m.rsa), ErrMalformed},
		{"long header", sign(t, `{"alg":"RS256","x":"`+strings.Repeat("x", maxHeader)+`"}`, `{}`, m.rsa), ErrMalformed},
		{"long token", sign(t, `{"alg":"RS256"}`, `{"x":"`+strings.Repeat("x", MaxToken)+`"}`, m.rsa), ErrMalformed},
		{"deep header", sign(t, `{"alg":"RS256","x":`+strings.Repeat("[", 8000)+`}`, `{}`, m.rsa), ErrMalformed},
		{"good", good, nil},
		{"good, with what is not looked at", sign(t, `{"alg":"RS256","typ":"at+jwt","cty":"x","jku":"https://127.0.0.1/"}`, ` {"a":[1]}`, m.rsa), nil},
	} {
		header, claims, err := k.Verify(tc.token)
		if !errors.Is(err, tc.err) || err != nil && (header != nil || claims != nil) {
			t.Errorf("%s: %q %q %v, want %v", tc.name, header, claims, err, tc.err)
		}
	}
}

// Which keys of a set are tried.
func TestKeyID(t *testing.T) {
	m := material()
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a, b := jwk(&m.p256.PublicKey, `,"kid":"a"`), jwk(&other.PublicKey, `,"kid":"b","use":"sig","alg":"ES256","key_ops":["verify"]`)
	plain := func(header string) string { return sign(t, header, `{}`, m.p256) }
	for _, tc := range []struct {
		name, token string
		source      Source
		err         error
	}{
		{"by name", plain(`{"alg":"ES256","kid":"a"}`), Source{JWKS: set(b, a)}, nil},
		{"by another's name", plain(`{"alg":"ES256","kid":"b"}`), Source{JWKS: set(b, a)}, ErrSignature},
		{"without a name all are tried", plain(`{"alg":"ES256"}`), Source{JWKS: set(b, a)}, nil},
		{"a name that is not there", plain(`{"alg":"ES256","kid":"c"}`), Source{JWKS: set(b, a)}, ErrUnknownKey},
		{"keys without a name are tried for any", plain(`{"alg":"ES256","kid":"c"}`), Source{JWKS: set(b, jwk(&m.p256.PublicKey, ""))}, nil},
		{"and those of a file", plain(`{"alg":"ES256","kid":"c"}`), Source{JWKS: set(b), PEM: pemOf(t, &m.p256.PublicKey)}, nil},
		{"two of one name", plain(`{"alg":"ES256","kid":"a"}`), Source{JWKS: set(jwk(&other.PublicKey, `,"kid":"a"`), a)}, nil},
		{"for another algorithm", plain(`{"alg":"ES256"}`), Source{JWKS: set(b, jwk(&m.rsa.PublicKey, `,"alg":"PS256"`))}, ErrSignature},
		{"RS256 by a key for PS256 (RFC 7517 section 4.4)", sign(t, `{"alg":"RS256"}`, `{}`, m.rsa), Source{JWKS: set(jwk(&m.rsa.PublicKey, `,"alg":"PS256"`))}, ErrSignature},
		{"unusable keys are passed over (RFC 7517 section 5)", plain(`{"alg":"ES256"}`),
			Source{JWKS: set(`{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`, `{"kty":"OKP","crv":"X25519","x":"AA"}`, `1`, `{}`, a)}, nil},
	} {
		_, _, err := read(t, tc.source).Verify(tc.token)
		if !errors.Is(err, tc.err) || tc.err == ErrSignature && errors.Is(err, ErrUnknownKey) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.err)
		}
	}
}

// A token without a name costs MaxTries verifications, not as many as there are
// keys.
func TestTriesAreBounded(t *testing.T) {
	m := material()
	var keys []string
	for range MaxTries {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, jwk(&k.PublicKey, ""))
	}
	last := jwk(&m.p256.PublicKey, "")
	token := sign(t, `{"alg":"ES256"}`, `{}`, m.p256)
	if _, _, err := read(t, Source{JWKS: set(append(keys[1:], last)...)}).Verify(token); err != nil {
		t.Error(err)
	}
	if _, _, err := read(t, Source{JWKS: set(append(keys, last)...)}).Verify(token); !errors.Is(err, ErrSignature) {
		t.Error(err)
	}
	if _, _, err := read(t, Source{JWKS: set(append(keys, jwk(&m.rsa.PublicKey, ""), last)...)}).Verify(sign(t, `{"alg":"RS256"}`, `{}`, m.rsa)); err != nil {
		t.Errorf("keys of another type count: %v", err)
	}
}

// Sources that are refused, and that no error shows a secret.
func TestRefused(t *testing.T) {
	m := material()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip(err) // fips
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(m.rsa)})
	even := m.rsa.PublicKey
	even.E = 65536
	huge := rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(3), maxRSA), E: 3}
	for _, tc := range []struct {
		source Source
		err    string
	}{
		{Source{Secret: m.secret}, "no algorithm"},
		{Source{Algorithms: []string{"none"}, Secret: m.secret}, `unknown algorithm "none"`},
		{Source{Algorithms: []string{"hs256"}, Secret: m.secret}, `unknown algorithm "hs256"; there are HS256`},
		{Source{Algorithms: []string{"HS256"}}, "no key"},
		{Source{Algorithms: []string{"HS256"}, Secret: []byte("emqxsecret")}, "secret of 10 bytes; want 32 for HS256"},
		{Source{Algorithms: []string{"HS512"}, Secret: m.secret[:48]}, "HS256, HS384, of which none is accepted"},
		{Source{Algorithms: []string{"RS256"}, Secret: m.secret}, "of which none is accepted"},
		{Source{Algorithms: []string{"HS256"}, PEM: pemOf(t, &m.rsa.PublicKey)}, "PEM block 1: it is for RS256"},
		{Source{Algorithms: []string{"RS256"}, PEM: private}, "it is a private key"},
		{Source{Algorithms: []string{"RS256"}, PEM: []byte("s3cret")}, "no PEM block"},
		{Source{Algorithms: []string{"RS256"}, PEM: pem.EncodeToMemory(&pem.Block{Type: "X509 CRL"})}, "X509 CRL"},
		{Source{Algorithms: []string{"RS256"}, PEM: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}})}, "PEM block 1"},
		{Source{Algorithms: []string{"RS256"}, PEM: pemOf(t, &small.PublicKey)}, "RSA key of 1024 bits"},
		{Source{Algorithms: []string{"RS256"}, PEM: pemOf(t, &huge)}, "RSA key of 8194 bits"},
		{Source{Algorithms: []string{"RS256"}, JWKS: set(jwk(&huge, ""))}, "no key of type"},
		{Source{Algorithms: []string{"RS256"}, JWKS: set(jwk(&even, ""))}, "exponent"},
		{Source{Algorithms: []string{"ES256"}, PEM: pemOf(t, &p224.PublicKey)}, "P-224"},
		{Source{Algorithms: []string{"RS256"}, JWKS: []byte(`s3cret`)}, "no JSON Web Key Set"},
		{Source{Algorithms: []string{"RS256"}, JWKS: []byte(`{"kty":"RSA"}`)}, "no JSON Web Key Set"},
		{Source{Algorithms: []string{"RS256"}, JWKS: set()}, "without a key"},
		{Source{Algorithms: []string{"RS256"}, JWKS: set(`{}`)}, "key 1"},
		{Source{Algorithms: []string{"RS256"}, JWKS: set(jwk(&m.rsa.PublicKey, `,"use":"enc"`))}, `its use is "enc"`},
		{Source{Algorithms: []string{"RS256"}, JWKS: set(jwk(&m.rsa.PublicKey, `,"key_ops":["encrypt"]`))}, "key_ops"},
		{Source{Algorithms: []string{"RS256"}, JWKS: set(jwk(&m.rsa.PublicKey, `,"alg":"ES256"`))}, `for "ES256"`},
		{Source{Algorithms: []string{"RS256"}, JWKS: set(jwk(&m.rsa.PublicKey, `,"d":"s3cret"`))}, "private key"},
		{Source{Algorithms: []string{"HS256"}, JWKS: set(jwk([]byte("s3cret"), ""))}, "secret of 6 bytes"},
		{Source{Algorithms: []string{"ES256"}, JWKS: set(strings.Replace(jwk(&m.p256.PublicKey, ""), `"x":"`, `"x":"AAAA`, 1))}, "no key of type"},
		{Source{Algorithms: []string{"EdDSA"}, JWKS: set(`{"kty":"OKP","crv":"Ed448","x":"AA"}`)}, `type "OKP"`},
		{Source{Algorithms: []string{"RS256"}, JWKS: set(strings.Split(strings.Repeat("{} ", MaxKeys)+"{}", " ")...)}, "65 keys"},
		{Source{Algorithms: []string{"RS256"}, JWKS: make([]byte, MaxSource+1)}, "at most"},
	} {
		k, err := New(tc.source)
		if err == nil || k != nil || !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%v: %v, want %q", tc.source.Algorithms, err, tc.err)
		}
		if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "emqxsecret")) {
			t.Errorf("%v shows the secret", err)
		}
	}
}

// A certificate stands for its key.
func TestCertificate(t *testing.T) {
	m := material()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, m.p384.Public(), m.p384)
	if err != nil {
		t.Fatal(err)
	}
	k := read(t, Source{PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})})
	if _, _, err := k.Verify(sign(t, `{"alg":"ES384"}`, `{}`, m.p384)); err != nil {
		t.Error(err)
	}
	k = read(t, Source{PEM: pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&m.rsa.PublicKey)})})
	if _, _, err := k.Verify(sign(t, `{"alg":"PS512"}`, `{}`, m.rsa)); err != nil {
		t.Error(err)
	}
}

// FuzzVerify: only what the key has signed is accepted, byte for byte.
func FuzzVerify(f *testing.F) {
	secret := sha256.Sum256([]byte("fuzz"))
	k, err := New(Source{Algorithms: Algorithms, Secret: secret[:]})
	if err != nil {
		f.Fatal(err)
	}
	for _, header := range []string{`{"alg":"HS256"}`, `{"alg":"none"}`, `{"alg":"HS256","crit":["b64"],"b64":false}`, `{"alg":"HS256","kid":"a","jwk":{"kty":"oct","k":"AA"}}`, `{"alg":"ES256","x5c":["AA"]}`} {
		f.Add(sign(f, header, `{"exp":1}`, secret[:]))
	}
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		header, claims, err := k.Verify(token)
		if err != nil {
			if header != nil || claims != nil || !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrSignature) {
				t.Errorf("%q %q %v", header, claims, err)
			}
			return
		}
		text := b64(header) + "." + b64(claims)
		m := hmac.New(sha256.New, secret[:])
		m.Write([]byte(text))
		if token != text+"."+b64(m.Sum(nil)) || !json.Valid(claims) {
			t.Errorf("accepts %q", token)
		}
	})
}

// FuzzNew: whatever is read as keys keeps to the bounds.
func FuzzNew(f *testing.F) {
	m := material()
	f.Add(set(jwk(&m.rsa.PublicKey, `,"kid":"a"`), jwk(&m.p256.PublicKey, `,"alg":"ES256"`)), []byte(nil))
	f.Add(set(jwk(m.ed.Public(), ""), jwk(m.secret, `,"use":"sig"`)), pemOf(f, &m.p384.PublicKey))
	f.Add([]byte(`{"keys":[{}]}`), []byte("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, jwks, pem []byte) {
		k, err := New(Source{Algorithms: Algorithms, JWKS: jwks, PEM: pem})
		if err != nil {
			return
		}
		if len(k.keys) == 0 || len(k.keys) > MaxKeys {
			t.Errorf("%d keys", len(k.keys))
		}
		for _, key := range k.keys {
			if usable, err := suits(key.material); err != nil || len(usable) == 0 || len(key.algorithms) == 0 {
				t.Errorf("%T: %v", key.material, err)
			}
		}
		if _, _, err := k.Verify("eyJhbGciOiJFUzI1NiJ9.e30."); !errors.Is(err, ErrSignature) {
			t.Error(err)
		}
	})
}
