package ocsp

import (
	"crypto/x509"
	"testing"

	"golang.org/x/crypto/ocsp"
)

// BenchmarkCheckCached is what a handshake pays when the answer is at hand.
func BenchmarkCheckCached(b *testing.B) {
	root := issue(b, "Root", nil, ca)
	leaf := issue(b, "leaf", root, nil)
	r := &responder{}
	r.says(sign(b, root, root, good(leaf)), nil)
	c := NewClient(ClientOptions{Fetch: r})
	defer c.Close()
	k := c.Checker(false)
	path := []*x509.Certificate{leaf.cert, root.cert}
	b.ReportAllocs()
	for b.Loop() {
		if err := k.Check(b.Context(), path); err != nil {
			b.Fatal(err)
		}
	}
	if n := len(r.questions()); n != 1 {
		b.Fatalf("%d questions", n)
	}
}

// BenchmarkAnswer is what an answer costs to believe: one or two signatures.
func BenchmarkAnswer(b *testing.B) {
	root := issue(b, "Root", nil, ca)
	leaf, delegate := issue(b, "leaf", root, nil), issue(b, "responder", root, responds)
	q := ask(b, leaf, root)
	for _, one := range []struct {
		name   string
		signer *entity
	}{{"issuer", root}, {"delegate", delegate}} {
		der := sign(b, root, one.signer, good(leaf))
		b.Run(one.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if a, err := q.check(der); err != nil || a.Status != statuses[ocsp.Good] {
					b.Fatal(err)
				}
			}
		})
	}
}
