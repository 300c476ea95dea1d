package cert

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
)

// BenchmarkVerify measures what the rules add to crypto/tls's verification of a
// client: with its whole path known, and with an intermediate left out.
func BenchmarkVerify(b *testing.B) {
	root := issue(b, "root", nil, nil, ca)
	middle := issue(b, "middle", nil, root, ca)
	direct, below := issue(b, "device", nil, root, nil), issue(b, "device", nil, middle, nil)
	server := issue(b, "localhost", nil, root, forLocalhost)
	o := Options{Files: files(b, certPEM(server), keyPEM(b, server.key), certPEM(root, middle)), VerifyPeer: true, RequirePeer: true, Depth: 1}
	_, bundle, err := ServerConfig(o)
	if err != nil {
		b.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		chain []*x509.Certificate
	}{
		{"direct", []*x509.Certificate{direct.cert, root.cert}},
		{"intermediate sent", []*x509.Certificate{below.cert, middle.cert, root.cert}},
		{"intermediate left out", []*x509.Certificate{below.cert, middle.cert}},
	} {
		s := tls.ConnectionState{ServerName: "localhost", PeerCertificates: tt.chain[:1], VerifiedChains: [][]*x509.Certificate{tt.chain}}
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bundle.verify(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPick measures the choice of a certificate by server name.
func BenchmarkPick(b *testing.B) {
	names := byName{"a.example.com": new(tls.Certificate), ".example.com": new(tls.Certificate)}
	for _, name := range []string{"a.example.com", "other.example.com", "elsewhere.org"} {
		hello := &tls.ClientHelloInfo{ServerName: name}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := names.pick(hello); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
