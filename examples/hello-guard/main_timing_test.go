//go:build !wasip1

package main

import (
	"testing"

	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

// BenchmarkClientHello is the whole of a question in the module.
func BenchmarkClientHello(b *testing.B) {
	g := harness.Open(b, harness.Build(b, "."))
	if code := g.Load(&wire.Load{Plugin: "hello-guard", Config: `{"server_names":["mqtt.example.com"]}`, ABIMinor: 3}); code != 0 {
		b.Fatal(code, g.Logs)
	}
	h := &wire.ClientHello{
		Listener: "tls:default", Peer: "192.0.2.7:51234", ServerName: "mqtt.example.com", ALPN: []string{"mqtt"}, Versions: []uint32{0x0304, 0x0303},
		Suites:     []uint32{0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x9C, 0x9D},
		Extensions: []uint32{0, 5, 10, 11, 13, 16, 18, 23, 43, 50, 51, 0xFF01},
		Groups:     []uint32{0x11EC, 29, 23, 24, 25}, SignatureSchemes: []uint32{0x0804, 0x0403, 0x0807, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0503, 0x0603},
		JA4: "t13d1312mt_f57a46bbacb6_ab7e3b40a677",
	}
	var req int64
	for b.Loop() {
		req++
		if code := g.ClientHello(req, h); code != wire.Next {
			b.Fatal(code)
		}
	}
}
