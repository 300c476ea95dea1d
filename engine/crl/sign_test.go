package crl

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// resign changes the contents of a list's tbsCertList and signs it again.
func resign(t testing.TB, by *entity, der []byte, change func(contents []byte) []byte) []byte {
	t.Helper()
	var whole, tbs, algorithm cryptobyte.String
	in := cryptobyte.String(der)
	if !in.ReadASN1(&whole, asn1.SEQUENCE) || !whole.ReadASN1(&tbs, asn1.SEQUENCE) || !whole.ReadASN1Element(&algorithm, asn1.SEQUENCE) {
		t.Fatal("not a list")
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(change(tbs)) })
	signed := b.BytesOrPanic()
	sum := sha256.Sum256(signed)
	signature, err := by.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var out cryptobyte.Builder
	out.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(signed)
		b.AddBytes(algorithm)
		b.AddASN1BitString(signature)
	})
	return out.BytesOrPanic()
}

// replaceRevoked puts other entries into a tbsCertList's contents.
func replaceRevoked(tbs []byte, old cryptobyte.String, revoked []byte) []byte {
	sequence := func(contents []byte) []byte {
		var b cryptobyte.Builder
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(contents) })
		return b.BytesOrPanic()
	}
	return bytes.Replace(tbs, sequence(old), sequence(revoked), 1)
}
