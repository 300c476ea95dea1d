// Http is the plugin that asks an HTTP server who a client is and what it may
// do; see README.md. The server is an upstream of the broker, which grants it.
package main

import (
	"github.com/wicketmq/wicket/plugins/http/backend"
	wicket "github.com/wicketmq/wicket/sdk/go"
)

func init() {
	wicket.NeedABI(2) // upstreams
	wicket.Reuse()
	wicket.OnLoad(load)
}

func load(l *wicket.LoadInfo) error {
	b, notes, err := backend.New(l)
	if err != nil {
		return err
	}
	for _, n := range notes {
		wicket.Warn(n)
	}
	if b.Authenticates() {
		wicket.OnAuthenticateNow(b.Authenticate)
	}
	if b.Authorizes() {
		wicket.OnAuthorizeNow(b.Authorize)
	}
	return nil
}

func main() {}
