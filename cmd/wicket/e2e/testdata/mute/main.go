// Mute never answers whoever asks for mute.example, and has no opinion of others.
package main

import wicket "github.com/wicketmq/wicket/sdk/go"

func init() {
	wicket.OnClientHello(func(_ *wicket.Context, h *wicket.ClientHello) wicket.Verdict {
		if h.ServerName == "mute.example" {
			select {}
		}
		return wicket.Next()
	})
}

func main() {}
