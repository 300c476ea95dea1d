// Http-auth lets in who an HTTP server knows: it asks GET /check?user=NAME of the
// upstream "auth" and takes 204 for a yes. Build it with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o http-auth.wasm .
//
// and name the file under plugins in the broker's configuration, with
// grants: [http] and upstreams: [auth]. The server's URL, its certificate
// authority and the broker's certificate stand under upstreams.auth; the plugin
// sees none of them.
package main

import wicket "github.com/wicketmq/wicket/sdk/go"

func init() {
	wicket.OnAuthenticate(func(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
		r, err := ctx.HTTP(wicket.HTTPRequest{Upstream: "auth", Path: "/check?user=" + wicket.EscapeQuery(c.Username)})
		if err != nil {
			return wicket.Fail(err)
		}
		if r.Status != 204 {
			return wicket.Deny()
		}
		return wicket.Allow().Rule(wicket.AllowAll("users/${username}/#"))
	})
}

func main() {}
