package signer

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"os"
	"testing"
	"time"
)

func newKeyring() *keyring { return &keyring{known: make(map[fingerprint]*known)} }

func derOf(t testing.TB, k any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestAnswer(t *testing.T) {
	keys, key := newKeyring(), rsaKey()
	digest := sha256.Sum256([]byte("hello"))
	r := request{sequence: 5, key: fingerprintOf(&key.PublicKey), scheme: pss, hash: crypto.SHA256, salt: rsa.PSSSaltLengthEqualsHash, digest: digest[:]}
	if got := keys.answer(r.append(nil)); got.status != unknown || got.sequence != 5 {
		t.Fatalf("without a key: %+v", got)
	}
	foreign := r
	foreign.key[0]++
	foreign.der = derOf(t, key)
	if got := keys.answer(foreign.append(nil)); got.status != failed || got.sequence != 5 || len(keys.known) != 0 {
		t.Fatalf("a key under the name of another: %+v", got)
	}
	broken := r
	broken.der = []byte{0x30, 0x80}
	if got := keys.answer(broken.append(nil)); got.status != failed || len(keys.known) != 0 {
		t.Fatalf("a broken key: %+v", got)
	}
	if got := keys.answer([]byte("x")); got.status != failed {
		t.Fatalf("a broken request: %+v", got)
	}
	with := r
	with.der = derOf(t, key)
	message := with.append(nil)
	first := keys.answer(message)
	clear(message) // as serve does
	for _, got := range []reply{first, keys.answer(r.append(nil))} {
		if got.status != signed || rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, digest[:], got.body, nil) != nil {
			t.Errorf("%+v", got)
		}
	}
}

// A salt that does not fit into the modulus is a failure, and no end.
func TestAnswerFails(t *testing.T) {
	keys, key := newKeyring(), rsaKey()
	r := request{key: fingerprintOf(&key.PublicKey), scheme: pss, hash: crypto.SHA256, salt: 1000, digest: make([]byte, 32), der: derOf(t, key)}
	if got := keys.answer(r.append(nil)); got.status != failed || string(got.body) != "cannot sign" {
		t.Errorf("%+v", got)
	}
}

func TestKeysAreForgotten(t *testing.T) {
	keys := newKeyring()
	old, now := fingerprint{1}, fingerprint{2}
	keys.keep(old, rsaKey())
	keys.keep(now, rsaKey())
	if keys.forget() || keys.find(old) == nil || keys.find(now) == nil {
		t.Fatal("keys are forgotten that were used")
	}
	if keys.forget() || keys.find(now) == nil {
		t.Fatal("a key is forgotten that was used")
	}
	if keys.forget() || keys.find(old) != nil || len(keys.known) != 1 {
		t.Fatal("a key is kept that was not used")
	}
	if keys.forget(); !keys.forget() {
		t.Fatal("there are keys left")
	}
}

func TestKeysAreBounded(t *testing.T) {
	keys := newKeyring()
	for i := range 3 * maxKeys {
		keys.keep(fingerprint{byte(i), byte(i >> 8), 9}, rsaKey())
		if len(keys.known) > maxKeys {
			t.Fatalf("%d keys", len(keys.known))
		}
	}
	keys.forget()
	wanted := fingerprint{1, 1, 1}
	keys.keep(wanted, rsaKey())
	for i := range maxKeys / 2 { // those in use stay while others do not
		keys.keep(fingerprint{byte(i), 8, 8}, rsaKey())
	}
	if keys.find(wanted) == nil {
		t.Error("a key in use went before others")
	}
}

// fakeLine is a line whose other end the test holds.
func fakeLine(t *testing.T) (*line, *os.File) {
	t.Helper()
	l, theirs, err := newLine()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.socket.Close(); theirs.Close() })
	return l, theirs
}

// next reads a request at the other end.
func next(t *testing.T, theirs *os.File) (r request) {
	t.Helper()
	b := make([]byte, maxRequest)
	n, err := theirs.Read(b)
	if err == nil {
		err = r.parse(b[:n])
	}
	if err != nil {
		t.Error(err)
	}
	return r
}

func say(t *testing.T, theirs *os.File, r reply) {
	t.Helper()
	if _, err := theirs.Write(r.append(nil)); err != nil {
		t.Error(err)
	}
}

func askKey() *Key {
	k := rsaKey()
	return &Key{PrivateKey: k, name: fingerprintOf(&k.PublicKey)}
}

func askOnce(l *line, patience time.Duration) ([]byte, error) {
	k := askKey()
	r := request{key: k.name}
	r.describe(make([]byte, 32), crypto.SHA256)
	return l.ask(&r, k, patience)
}

// A reply that comes too late is taken off the line before the next request,
// which until then goes nowhere.
func TestLateReply(t *testing.T) {
	l, theirs := fakeLine(t)
	if _, err := askOnce(l, time.Millisecond); !os.IsTimeout(err) {
		t.Fatalf("nobody answers: %v", err)
	}
	late := next(t, theirs)
	if l.settled() {
		t.Fatal("settled without a reply")
	}
	say(t, theirs, reply{late.sequence, signed, make([]byte, 256)})
	for range 2 {
		if !l.settled() {
			t.Fatal("not settled with a reply")
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := next(t, theirs)
		if r.sequence == late.sequence {
			t.Error("the same sequence again")
		}
		say(t, theirs, reply{late.sequence, signed, make([]byte, 256)}) // a foreign one
		say(t, theirs, reply{r.sequence, signed, append([]byte{1}, make([]byte, 255)...)})
	}()
	signature, err := askOnce(l, time.Minute)
	if err != nil || signature[0] != 1 {
		t.Errorf("%x, %v", signature, err)
	}
	<-done
}

// The key goes to who does not know it, once.
func TestKeyOnDemand(t *testing.T) {
	l, theirs := fakeLine(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		first := next(t, theirs)
		say(t, theirs, reply{first.sequence, unknown, nil})
		second := next(t, theirs)
		if len(first.der) != 0 || parseKey(second.der, second.key) == nil {
			t.Errorf("%d and %d bytes of key", len(first.der), len(second.der))
		}
		say(t, theirs, reply{second.sequence, signed, make([]byte, 256)})
	}()
	if _, err := askOnce(l, time.Minute); err != nil {
		t.Error(err)
	}
	<-done
	for _, b := range l.out[:cap(l.out)] {
		if b != 0 {
			t.Fatal("the key stays in the buffer")
		}
	}
}

func TestBadReplies(t *testing.T) {
	for what, c := range map[string]struct {
		answer  []byte
		refused bool
	}{
		"nonsense":                 {[]byte("nonsense"), false},
		"a short signature":        {(&reply{1, signed, make([]byte, 255)}).append(nil), false},
		"a status of another time": {(&reply{1, ready, nil}).append(nil), false},
		"too long":                 {make([]byte, 2*maxReply), false},
		"refused":                  {(&reply{1, failed, []byte("no")}).append(nil), true},
	} {
		l, theirs := fakeLine(t)
		if _, err := theirs.Write(c.answer); err != nil {
			t.Fatal(err)
		}
		_, err := askOnce(l, time.Minute)
		switch {
		case c.refused && !isRefused(err):
			t.Errorf("%s: %v", what, err)
		case !c.refused && !isMalformed(err):
			t.Errorf("%s: %v", what, err)
		}
	}
	l, theirs := fakeLine(t)
	theirs.Close()
	if _, err := askOnce(l, time.Minute); err == nil || os.IsTimeout(err) || isMalformed(err) {
		t.Errorf("closed: %v", err)
	}
	if l.owed {
		t.Error("owed by nobody")
	}
}

func isRefused(err error) bool   { return errors.Is(err, errRefused) }
func isMalformed(err error) bool { return errors.Is(err, errMalformed) }
