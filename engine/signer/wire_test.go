package signer

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"math"
	"reflect"
	"testing"
)

// requests are what crypto/tls asks for, and the bounds.
func requests() []request {
	var out []request
	name := fingerprint{1, 2, 3}
	for _, h := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.MD5SHA1} {
		out = append(out, request{sequence: 7, key: name, scheme: pkcs1v15, hash: h, digest: make([]byte, h.Size()), der: []byte{}})
	}
	for _, salt := range []int16{rsa.PSSSaltLengthEqualsHash, rsa.PSSSaltLengthAuto, 20, math.MaxInt16} {
		out = append(out, request{sequence: math.MaxUint32, key: name, scheme: pss, hash: crypto.SHA384, salt: salt, digest: make([]byte, 48), der: []byte{}})
	}
	return append(out, request{scheme: pkcs1v15, hash: crypto.SHA512, digest: make([]byte, 64), der: make([]byte, maxKey)})
}

func TestRequests(t *testing.T) {
	for _, want := range requests() {
		var got request
		if err := got.parse(want.append(nil)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: got %v, %v", want, got, err)
		}
		var again request
		if !again.describe(want.digest, want.options()) || again.scheme != want.scheme || again.salt != want.salt || again.hash != want.hash {
			t.Errorf("%v: options %v", want, want.options())
		}
	}
}

func TestMalformedRequests(t *testing.T) {
	good := request{key: fingerprint{1}, scheme: pss, hash: crypto.SHA256, salt: -1, digest: make([]byte, 32)}
	whole := good.append(nil)
	const (
		atScheme = 36
		atHash   = 37
		atSalt   = 38
		atLength = 40
	)
	with := func(at int, value ...byte) []byte {
		b := bytes.Clone(whole)
		copy(b[at:], value)
		return b
	}
	for what, message := range map[string][]byte{
		"empty":                    {},
		"a cut header":             whole[:requestHeader-1],
		"a cut digest":             whole[:len(whole)-1],
		"no scheme":                with(atScheme, 0),
		"a scheme too many":        with(atScheme, 3),
		"no hash":                  with(atHash, 0),
		"a hash that is not TLS's": with(atHash, byte(crypto.SHA3_256)),
		"a hash that nobody knows": with(atHash, 255),
		"another hash's digest":    with(atHash, byte(crypto.SHA384)),
		"PSS of MD5 and SHA-1":     with(atHash, byte(crypto.MD5SHA1)),
		"a salt of -2":             with(atSalt, 0xff, 0xfe),
		"salt without PSS":         with(atScheme, byte(pkcs1v15)),
		"a digest that is short":   with(atLength, 31),
		"a digest that is long":    with(atLength, 33),
		"a key that is too large":  append(bytes.Clone(whole), make([]byte, maxKey+1)...),
	} {
		var r request
		if err := r.parse(message); err == nil {
			t.Errorf("%s: accepted as %+v", what, r)
		}
	}
}

// What a request cannot carry is signed in place.
func TestUndescribed(t *testing.T) {
	for what, c := range map[string]struct {
		digest int
		opts   crypto.SignerOpts
	}{
		"another length":       {31, crypto.SHA256},
		"no hash":              {32, crypto.Hash(0)},
		"a hash not TLS's":     {28, crypto.SHA224},
		"a salt too long":      {32, &rsa.PSSOptions{SaltLength: math.MaxInt16 + 1, Hash: crypto.SHA256}},
		"a salt below":         {32, &rsa.PSSOptions{SaltLength: -2, Hash: crypto.SHA256}},
		"PSS of MD5 and SHA-1": {36, &rsa.PSSOptions{Hash: crypto.MD5SHA1}},
	} {
		if new(request).describe(make([]byte, c.digest), c.opts) {
			t.Errorf("%s: described", what)
		}
	}
}

func TestReplies(t *testing.T) {
	for _, want := range []reply{
		{sequence: 1, status: signed, body: make([]byte, 256)}, {sequence: 1, status: signed, body: make([]byte, maxReply-replyHeader)},
		{sequence: 2, status: unknown, body: []byte{}}, {sequence: 3, status: failed, body: []byte("why")}, {status: failed, body: []byte{}}, {status: ready, body: []byte{}},
	} {
		var got reply
		if err := got.parse(want.append(nil)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: got %v, %v", want, got, err)
		}
	}
	for what, message := range map[string][]byte{
		"empty": {}, "cut": {0, 0, 0, 1}, "no status": {0, 0, 0, 1, 0}, "a status too many": {0, 0, 0, 1, 5}, "no signature": {0, 0, 0, 1, 1},
		"unknown with a signature": {0, 0, 0, 1, 2, 9}, "ready with a text": {0, 0, 0, 1, 4, 9}, "too long": append([]byte{0, 0, 0, 1, 1}, make([]byte, maxReply)...),
	} {
		if err := new(reply).parse(message); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

// FuzzRequest: what is accepted can be spelled again in the same bytes, and
// asked of crypto/rsa.
func FuzzRequest(f *testing.F) {
	for _, r := range requests() {
		f.Add(r.append(nil))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		var r request
		if r.parse(message) != nil {
			return
		}
		if !bytes.Equal(r.append(nil), message) {
			t.Errorf("%x comes back as %x", message, r.append(nil))
		}
		if r.options().HashFunc().Size() != len(r.digest) {
			t.Errorf("%+v", r)
		}
	})
}

// FuzzReply: the same for replies.
func FuzzReply(f *testing.F) {
	for _, r := range []reply{{1, signed, make([]byte, 256)}, {2, unknown, nil}, {3, failed, []byte("why")}, {0, ready, nil}} {
		f.Add(r.append(nil))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		var r reply
		if r.parse(message) == nil && !bytes.Equal(r.append(nil), message) {
			t.Errorf("%x comes back as %x", message, r.append(nil))
		}
	})
}
