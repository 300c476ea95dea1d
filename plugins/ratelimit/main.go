// Ratelimit is the plugin that refuses clients that connect too often; see
// README.md.
package main

import (
	"github.com/wicketmq/wicket/plugins/ratelimit/limit"
	wicket "github.com/wicketmq/wicket/sdk/go"
)

var limits *limit.Limits

func init() {
	wicket.NeedABI(3) // it keeps counters
	wicket.OnLoad(func(l *wicket.LoadInfo) (err error) {
		limits, err = limit.New(l.Config)
		return err
	})
	wicket.OnAuthenticateNow(func(_ *wicket.Context, c *wicket.Connect) wicket.Verdict { return limits.Authenticate(c) })
}

func main() {}
