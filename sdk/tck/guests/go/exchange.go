package main

import (
	"strconv"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

// exchange is enhanced authentication.
func exchange(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
	said := c.AuthData
	for round := 1; ; round++ {
		answer, err := ctx.Continue(append([]byte(strconv.Itoa(round)+":"), said...))
		if err != nil {
			wicket.Info("ended " + c.ClientID)
			return wicket.Deny()
		}
		switch said = answer; string(said) {
		case "more":
		case "deny":
			return wicket.Deny().Reason(wicket.BadUsernameOrPassword)
		case "verify":
			switch ok, err := ctx.VerifyPassword(hash, said); {
			case err != nil:
				return wicket.Fail(err)
			case !ok:
				return wicket.Deny().Reason(wicket.BadUsernameOrPassword)
			}
		default:
			v := wicket.Allow().AuthData(said).Attribute("client", c.ClientID).Attribute("rounds", strconv.Itoa(round))
			if c.Reauthenticate {
				v = v.Attribute("again", "1")
			}
			return v
		}
	}
}

// hello is what is asked before the TLS handshake.
func hello(ctx *wicket.Context, h *wicket.ClientHello) wicket.Verdict {
	switch h.ServerName {
	case "allow":
		return wicket.Allow()
	case "deny":
		return wicket.Deny()
	case "next":
		return wicket.Next()
	case "banned":
		return wicket.Deny().Text("who is " + h.Peer)
	case "ask":
		res, err := ctx.HTTP(wicket.HTTPRequest{Upstream: "auth", Path: "/hello"})
		switch {
		case err != nil:
			return wicket.Fail(err)
		case res.Status >= 300:
			return wicket.Deny()
		}
		return wicket.Next()
	}
	wicket.Info(helloText(h))
	return wicket.Next()
}
