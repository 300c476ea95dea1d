// Command door is a plugin in versions that differ in how they deny: who it
// lets in, and who stays out, is the same in all of them.
package main

import wicket "github.com/wicketmq/wicket/sdk/go"

// version is set by the linker.
var version = "one"

func init() {
	wicket.OnAuthenticate(func(_ *wicket.Context, c *wicket.Connect) wicket.Verdict {
		switch {
		case c.Username == "in":
			return wicket.Allow()
		case version == "one":
			return wicket.Deny().Reason(wicket.BadUsernameOrPassword)
		case version == "three":
			return wicket.Deny().Reason(wicket.NotAuthorized)
		}
		return wicket.Deny().Reason(wicket.Banned)
	})
}

func main() {}
