// Jwt is the plugin that lets clients in by a JSON Web Token; see README.md. The
// broker verifies the signature (grant "jwt"), and fetches the keys of an issuer
// (grant "http") where it publishes them.
package main

import (
	"github.com/wicketmq/wicket/plugins/jwt/token"
	wicket "github.com/wicketmq/wicket/sdk/go"
)

func init() {
	wicket.NeedABI(3) // tokens
	wicket.OnLoad(load)
}

func load(l *wicket.LoadInfo) error {
	s, err := token.New(l)
	if err != nil {
		return err
	}
	wicket.OnAuthenticate(s.Authenticate)
	return nil
}

func main() {}
