// Audit is the plugin that sends what happens to clients to an HTTP server; see
// README.md.
package main

import (
	"github.com/wicketmq/wicket/plugins/audit/trail"
	wicket "github.com/wicketmq/wicket/sdk/go"
)

func init() {
	wicket.NeedABI(3) // it hears events
	wicket.OnLoad(load)
}

func load(l *wicket.LoadInfo) error {
	t, err := trail.New(l)
	if err != nil {
		return err
	}
	wicket.OnEvent(t.Note)
	wicket.OnUnload(func() { wicket.Background(t.Flush) })
	_, err = wicket.Every(t.Interval, t.Flush)
	return err
}

func main() {}
