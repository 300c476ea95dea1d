package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// serve is the argument by which the test binary is the process.
const serve = "serve-signatures"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serve {
		fmt.Fprintln(os.Stderr, Serve())
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// crowd is a signer for whom there is a crowd when a test says so.
type crowd struct {
	*Signer
	on atomic.Bool
}

func newCrowd(t testing.TB, lines int, log io.Writer) *crowd {
	t.Helper()
	c := &crowd{}
	c.Signer = New(Options{Arguments: []string{serve}, Lines: lines, Crowded: c.on.Load, Log: slog.New(slog.NewTextHandler(log, nil))})
	c.on.Store(true)
	t.Cleanup(c.Close)
	return c
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// sign makes one signature and verifies it.
func sign(t testing.TB, k crypto.Signer) {
	t.Helper()
	digest := sha256.Sum256([]byte("hello"))
	signature, err := k.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err == nil {
		err = rsa.VerifyPKCS1v15(k.Public().(*rsa.PublicKey), crypto.SHA256, digest[:], signature)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// eventually makes signatures until something is so.
func eventually(t testing.TB, k crypto.Signer, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
		sign(t, k)
	}
}

func TestAlone(t *testing.T) {
	c := newCrowd(t, 1, io.Discard)
	c.on.Store(false)
	k := c.Key(rsaKey())
	for range 2 * flood {
		sign(t, k)
	}
	if got := c.Stats(); got.Starts != 0 || got.InPlace != 2*flood || got.Apart != 0 {
		t.Errorf("without a crowd: %+v", got)
	}
}

func TestOtherKeys(t *testing.T) {
	c := newCrowd(t, 1, io.Discard)
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if c.Key(k) != crypto.Signer(k) {
		t.Error("a key for ECDSA is wrapped")
	}
	without := New(Options{})
	defer without.Close()
	if r := rsaKey(); without.Key(r) != crypto.Signer(r) {
		t.Error("a key is wrapped although there are no arguments")
	}
}

func TestCrowd(t *testing.T) {
	c := newCrowd(t, 2, io.Discard)
	k := c.Key(rsaKey())
	eventually(t, k, "a signature of the process", func() bool { return c.Stats().Apart > 100 })
	s := c.Stats()
	t.Logf("%+v", s)
	if s.Starts != 1 || !s.Running || s.CPU == 0 {
		t.Errorf("%+v", s)
	}
}
