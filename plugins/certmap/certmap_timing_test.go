package main

import (
	"strings"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

// BenchmarkAuthenticate is the whole of a CONNECT in the module: the event read,
// two fields of the certificate asked for, the decision written.
func BenchmarkAuthenticate(b *testing.B) {
	g := open(b, `{"username":"cn","attributes":{"role":"san_uri|prefix(\"spiffe://acme/\")"}}`)
	g.Fields[[2]int32{int32(wicket.CertCommonNames), 0}] = "sensor-17"
	g.Fields[[2]int32{int32(wicket.CertSANURI), 0}] = "spiffe://acme/pump"
	c := &wire.Authenticate{ClientID: "c1", Protocol: 4, Listener: "tls:default", Transport: "tls", Peer: "192.0.2.7:51234", TLS: &wire.TLS{
		Version: "TLS 1.3", CertificatePresented: true, CertificateVerified: true, CommonName: "sensor-17", Subject: "CN=sensor-17", Fingerprint: strings.Repeat("ab", 32),
	}}
	var req int64
	for b.Loop() {
		req++
		if code := g.Authenticate(req, c); code != wire.Pending {
			b.Fatal(code)
		}
		delete(g.Answers, req)
	}
}
