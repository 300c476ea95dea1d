package crl

import (
	"crypto/x509"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// FuzzLoad feeds bytes of a server through all that happens to them. crypto/x509
// is the judge: what is accepted here, it accepts, with the same entries and
// the same signature.
func FuzzLoad(f *testing.F) {
	root, other := issue(f, "root", nil, ca), issue(f, "other", nil, ca)
	device := issue(f, "device", root, nil)
	for _, der := range [][]byte{
		root.publish(f, nil), root.publish(f, nil, device, other), other.publish(f, nil),
		root.publish(f, idp(fullName("http://a/"))), root.publish(f, idp(flag(4))),
		root.publish(f, extra(oidDeltaIndicator, true, []byte{2, 1, 1})),
		cutNextUpdate(f, root, root.publish(f, nil)),
	} {
		f.Add(der)
		f.Add(inPEM(der, der))
	}
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ders, err := split(data)
		if err != nil {
			return
		}
		for _, der := range ders {
			agree(t, der)
		}
		l, err := load(data, root.cert, time.Now().Add(time.Hour))
		if err != nil {
			return
		}
		for _, der := range ders {
			if rl, err := x509.ParseRevocationList(der); err == nil && rl.CheckSignatureFrom(root.cert) == nil && rl.ThisUpdate.Equal(l.thisUpdate) {
				return
			}
		}
		t.Error("accepts what is not signed")
	})
}

func agree(t *testing.T, der []byte) {
	d, err := parse(der)
	if err != nil {
		return
	}
	l, err := d.list()
	if err != nil {
		return
	}
	rl, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatalf("accepts what crypto/x509 does not: %v", err)
	}
	if string(rl.RawTBSRevocationList) != string(d.outline.RawTBSRevocationList) || string(rl.Signature) != string(d.outline.Signature) ||
		!rl.ThisUpdate.Equal(l.thisUpdate) || !rl.NextUpdate.Equal(l.nextUpdate) || string(rl.RawIssuer) != string(l.issuer) {
		t.Fatal("reads the list otherwise than crypto/x509")
	}
	entries := 0
	for _, e := range rl.RevokedCertificateEntries {
		if e.SerialNumber.Sign() < 0 || e.ReasonCode == reasonRemove {
			continue
		}
		entries++
		if _, _, ok := l.find(e.SerialNumber); !ok {
			t.Fatalf("does not name %x", e.SerialNumber)
		}
	}
	if entries != l.entries {
		t.Fatalf("%d entries, want %d", l.entries, entries)
	}
}

// FuzzPoints feeds the extensions that are read of lists and certificates.
func FuzzPoints(f *testing.F) {
	root := issue(f, "root", nil, ca)
	leaf := issue(f, "leaf", root, at("http://a/", "ldap://b/"))
	for _, e := range leaf.cert.Extensions {
		f.Add(e.Value)
	}
	for _, build := range []func(*cryptobyte.Builder){fullName("http://a/"), flag(1), flag(3), flag(5)} {
		l := &x509.RevocationList{}
		idp(build)(l)
		f.Add(l.ExtraExtensions[0].Value)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		c := &x509.Certificate{}
		c.Extensions = append(c.Extensions, pkixExtension(value))
		ps, err := points(c)
		if err == nil && len(addresses(ps)) > maxURLs {
			t.Error("too many URLs")
		}
		if s, err := readIssuingPoint(value); err == nil {
			_ = s.covers(leaf.cert, ps)
		}
	})
}
