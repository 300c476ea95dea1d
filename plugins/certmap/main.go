// Certmap is the plugin that takes the names of a client from its certificate;
// see README.md.
package main

import (
	"github.com/wicketmq/wicket/plugins/certmap/identity"
	wicket "github.com/wicketmq/wicket/sdk/go"
)

var mapper *identity.Mapper

func init() {
	wicket.NeedABI(1) // its NEXT names the client
	wicket.OnLoad(load)
	wicket.OnAuthenticateNow(func(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
		return mapper.Authenticate(ctx, c)
	})
}

func load(l *wicket.LoadInfo) error {
	m, notes, err := identity.New(l.Config)
	if err != nil {
		return err
	}
	for _, n := range notes {
		wicket.Warn(n)
	}
	mapper = m
	return nil
}

func main() {}
