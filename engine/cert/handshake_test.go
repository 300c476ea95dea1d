package cert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync"
	"testing"
	"time"
)

// oracle is a Revocation that says what the test wants.
type oracle struct {
	mu    sync.Mutex
	err   error
	asked int
	check func(context.Context, []*x509.Certificate) // may be nil
}

func (o *oracle) Check(ctx context.Context, path []*x509.Certificate) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	if o.check != nil {
		o.check(ctx, path)
	}
	return o.err
}

func (o *oracle) Known([]*x509.Certificate) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

func (o *oracle) set(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

func TestRevocationInHandshake(t *testing.T) {
	root := issue(t, "root", nil, nil, ca)
	server, client := issue(t, "localhost", nil, root, forLocalhost), issue(t, "client", nil, root, nil)
	mangled := issue(t, "a\nb", nil, root, nil)
	f := files(t, certPEM(server), keyPEM(t, server.key), certPEM(root))
	revoked := &RevokedError{Serial: Serial(client.cert), Reason: 1}
	for _, tt := range []struct {
		name   string
		client *entity // nil: without a certificate
		answer error
		want   Reason
		asked  int
	}{
		{"good", client, nil, "", 1},
		{"revoked", client, revoked, ReasonRevoked, 1},
		{"undetermined", client, &UndeterminedError{errors.New("no list")}, ReasonUndetermined, 1},
		{"any other error refuses too", client, errors.New("defect"), ReasonUndetermined, 1},
		{"wrapped", client, errors.Join(errors.New("x"), revoked), ReasonRevoked, 1},
		{"without a certificate", nil, revoked, "", 0},
		{"names come after", mangled, revoked, ReasonRevoked, 1},
		{"foreign certificates are not asked about", issue(t, "f", nil, nil, nil), revoked, ReasonUnknownCA, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rev := &oracle{err: tt.answer}
			rev.check = func(ctx context.Context, path []*x509.Certificate) {
				if ctx.Err() != nil || len(path) != 2 || path[0].Subject.CommonName != tt.client.cert.Subject.CommonName || path[1].Subject.CommonName != "root" {
					t.Errorf("asked about %d certificates, %v", len(path), ctx.Err())
				}
			}
			cfg, _, err := ServerConfig(Options{Files: f, VerifyPeer: true, Revocation: rev})
			if err != nil {
				t.Fatal(err)
			}
			c := &tls.Config{InsecureSkipVerify: true}
			if tt.client != nil {
				c = presenting(tt.client)
			}
			_, serverErr, clientErr := shake(t, cfg, c)
			if got := Classify(serverErr); got != tt.want || rev.asked != tt.asked || (clientErr == nil) != (tt.want == "") {
				t.Errorf("%q (%v), client %v, asked %d times", got, serverErr, clientErr, rev.asked)
			}
		})
	}
}

// A check runs through the waiter of the handshake's context, once, and what it
// calls itself does not give the share back again.
func TestRevocationWaits(t *testing.T) {
	root := issue(t, "root", nil, nil, ca)
	server, client := issue(t, "localhost", nil, root, forLocalhost), issue(t, "client", nil, root, nil)
	waits, inside := 0, false
	rev := &oracle{check: func(ctx context.Context, _ []*x509.Certificate) {
		if !inside {
			t.Error("not inside the waiter")
		}
		if _, limited := ctx.Deadline(); !limited {
			t.Error("not the handshake's context")
		}
		Wait(ctx, func() {})
	}}
	cfg, _, err := ServerConfig(Options{Files: files(t, certPEM(server), keyPEM(t, server.key), certPEM(root)), VerifyPeer: true, Revocation: rev})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ctx = WithWaiter(ctx, func(f func()) {
		waits++
		inside = true
		f()
		inside = false
	})
	if _, serverErr, _ := shakeIn(ctx, t, cfg, presenting(client)); serverErr != nil || waits != 1 {
		t.Errorf("%v, %d waits", serverErr, waits)
	}
}

// Without revocation there is one configuration for all handshakes.
func TestNoConfigurationPerHandshake(t *testing.T) {
	root := issue(t, "root", nil, nil, ca)
	o := Options{Files: files(t, certPEM(root), keyPEM(t, root.key), certPEM(root)), VerifyPeer: true, Tickets: true}
	cfg, _, err := ServerConfig(o)
	if err != nil {
		t.Fatal(err)
	}
	hello := new(tls.ClientHelloInfo)
	a, _ := cfg.GetConfigForClient(hello)
	if n := testing.AllocsPerRun(100, func() {
		if c, _ := cfg.GetConfigForClient(hello); c != a {
			t.Fatal("another configuration")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
