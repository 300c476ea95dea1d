// Scram is the plugin that lets clients in who prove that they know a password
// without sending it (SCRAM, RFC 5802), over MQTT 5.0's enhanced authentication;
// see README.md.
package main

import (
	"github.com/wicketmq/wicket/plugins/scram/exchange"
	wicket "github.com/wicketmq/wicket/sdk/go"
)

func init() {
	wicket.NeedABI(3) // enhanced authentication
	wicket.OnLoad(load)
}

func load(l *wicket.LoadInfo) error {
	s, notes, err := exchange.New(l)
	if err != nil {
		return err
	}
	for _, n := range notes {
		wicket.Warn(n)
	}
	wicket.OnAuthenticate(s.Authenticate)
	return nil
}

func main() {}
