// Acl is the plugin that says who may publish and subscribe where, by a list of
// rules; see README.md. It hands the rules of a client to the broker, which tries
// them from then on by itself.
package main

import (
	"github.com/wicketmq/wicket/plugins/acl/rules"
	wicket "github.com/wicketmq/wicket/sdk/go"
)

var list *rules.List

func init() {
	wicket.NeedABI(2) // its NEXT carries rules
	wicket.OnLoad(load)
	wicket.OnAuthorizeNow(func(_ *wicket.Context, a *wicket.Access) wicket.Verdict { return list.Authorize(a) })
}

func load(l *wicket.LoadInfo) error {
	read, notes, err := rules.New(l)
	if err != nil {
		return err
	}
	for _, n := range notes {
		wicket.Warn(n)
	}
	list = read
	return nil
}

func main() {}
