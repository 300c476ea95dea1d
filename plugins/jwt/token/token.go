// Package token is the logic of the jwt plugin: it judges what the claims of a
// client's token say, in the words of EMQX's JWT authenticator (AJWT-01, AJWT-02).
// The broker verifies signatures. It runs inside the guest, where a handler is a
// goroutine that waits for its answer; the tests run it on the host.
package token

import (
	"errors"
	"strconv"

	"github.com/wicketmq/wicket/plugins/preset"
	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/json"
)

// Authenticator is a configuration ready to be asked.
type Authenticator struct {
	fromUsername bool
	keys         *keySet // nil: they do not change
	claims       []claim
	acl          string // the claim with rules; empty: none
	username     string // the claim that names the client; empty: none
	stay         bool   // beyond the end of the token
	leeway       int64  // seconds
}

// slot is where the keys are.
const slot = 0

// Authenticate lets a client in by its token. One with an authentication method
// is another plugin's (AUTHN-11), and so is one that has no token, or one that is
// not of our issuer (AJWT-01). What an issuer of ours says must hold.
func (a *Authenticator) Authenticate(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
	text, ok := string(c.Password), c.HasPassword
	if a.fromUsername {
		text, ok = c.Username, c.HasUsername
	}
	if c.AuthMethod != "" || !ok || text == "" {
		return wicket.Next()
	}
	claims, err := a.verified(ctx, text)
	switch {
	case errors.Is(err, wicket.ErrNotSigned), errors.Is(err, wicket.ErrMalformed), errors.Is(err, errNoKeys):
		wicket.Debug("client " + a.name(c) + " has no token of ours: " + err.Error())
		return wicket.Next()
	case err != nil: // no word about the token
		return wicket.Fail(errors.New("cannot verify the token of client " + a.name(c) + ": " + err.Error()))
	}
	v, err := a.judge(ctx, c, claims)
	if err != nil {
		wicket.Info("client " + a.name(c) + " is refused: " + err.Error())
		return wicket.Deny().Reason(wicket.BadUsernameOrPassword)
	}
	return v
}

// name shows who a client is without what may be its token.
func (a *Authenticator) name(c *wicket.Connect) string { return preset.Quote(c.ClientID) }

// verified returns the claims of a token whose signature is right.
func (a *Authenticator) verified(ctx *wicket.Context, text string) (json.Value, error) {
	if err := a.keys.ready(ctx); err != nil {
		return json.Value{}, err
	}
	_, raw, err := ctx.VerifyJWT(slot, text)
	if errors.Is(err, wicket.ErrUnknownKey) && a.keys.renewed(ctx) {
		_, raw, err = ctx.VerifyJWT(slot, text)
	}
	if err != nil {
		return json.Value{}, err
	}
	claims, err := json.Parse(string(raw))
	if err != nil { // stricter than the broker: a claim that comes twice (RFC 7519 section 4)
		return claims, wicket.ErrMalformed
	}
	return claims, nil
}

// admitted lets a client in; what its rules leave open is asked about.
var admitted = wicket.Allow().Default(wicket.CodeNext)

// judge decides about a client by the claims of its token.
func (a *Authenticator) judge(ctx *wicket.Context, c *wicket.Connect, claims json.Value) (wicket.Verdict, error) {
	end, err := a.times(claims, ctx.Now())
	if err != nil {
		return wicket.Verdict{}, err
	}
	for i := range a.claims {
		if !a.claims[i].holds(&subject{ctx, c}, claims) {
			return wicket.Verdict{}, errors.New("claim " + preset.Quote(a.claims[i].name) + " is not what verify_claims wants")
		}
	}
	v := admitted
	if preset.Yes(claims.Get("is_superuser")) {
		v = v.Superuser()
	}
	if v, err = preset.Attributes(v, claims.Get("client_attrs")); err != nil {
		return v, err
	}
	if v, err = a.named(v, claims); err != nil {
		return v, err
	}
	rules := claims.Get(a.acl)
	if a.acl != "" && rules.Present() {
		if v, err = preset.ACL(v, rules); err != nil { // AUTHZ-06
			return v, err
		}
	}
	// What a token permits ends with it (AUTHZ-08): who may stay longer has no
	// rules from it.
	if end > 0 && (!a.stay || a.acl != "" && rules.Present()) {
		v = v.ExpireAt(end)
	}
	return v, nil
}

// named gives the client the name that the token has for it.
func (a *Authenticator) named(v wicket.Verdict, claims json.Value) (wicket.Verdict, error) {
	if a.username == "" {
		return v, nil
	}
	name, _ := claims.Get(a.username).Text()
	if name == "" {
		return v, errors.New("it has no claim " + preset.Quote(a.username) + ", which is to be its user name")
	}
	return v.Username(name), nil
}

// times judges exp, nbf and iat (RFC 7519 section 4.1), and returns when the
// client is to leave, in Unix seconds, or 0. now is in milliseconds.
func (a *Authenticator) times(claims json.Value, now int64) (end int64, err error) {
	for _, name := range [...]string{"exp", "nbf", "iat"} {
		v := claims.Get(name)
		if v.Kind() == json.Absent {
			continue
		}
		at, ok := seconds(v)
		switch {
		case !ok:
			return 0, errors.New(name + " is no number of seconds")
		case at > now/2: // AUTHN-07
			return 0, errors.New(name + " is " + v.Literal() + ", which looks like milliseconds; want seconds")
		case name == "exp":
			if end = at + a.leeway; end <= now/1000 {
				return 0, errors.New("its token has expired")
			}
		case at-a.leeway > now/1000:
			return 0, errors.New(name + " is in the future")
		}
	}
	return end, nil
}

// seconds reads a NumericDate, which may have a fraction (RFC 7519 section 2); it
// counts as if it had none.
func seconds(v json.Value) (int64, bool) {
	if n, ok := v.Int(); ok {
		return n, true
	}
	if v.Kind() != json.Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.Literal(), 64)
	if err != nil || f < -1<<53 || f > 1<<53 {
		return 0, false
	}
	return int64(f), true
}
