package main

import (
	wicket "github.com/wicketmq/wicket/sdk/go"
)

// talk repeats what the client says until it says a word that means something.
func talk(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
	said := string(c.AuthData)
	if c.Reauthenticate {
		said = "again " + said
	}
	for {
		answer, err := ctx.Continue([]byte(said + "?"))
		if err != nil {
			if _, again := ctx.Continue(nil); again != wicket.ErrEnded {
				wicket.Error("an exchange that is over goes on")
			}
			wicket.Info(c.ClientID + ": " + err.Error())
			return wicket.Allow() // to nobody
		}
		switch said = string(answer); said {
		case "allow":
			return wicket.Allow().Default(wicket.CodeAllow).AuthData([]byte("welcome"))
		case "plain":
			return wicket.Allow()
		case "deny":
			return wicket.Deny()
		case "next":
			return wicket.Next()
		case "panic":
			panic("in the middle")
		case "verify":
			return verify(ctx, c)
		case "spin":
			for {
			}
		case "nap":
			for until := ctx.Now() + 200; ctx.Now() < until; {
			}
		}
	}
}
