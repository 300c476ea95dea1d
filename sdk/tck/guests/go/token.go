package main

import (
	"errors"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

// token is what a plugin has to do with tokens.
func token(ctx *wicket.Context, c *wicket.Connect) (v wicket.Verdict, done bool) {
	switch c.Username {
	case "jwt-keys":
		err := wicket.SetJWTKeys(0, wicket.JWTKeys{Algorithms: []string{"RS256", "", "EdDSA"}, JWKS: []byte(`{"keys":[]}`), PEM: []byte("-----BEGIN PUBLIC KEY-----\n")})
		if err == nil {
			err = wicket.SetJWTKeys(15, wicket.JWTKeys{Algorithms: []string{"HS256"}, Secret: []byte("0123456789abcdef\x000123456789abcd\xff")})
		}
		if err != nil {
			return wicket.Fail(err), true
		}
		return wicket.Allow(), true
	case "jwt":
		header, claims, err := ctx.VerifyJWT(15, string(c.Password))
		switch {
		case errors.Is(err, wicket.ErrUnknownKey):
			return wicket.Deny().Text("unknown key"), true
		case errors.Is(err, wicket.ErrNotSigned):
			return wicket.Deny().Text("not signed"), true
		case errors.Is(err, wicket.ErrMalformed):
			return wicket.Deny().Text("malformed"), true
		case err != nil:
			return wicket.Fail(err), true
		}
		return wicket.Allow().Attribute("header", string(header)).Attribute("claims", string(claims)), true
	}
	return v, false
}
