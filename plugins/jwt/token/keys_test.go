//go:build !wasip1

package token

import (
	"slices"
	"strings"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

// issuer is an Authenticator with keys from an upstream whose fetches are run by
// the test, at once.
type issuer struct {
	*broker
	*Authenticator
	set  string // what it publishes; empty: it is down
	puts int
}

func newIssuer(t *testing.T, claims string) *issuer {
	t.Helper()
	wicket.TestReset()
	i := &issuer{broker: says(claims), set: "1"}
	i.http = func(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
		if r.Upstream != "idp" || r.Path != "/keys" || r.Method != "" {
			t.Errorf("%+v", r)
		}
		if i.set == "" {
			return nil, errDown
		}
		return &wicket.HTTPResponse{Status: 200, Body: []byte(i.set)}, nil
	}
	i.Authenticator = &Authenticator{acl: "acl", keys: &keySet{
		request: wicket.HTTPRequest{Upstream: "idp", Path: "/keys"}, interval: 60_000,
		start: func(f func(*wicket.Context)) { f(wicket.TestContext(i.broker)) },
		put: func(_ int, k wicket.JWTKeys) error {
			if strings.HasPrefix(string(k.JWKS), "bad") {
				return wicket.ErrKeys
			}
			i.puts++
			return nil
		},
	}}
	i.keys.begin()
	return i
}

// login says what becomes of a client whose token has the outcome err.
func (i *issuer) login(err error) string {
	i.err = err
	return show(i.Authenticate(wicket.TestContext(i.broker), client()))
}

func (i *issuer) after(ms int64) { i.clock += ms }

// Keys are asked for once, and again when they are older than refresh_interval.
func TestRefresh(t *testing.T) {
	i := newIssuer(t, `{}`)
	for range 100 {
		if got := i.login(nil); got != "allow next" {
			t.Fatal(got)
		}
	}
	if i.asked != 1 || i.puts != 1 {
		t.Errorf("asked %d times at first", i.asked)
	}
	i.after(60_001)
	for range 100 {
		i.login(nil)
	}
	if i.asked != 2 || i.puts != 2 {
		t.Errorf("asked %d times after refresh_interval", i.asked)
	}
	i.after(-120_000) // the clock is set back
	i.login(nil)
	i.after(60_001)
	i.login(nil)
	if i.asked < 3 {
		t.Errorf("asked %d times after the clock was set back", i.asked)
	}
}

// An issuer that is down costs nobody anything while there are keys, and is asked
// every ten seconds at most (AJWT-01).
func TestIssuerDown(t *testing.T) {
	i := newIssuer(t, `{}`)
	i.set = ""
	for range 300 { // five minutes, a login each second
		i.after(1000)
		if got := i.login(nil); got != "allow next" {
			t.Fatal(got)
		}
	}
	if i.asked < 20 || i.asked > 27 {
		t.Errorf("asked %d times", i.asked)
	}
	i.set = "bad"
	i.after(10_000)
	if got := i.login(nil); got != "allow next" || i.puts != 1 {
		t.Errorf("%s, %d sets", got, i.puts)
	}
	i.set = "2"
	i.after(10_000)
	if i.login(nil); i.puts != 2 {
		t.Error("no new keys from an issuer that is back")
	}
}

// Without any keys clients are another plugin's, and the issuer is asked once a
// second.
func TestNoKeysYet(t *testing.T) {
	i := newIssuer(t, `{}`)
	i.keys.have, i.set, i.asked = false, "", 0
	for range 100 {
		i.after(50)
		if got := i.login(nil); got != "next" {
			t.Fatal(got)
		}
	}
	if i.asked < 4 || i.asked > 6 {
		t.Errorf("asked %d times in five seconds", i.asked)
	}
	i.set = "1"
	i.after(1000)
	if got := i.login(nil); got != "allow next" {
		t.Error(got)
	}
}

// A token that names an unknown key has the keys asked for, once in ten seconds
// whatever clients send.
func TestUnknownKey(t *testing.T) {
	i := newIssuer(t, `{}`)
	for range 1000 { // a hundred seconds
		i.after(100)
		if got := i.login(wicket.ErrUnknownKey); got != "next" {
			t.Fatal(got)
		}
	}
	if i.asked < 10 || i.asked > 12 {
		t.Errorf("asked %d times in 100 s", i.asked)
	}
	for range 1000 {
		i.after(100)
		i.login(wicket.ErrNotSigned)
	}
	if i.asked > 14 { // refresh_interval
		t.Errorf("asked %d times for wrong signatures", i.asked)
	}
}

// The client that comes with a new key is let in by it.
func TestRotation(t *testing.T) {
	i := newIssuer(t, `{}`)
	i.after(10_000)
	i.err = wicket.ErrUnknownKey
	next := i.http
	i.http = func(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
		i.err = nil // the new set has the key
		return next(r)
	}
	if got := show(i.Authenticate(wicket.TestContext(i.broker), client())); got != "allow next" || i.asked != 2 {
		t.Errorf("%s after %d requests", got, i.asked)
	}
}

// Where clients come often, none waits for the issuer: it is asked before the keys are
// too old.
func TestEarly(t *testing.T) {
	i := newIssuer(t, `{}`)
	var later []func(*wicket.Context)
	i.keys.start = func(f func(*wicket.Context)) { later = append(later, f) }
	i.after(60_000 - renewGap)
	if i.login(nil); len(later) != 0 {
		t.Fatal("asked too early")
	}
	i.after(1)
	for range 100 {
		if got := i.login(nil); got != "allow next" { // or it waits for ever
			t.Fatal(got)
		}
	}
	if len(later) != 1 {
		t.Fatalf("asked %d times", len(later))
	}
	next, asked := i.http, i.clock
	i.http = func(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
		i.after(2000)
		return next(r)
	}
	later[0](wicket.TestContext(i.broker))
	if i.keys.current != asked || i.puts != 2 { // what it says may have been so then, and not since
		t.Errorf("of %d, not %d", i.keys.current, asked)
	}
}

// A key that the issuer has withdrawn counts for refresh_interval, and when the
// issuer was down, for as long from when it is back: word of that gets old too.
func TestWithdrawn(t *testing.T) {
	i := newIssuer(t, `{}`)
	next := i.http
	i.http = func(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
		if i.set == "2" {
			i.err = wicket.ErrUnknownKey
		}
		return next(r)
	}
	i.after(60_001)
	i.set = ""
	if got := i.login(nil); got != "allow next" {
		t.Errorf("%s while the issuer is down", got)
	}
	i.set = "2"
	i.after(60_001) // nobody came
	if got := i.login(nil); got != "next" || i.puts != 2 {
		t.Errorf("%s by a key that was withdrawn; %d sets", got, i.puts)
	}
	i = newIssuer(t, `{}`)
	i.set = "2"
	i.http = func(*wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
		i.err = wicket.ErrUnknownKey
		return &wicket.HTTPResponse{Status: 200, Body: []byte("2")}, nil
	}
	i.after(60_001)
	if got := i.login(nil); got != "next" {
		t.Errorf("%s by a key that was withdrawn a refresh_interval ago", got)
	}
}

// Keys that may have been withdrawn long ago are not used before the issuer was
// asked.
func TestLongIdle(t *testing.T) {
	i := newIssuer(t, `{}`)
	i.after(10 * 60_000)
	waited := false
	i.keys.start = func(f func(*wicket.Context)) {
		waited = true
		f(wicket.TestContext(i.broker))
	}
	i.login(nil)
	if !waited || i.puts != 2 {
		t.Errorf("%d sets", i.puts)
	}
}

// Another instance begins with the keys of the one before, once it has asked for
// newer ones, and for an hour after that one has had word of the issuer.
func TestInstances(t *testing.T) {
	i := newIssuer(t, `{}`)
	other := *i.keys
	other.have, other.current, other.asked, other.body = false, 0, 0, ""
	i.set = ""
	other.recall()
	if !other.have || i.puts != 2 {
		t.Fatal("the keys are not there")
	}
	waited := 0
	other.start = func(f func(*wicket.Context)) {
		waited++
		f(wicket.TestContext(i.broker))
	}
	i.keys, i.asked = &other, 0
	if got := i.login(nil); got != "allow next" || waited != 1 || i.asked != 1 {
		t.Errorf("%s; it has waited %d times and asked %d times", got, waited, i.asked)
	}
	i.set = "2"
	i.after(10_000)
	if got := i.login(nil); got != "allow next" || i.puts != 3 || other.body != "2" {
		t.Errorf("%s, %d sets", got, i.puts)
	}
	wicket.TestAdvance(i.broker, keptFor)
	last := keySet{request: other.request, put: other.put}
	if last.recall(); last.have {
		t.Error("keys of an instance that has long gone")
	}
}

// Keys of another place are not taken.
func TestOtherIssuer(t *testing.T) {
	i := newIssuer(t, `{}`)
	tenant := []wicket.Property{{Key: "accept", Value: "application/json"}, {Key: "x-tenant", Value: "b"}}
	for _, r := range []wicket.HTTPRequest{
		{Upstream: "idp", Path: "/other", Headers: i.keys.request.Headers}, {Upstream: "other", Path: "/keys", Headers: i.keys.request.Headers},
		{Upstream: "idp", Path: "/keys", Headers: tenant},
	} {
		k := keySet{request: r, put: i.keys.put}
		if k.recall(); k.have {
			t.Errorf("%+v has keys", r)
		}
	}
}

// Answers that are no keys.
func TestAnswers(t *testing.T) {
	for _, res := range []*wicket.HTTPResponse{
		{Status: 204}, {Status: 302}, {Status: 500, Body: []byte("1")}, {Status: 200, Body: make([]byte, maxSet+1)}, {Status: 200, Body: []byte("bad")},
	} {
		i := newIssuer(t, `{}`)
		i.http = func(*wicket.HTTPRequest) (*wicket.HTTPResponse, error) { return res, nil }
		i.after(60_001)
		if got := i.login(nil); got != "allow next" || i.puts != 1 || i.asked != 2 {
			t.Errorf("%d: %s, %d sets, asked %d times", res.Status, got, i.puts, i.asked)
		}
	}
}

// The settings of the request.
func TestRequest(t *testing.T) {
	l := load(`{"use_jwks":true,"upstream":"idp","path":"/keys","refresh_interval":"1h30m","headers":{"Accept":"*/*","x-realm":"plant"},"algorithm":"public-key"}`)
	l.Upstreams = []string{"other", "idp"}
	a, err := New(l)
	if err != nil {
		t.Fatal(err)
	}
	k := a.keys
	want := []wicket.Property{{Key: "accept", Value: "*/*"}, {Key: "x-realm", Value: "plant"}}
	if k.interval != 5_400_000 || k.request.Upstream != "idp" || k.request.Path != "/keys" || !slices.Equal(k.request.Headers, want) || !slices.Equal(k.algorithms, publicKey) {
		t.Errorf("%+v", k)
	}
	for text, want := range map[string]int64{"300": 300, "5m": 300, "1h": 3600, "0": 0, "": -1, "s": -1, "5x": -1, "5m x": -1, "-5": -1, "500ms": -1, "99999999999": -1} {
		got, ok := parseSeconds(text)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
