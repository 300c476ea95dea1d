// Command go-hello lets in whom an HTTP server knows: the first plugin.
package main

import wicket "github.com/wicketmq/wicket/sdk/go"

func init() {
	wicket.OnAuthenticate(func(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
		r, err := ctx.HTTP(wicket.HTTPRequest{Upstream: "auth", Path: "/check?client=" + wicket.EscapeQuery(c.ClientID)})
		if err != nil || r.Status != 200 {
			return wicket.Deny()
		}
		return wicket.Allow().Rule(wicket.AllowAll("devices/${clientid}/#"))
	})
}

func main() {}
