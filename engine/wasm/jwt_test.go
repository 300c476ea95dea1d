package wasm

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/jwt"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// hmacToken signs claims by the secret of the guest "jwt", or another.
func hmacToken(header, claims, secret string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func openJWT(t testing.TB, o Options) *Plugin {
	t.Helper()
	o.Module, o.Grants = guest(t, "jwt"), []string{GrantJWT}
	if o.Workers == 0 {
		o.Workers = 1
	}
	return open(t, newHost(t, HostOptions{}), o)
}

func askToken(t testing.TB, p *Plugin, how, token string) auth.Verdict {
	t.Helper()
	c := make(chan auth.Verdict, 1)
	p.Authenticate(&auth.Request{ClientID: how, Username: token, HasUsername: true}, func(v auth.Verdict) { c <- v })
	return wait(t, c)
}

// What a guest is told of tokens.
func TestJWTVerify(t *testing.T) {
	p := openJWT(t, Options{})
	secret := strings.Repeat("a", 32)
	good := hmacToken(`{"alg":"HS256"}`, `{"s":1}`, secret)
	const failed = 0x80
	for _, tc := range []struct {
		how, token string
		want       auth.Verdict
	}{
		{"v", good, auth.Verdict{Decision: auth.Allow, Reason: failed, ReasonText: "\x0a\x0f" + `{"alg":"HS256"}` + "\x12\x07" + `{"s":1}`}},
		{"v", hmacToken(`{"alg":"HS256"}`, `{}`, "another"), auth.Verdict{Reason: failed + mqtt.Reason(statusMismatch)}},
		{"v", "eyJhbGciOiJub25lIn0.e30.", auth.Verdict{Reason: failed + mqtt.Reason(statusMismatch)}},
		{"v", "x", auth.Verdict{Reason: failed + mqtt.Reason(statusMalformed), ReasonText: "malformed token: it has not three parts"}},
		{"l", "", auth.Verdict{Reason: failed + mqtt.Reason(statusMalformed), ReasonText: "malformed token: it has 65537 bytes; at most 65536 are read"}},
		{"e", good, unavailable(auth.Authentication)}, // the guest returns −3
		{"x", good, unavailable(auth.Authentication)},
		{"f", good, unavailable(auth.Authentication)},
		{"n", good, unavailable(auth.Authentication)},
		{"r", good, unavailable(auth.Authentication)}, // −2 in the end
		{"m", "", unavailable(auth.Authentication)},
		{"o", "", unavailable(auth.Authentication)},
		{"s", "", auth.Verdict{ReasonText: "cannot use the secret: secret of 6 bytes; want 32 for HS256, 48 for HS384, 64 for HS512 (RFC 7518 section 3.2)"}},
		{"t", "", auth.Verdict{ReasonText: "?"}},
		{"v", good, auth.Verdict{Decision: auth.Allow, Reason: failed, ReasonText: "\x0a\x0f" + `{"alg":"HS256"}` + "\x12\x07" + `{"s":1}`}}, // the keys are still there
	} {
		got := askToken(t, p, tc.how, tc.token)
		if got.Decision != tc.want.Decision || got.Reason != tc.want.Reason || got.ReasonText != tc.want.ReasonText {
			t.Errorf("%s %s: %+v, want %+v", tc.how, tc.token, got, tc.want)
		}
	}
	until(t, "all are done", func() bool { return p.verifying.Load() == 0 })
	if s := p.Stats(); len(s.Faults) > 0 {
		t.Errorf("%v", s.Faults)
	}
	denied(t, askToken(t, p, "b", good), mqtt.ServerUnavailable)
	if s := p.Stats(); s.Faults[FaultPointer] != 1 {
		t.Errorf("%v", s.Faults)
	}
}

// A key id that is not in the set is told as such, and no more of the token.
func TestJWTUnknownKey(t *testing.T) {
	keys, err := jwt.New(jwt.Source{Algorithms: []string{"HS256"}, JWKS: []byte(`{"keys":[{"kty":"oct","kid":"a","k":"` + strings.Repeat("YWFh", 12) + `"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	if st, text := verifyToken(keys, hmacToken(`{"alg":"HS256","kid":"b"}`, `{}`, "x")); st != statusMismatch || text != "\x18\x01" {
		t.Errorf("%d %q", st, text)
	}
	if st, text := verifyToken(keys, hmacToken(`{"alg":"HS256","kid":"a"}`, `{}`, "x")); st != statusMismatch || text != "" {
		t.Errorf("%d %q", st, text)
	}
}

// Tokens in flight are bounded by the plugin's InFlight, and those that wait for a
// worker are refused when their host ends.
func TestJWTStops(t *testing.T) {
	h := newHost(t, HostOptions{})
	h.tokens.close()
	p := open(t, h, Options{Module: guest(t, "jwt"), Grants: []string{GrantJWT}, Workers: 1})
	denied(t, askToken(t, p, "v", "x"), mqtt.ServerUnavailable)
	if n := p.verifying.Load(); n != 0 {
		t.Errorf("%d in flight", n)
	}
}

// A guest that was not granted tokens is not loaded, and is told the line to add.
func TestJWTNeedsGrant(t *testing.T) {
	_, err := newHost(t, HostOptions{}).Open(context.Background(), Options{Name: "p", Module: guest(t, "jwt")})
	if err == nil || !strings.Contains(err.Error(), "plugins.p.grants: [jwt]") {
		t.Error(err)
	}
}

func FuzzJWTKeys(f *testing.F) {
	f.Add([]byte("\x0a\x05HS256\x22\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
	f.Add([]byte("\x0a\x05RS256\x12\x0b{\"keys\":[]}\x1a\x01x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeJWTKeys(b)
		if err == nil && len(s.JWKS)+len(s.PEM)+len(s.Secret)+len(s.Algorithms) > len(b) {
			t.Errorf("%+v", s)
		}
	})
}
