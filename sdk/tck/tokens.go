package tck

import (
	"strings"
	"testing"

	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

// JWT is the feature of tokens, by the name of its grant.
const JWT = "jwt"

// tokenChecks are the rules of ABI 1.3 for guests that have tokens verified.
var tokenChecks = []Check{
	{"JWT-01", "every field of a JwtKeys can be set, and keys go into their slot", keysOfTokens, JWT},
	{"JWT-02", "what is wrong with keys is heard, also when there is no room for it", unusableKeys, JWT},
	{"JWT-03", "a token that is signed has a header and claims", signedToken, JWT},
	{"JWT-04", "a token that nobody has signed, one of an unknown key and one that is none are told apart", unsignedTokens, JWT},
	{"JWT-05", "a token that cannot be verified is an error of the call", refusedToken, JWT},
}

func keysOfTokens(t *testing.T, g *harness.Guest) {
	command(t, g, "jwt-keys", answer(wire.Allow, wire.Decision{}))
	set, secret := new(wire.JWTKeys), new(wire.JWTKeys)
	readTwin("jwt_keys-set", set)
	readTwin("jwt_keys-secret", secret)
	equal(t, "jwt_keys", g.Slots, map[int32]wire.JWTKeys{0: *set, 15: *secret})
}

func unusableKeys(t *testing.T, g *harness.Guest) {
	g.Unusable = "secret of 6 bytes"
	command(t, g, "jwt-keys", unavailable, "3 the keys cannot be used: secret of 6 bytes")
	g.Unusable = strings.Repeat("x", 5000)
	command(t, g, "jwt-keys", unavailable, "3 the keys cannot be used")
	g.Unusable, g.Refuse = "", -3
	command(t, g, "jwt-keys", unavailable, unread)
}

// shows has the guest verify a token, and returns the call.
func shows(t *testing.T, g *harness.Guest, req int64) harness.Verifying {
	t.Helper()
	g.Verifying, g.Logs = nil, nil
	if code := g.Authenticate(req, Connect("jwt", "c1")); code != wire.Pending || len(g.Verifying) != 1 {
		t.Fatalf("code %d, %+v", code, g.Verifying)
	}
	return g.Verifying[0]
}

func signedToken(t *testing.T, g *harness.Guest) {
	v := shows(t, g, 1)
	equal(t, "jwt_verify", v, harness.Verifying{ID: v.ID, Req: 1, Slot: 15, Token: string(Connect("jwt", "c1").Password)})
	ok := new(wire.JWTVerified)
	readTwin("jwt_verified-ok", ok)
	g.Complete(v.ID, wire.OK, string(read("golden/jwt_verified-ok-unknown.bin")))
	got := g.Answers[1]
	equal(t, "answer", &got, answer(wire.Allow, attributes("header", string(ok.Header), "claims", string(ok.Claims))))
}

func unsignedTokens(t *testing.T, g *harness.Guest) {
	for i, tc := range []struct {
		status  wire.Status
		payload string
		want    string
	}{
		{wire.Mismatch, "", "not signed"},
		{wire.Mismatch, string(read("golden/jwt_verified-unknown_key.bin")), "unknown key"},
		{wire.Malformed, "malformed token", "malformed"},
	} {
		req := int64(i + 1)
		g.Complete(shows(t, g, req).ID, tc.status, tc.payload)
		got := g.Answers[req]
		equal(t, tc.want, &got, answer(wire.Deny, wire.Decision{ReasonText: tc.want}))
	}
}

func refusedToken(t *testing.T, g *harness.Guest) {
	for req, status := range []wire.Status{wire.Failed, wire.Timeout, wire.Refused} {
		g.Complete(shows(t, g, int64(req)+1).ID, status, "")
		got := g.Answers[int64(req)+1]
		equal(t, "answer", &got, unavailable)
	}
	g.Complete(shows(t, g, 9).ID, wire.OK, string(read("golden/jwt_verified-bad-flag.bin")))
	if got := g.Answers[9]; got.Code != wire.Deny {
		t.Errorf("%+v", got)
	}
	g.Refuse = -2
	command(t, g, "jwt", unavailable, busy)
}
