// Allow-all lets every client in and lets it do everything: the smallest
// plugin there is. Build it with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o allow-all.wasm .
//
// and name the file under plugins in the broker's configuration. Not for
// production.
package main

import wicket "github.com/wicketmq/wicket/sdk/go"

func init() {
	wicket.OnAuthenticate(func(_ *wicket.Context, c *wicket.Connect) wicket.Verdict {
		wicket.Info("welcome, " + c.ClientID)
		return wicket.Allow().Default(wicket.CodeAllow)
	})
}

func main() {}
