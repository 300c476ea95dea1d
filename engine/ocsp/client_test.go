package ocsp

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/wicketmq/wicket/engine/cert"
)

// gate is a listener that asks responders about its clients, on a clock that
// only moves when all rest.
type gate struct {
	*stage
	client *Client
	deny   *Checker
	allow  *Checker
	path   []*x509.Certificate
}

func guard(t *testing.T, o ClientOptions, f func(*gate)) {
	perform(t, nil, func(s *stage) {
		o.Fetch = s.responder
		g := &gate{stage: s, client: NewClient(o), path: []*x509.Certificate{s.leaf.cert, s.root.cert}}
		defer g.client.Close()
		g.deny, g.allow = g.client.Checker(false), g.client.Checker(true)
		f(g)
	})
}

// verdicts of a check, as words.
func word(err error) string {
	if e, ok := errors.AsType[*cert.RevokedError](err); ok {
		return fmt.Sprintf("revoked %s for %d by %s", e.Serial, e.Reason, e.Source)
	}
	if e, ok := errors.AsType[*cert.UndeterminedError](err); ok {
		return "undetermined: " + e.Err.Error()
	}
	return fmt.Sprint(err)
}

func (g *gate) revoked() func(context.Context, *ocsp.Request) ([]byte, error) {
	return g.answer(func(r *ocsp.Response) {
		r.Status, r.RevokedAt, r.RevocationReason, r.NextUpdate = ocsp.Revoked, time.Now(), ocsp.KeyCompromise, time.Now().Add(time.Hour)
	})
}

// TestClientVerdicts is OCSP-10 with both policies of crl_unavailable.
func TestClientVerdicts(t *testing.T) {
	other := func(g *gate) func(context.Context, *ocsp.Request) ([]byte, error) {
		return func(context.Context, *ocsp.Request) ([]byte, error) {
			return sign(g, g.root, issue(g, "Other", nil, ca), good(g.leaf)), nil
		}
	}
	for _, test := range []struct {
		name        string
		change      func(*gate)
		deny, allow string
		allowed     uint64
	}{
		{"good", func(g *gate) {}, "<nil>", "<nil>", 0},
		{"revoked", func(g *gate) { g.responder.set(g.revoked()) }, "revoked SERIAL for 1 by http://ocsp.example", "revoked SERIAL for 1 by http://ocsp.example", 0},
		{"unknown", func(g *gate) { g.responder.set(g.answer(func(r *ocsp.Response) { r.Status = ocsp.Unknown })) },
			`undetermined: "http://ocsp.example" does not know the certificate`, "<nil>", 1},
		{"down", func(g *gate) { g.responder.says(nil, errors.New("connection refused")) }, "undetermined: connection refused", "<nil>", 1},
		{"lying", func(g *gate) { g.responder.set(other(g)) }, `undetermined: cannot use the answer of "http://ocsp.example": its signer`, "<nil>", 1},
		{"no responder", func(g *gate) {
			g.path[0] = issue(g, "leaf", g.root, func(c *x509.Certificate) { c.OCSPServer = nil }).cert
		}, "undetermined: " + errNoResponder.Error(), "<nil>", 1},
		{"its own anchor", func(g *gate) { g.path = g.path[1:] }, "undetermined: the certificate is its own issuer", "<nil>", 1},
		{"no path", func(g *gate) { g.path = nil }, "undetermined: the certificate is its own issuer", "<nil>", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			guard(t, ClientOptions{}, func(g *gate) {
				test.change(g)
				for _, one := range []struct {
					k    *Checker
					want string
				}{{g.deny, test.deny}, {g.allow, test.allow}} {
					want := strings.Replace(one.want, "SERIAL", cert.Serial(g.leaf.cert), 1)
					if got := word(one.k.Check(g.Context(), g.path)); !strings.HasPrefix(got, want) || want == "<nil>" && got != want {
						g.Errorf("%s, want %s", got, want)
					}
				}
				if g.allow.Allowed() != test.allowed || g.deny.Allowed() != 0 {
					g.Errorf("admitted unknown: %d and %d, want %d and 0", g.allow.Allowed(), g.deny.Allowed(), test.allowed)
				}
			})
		})
	}
}

// TestClientCache asks again after the refresh interval, and lives on the old
// answer until its nextUpdate when there is no new one.
func TestClientCache(t *testing.T) {
	guard(t, ClientOptions{Refresh: 15 * time.Minute}, func(g *gate) {
		check := func(want string, questions int) {
			g.Helper()
			if got := word(g.deny.Check(g.Context(), g.path)); !strings.HasPrefix(got, want) || len(g.responder.questions()) != questions {
				g.Errorf("%s after %d questions, want %s after %d", got, len(g.responder.questions()), want, questions)
			}
		}
		check("<nil>", 1)
		g.sleep(15*time.Minute - time.Second)
		check("<nil>", 1)
		g.sleep(time.Second)
		check("<nil>", 2) // until 1h15
		g.responder.says(nil, errors.New("connection refused"))
		g.sleep(15 * time.Minute)
		check("<nil>", 3)
		check("<nil>", 3) // not again at once
		g.sleep(5 * time.Second)
		check("<nil>", 4)
		g.sleep(45 * time.Minute)
		check("undetermined: connection refused", 5)
		g.responder.set(g.revoked())
		check("undetermined: connection refused", 5)
		g.sleep(5 * time.Second)
		check("revoked", 6)
		if got, want := g.client.Stats(), (Stats{Asked: 6, Failed: 3, Cached: 3, Entries: 1}); got != want {
			g.Errorf("%+v, want %+v", got, want)
		}
		g.client.Clear()
		check("revoked", 7)
	})
}

// TestClientKnown judges clients that are connected by what is at hand.
func TestClientKnown(t *testing.T) {
	guard(t, ClientOptions{}, func(g *gate) {
		if err := g.deny.Known(g.path); err != nil || len(g.responder.questions()) != 0 {
			g.Errorf("%v after %d questions", err, len(g.responder.questions()))
		}
		if err := g.deny.Known(nil); err != nil {
			g.Error(err)
		}
		_ = g.deny.Check(g.Context(), g.path)
		if err := g.deny.Known(g.path); err != nil {
			g.Error(err)
		}
		g.responder.set(g.revoked())
		g.client.Clear()
		_ = g.allow.Check(g.Context(), g.path)
		if got := word(g.deny.Known(g.path)); !strings.HasPrefix(got, "revoked") {
			g.Error(got)
		}
		g.sleep(2 * time.Hour) // past nextUpdate nobody has said anything else
		if got := word(g.deny.Known(g.path)); !strings.HasPrefix(got, "revoked") {
			g.Error(got)
		}
	})
}

// TestClientReplay does not let an old "good" undo a newer "revoked".
func TestClientReplay(t *testing.T) {
	guard(t, ClientOptions{Refresh: time.Minute}, func(g *gate) {
		old, err := g.good(24*time.Hour)(g.Context(), &ocsp.Request{SerialNumber: g.leaf.cert.SerialNumber})
		if err != nil {
			g.Fatal(err)
		}
		g.sleep(time.Minute)
		g.responder.set(g.revoked())
		for range 2 {
			if got := word(g.deny.Check(g.Context(), g.path)); !strings.HasPrefix(got, "revoked") {
				g.Error(got)
			}
			g.responder.says(old, nil)
			g.sleep(2 * time.Minute)
		}
		if n := len(g.responder.questions()); n != 2 {
			g.Errorf("%d questions, want 2", n)
		}
	})
}

// TestClientCoalesces asks once for a thousand handshakes with one certificate,
// each of which gives its share of the processors back while it waits.
func TestClientCoalesces(t *testing.T) {
	guard(t, ClientOptions{}, func(g *gate) {
		honest := g.good(time.Hour)
		g.responder.set(func(ctx context.Context, q *ocsp.Request) ([]byte, error) {
			time.Sleep(time.Second)
			return honest(ctx, q)
		})
		var waits, admitted atomic.Int64
		ctx := cert.WithWaiter(g.Context(), func(f func()) { waits.Add(1); f() })
		var group sync.WaitGroup
		for range 1000 {
			group.Go(func() {
				if g.deny.Check(ctx, g.path) == nil {
					admitted.Add(1)
				}
			})
		}
		group.Wait()
		if n := len(g.responder.questions()); n != 1 || admitted.Load() != 1000 || waits.Load() != 1000 {
			g.Errorf("%d questions, %d admitted, %d waits; want 1, 1000, 1000", n, admitted.Load(), waits.Load())
		}
	})
}

// TestClientSlow leaves a quarter of the handshake's time to it, and leaves a
// responder alone that did not answer in time.
func TestClientSlow(t *testing.T) {
	guard(t, ClientOptions{Timeout: 15 * time.Second}, func(g *gate) {
		g.responder.set(func(ctx context.Context, _ *ocsp.Request) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		start := time.Now()
		ctx, cancel := context.WithTimeout(g.Context(), 8*time.Second)
		defer cancel()
		if err := g.allow.Check(ctx, g.path); err != nil || time.Since(start) != 6*time.Second || g.allow.Allowed() != 1 {
			g.Errorf("%v after %v", err, time.Since(start))
		}
		g.sleep(9 * time.Second) // the question ends
		other := issue(g, "other", g.root, nil)
		start = time.Now()
		got := word(g.deny.Check(g.Context(), []*x509.Certificate{other.cert, g.root.cert}))
		if got != `undetermined: no answer in time: "http://ocsp.example" was slow a moment ago` || time.Since(start) != 0 {
			g.Errorf("%s after %v", got, time.Since(start))
		}
		g.responder.set(g.good(time.Hour))
		g.sleep(5 * time.Second)
		if err := g.deny.Check(g.Context(), []*x509.Certificate{other.cert, g.root.cert}); err != nil {
			g.Error(err)
		}
		if len(g.client.turns) != 0 {
			g.Errorf("%d turns are left", len(g.client.turns))
		}
	})
}

// TestClientDue lives on an answer that is in time while the responder takes
// longer than the handshake.
func TestClientDue(t *testing.T) {
	guard(t, ClientOptions{Refresh: time.Minute}, func(g *gate) {
		_ = g.deny.Check(g.Context(), g.path)
		g.sleep(time.Minute)
		g.responder.set(func(ctx context.Context, _ *ocsp.Request) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		ctx, cancel := context.WithTimeout(g.Context(), 4*time.Second)
		defer cancel()
		if err := g.deny.Check(ctx, g.path); err != nil || len(g.responder.questions()) != 2 {
			g.Errorf("%v after %d questions", err, len(g.responder.questions()))
		}
	})
}

// TestClientOlder takes an older answer when the newer one has ended.
func TestClientOlder(t *testing.T) {
	guard(t, ClientOptions{Refresh: time.Minute}, func(g *gate) {
		old, err := g.good(time.Hour)(g.Context(), &ocsp.Request{SerialNumber: g.leaf.cert.SerialNumber})
		if err != nil {
			g.Fatal(err)
		}
		g.sleep(time.Minute)
		g.responder.set(g.good(time.Minute))
		_ = g.deny.Check(g.Context(), g.path)
		g.responder.says(old, nil)
		g.sleep(2 * time.Minute)
		for range 2 {
			if err := g.deny.Check(g.Context(), g.path); err != nil || len(g.responder.questions()) != 2 {
				g.Errorf("%v after %d questions", err, len(g.responder.questions()))
			}
		}
	})
}

// TestClientGone does not admit or count a handshake that was given up.
func TestClientGone(t *testing.T) {
	guard(t, ClientOptions{}, func(g *gate) {
		honest := g.good(time.Hour)
		g.responder.set(func(ctx context.Context, q *ocsp.Request) ([]byte, error) {
			time.Sleep(time.Second)
			return honest(ctx, q)
		})
		ctx, cancel := context.WithCancel(g.Context())
		time.AfterFunc(time.Millisecond, cancel)
		if got := word(g.allow.Check(ctx, g.path)); got != "undetermined: context canceled" || g.allow.Allowed() != 0 {
			g.Error(got)
		}
		g.sleep(time.Second) // the answer is kept for the next
		if err := g.deny.Check(g.Context(), g.path); err != nil || len(g.responder.questions()) != 1 {
			g.Errorf("%v after %d questions", err, len(g.responder.questions()))
		}
	})
}

// TestClientShort asks again when an answer ends before the refresh interval.
func TestClientShort(t *testing.T) {
	guard(t, ClientOptions{Refresh: time.Hour}, func(g *gate) {
		g.responder.set(g.good(time.Minute))
		for i := range 3 {
			if err := g.deny.Check(g.Context(), g.path); err != nil || len(g.responder.questions()) != i+1 {
				g.Errorf("%v after %d questions, want %d", err, len(g.responder.questions()), i+1)
			}
			g.sleep(time.Minute)
		}
	})
}

// TestClientTwins does not give one authority's answer for the certificate of
// another with the same name and number.
func TestClientTwins(t *testing.T) {
	guard(t, ClientOptions{}, func(g *gate) {
		_ = g.deny.Check(g.Context(), g.path)
		twin := issue(g, "Root", nil, ca)
		leaf := issue(g, "leaf", twin, func(c *x509.Certificate) { c.SerialNumber = g.leaf.cert.SerialNumber })
		got := word(g.deny.Check(g.Context(), []*x509.Certificate{leaf.cert, twin.cert}))
		if !strings.HasPrefix(got, "undetermined") || len(g.responder.questions()) != 2 {
			g.Errorf("%s after %d questions", got, len(g.responder.questions()))
		}
	})
}

// TestClientBounds bounds the questions to a responder at a time, and the
// answers that are kept.
func TestClientBounds(t *testing.T) {
	guard(t, ClientOptions{Parallel: 3, Capacity: 5}, func(g *gate) {
		honest := g.good(time.Hour)
		var now, most atomic.Int64
		g.responder.set(func(ctx context.Context, q *ocsp.Request) ([]byte, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return honest(ctx, q)
		})
		var group sync.WaitGroup
		var paths [][]*x509.Certificate
		for range 12 {
			paths = append(paths, []*x509.Certificate{issue(g, "client", g.root, nil).cert, g.root.cert})
		}
		for _, path := range paths {
			group.Go(func() {
				if err := g.deny.Check(g.Context(), path); err != nil {
					g.Error(err)
				}
			})
		}
		group.Wait()
		if most.Load() != 3 || g.client.Stats().Entries != 5 || len(g.client.entries) != 5 {
			g.Errorf("%d at a time, %+v; want 3, 5 entries", most.Load(), g.client.Stats())
		}
	})
}

// TestClientEviction lets go of the answer that was used least recently.
func TestClientEviction(t *testing.T) {
	guard(t, ClientOptions{Capacity: 2}, func(g *gate) {
		var paths [][]*x509.Certificate
		for range 3 {
			paths = append(paths, []*x509.Certificate{issue(g, "client", g.root, nil).cert, g.root.cert})
		}
		for i, use := range []struct{ path, questions int }{{0, 1}, {1, 2}, {0, 2}, {2, 3}, {0, 3}, {1, 4}} {
			if err := g.deny.Check(g.Context(), paths[use.path]); err != nil || len(g.responder.questions()) != use.questions {
				g.Errorf("step %d: %v after %d questions, want %d", i, err, len(g.responder.questions()), use.questions)
			}
		}
	})
}

// TestClientFlood bounds the questions that wait.
func TestClientFlood(t *testing.T) {
	guard(t, ClientOptions{}, func(g *gate) {
		for i := range maxFlights {
			g.client.flights[identity{byte(i), byte(i >> 8)}] = &flight{}
		}
		if got := word(g.deny.Check(g.Context(), g.path)); got != "undetermined: 4096 questions wait for answers already" {
			g.Error(got)
		}
	})
}

// TestClientClose ends questions, and asks none afterwards.
func TestClientClose(t *testing.T) {
	guard(t, ClientOptions{}, func(g *gate) {
		g.responder.set(func(ctx context.Context, _ *ocsp.Request) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		var group sync.WaitGroup
		group.Go(func() {
			if got := word(g.deny.Check(g.Context(), g.path)); got != "undetermined: context canceled" {
				g.Error(got)
			}
		})
		synctest.Wait()
		g.client.Close()
		group.Wait()
		g.sleep(time.Minute)
		if got := word(g.deny.Check(g.Context(), g.path)); got != "undetermined: the broker stops" {
			g.Error(got)
		}
	})
}

// Who is known to be revoked does not come in when the answer ends and the
// responder has been silenced; a newer answer lets him in again.
func TestRevokedStaysRevoked(t *testing.T) {
	guard(t, ClientOptions{Refresh: 15 * time.Minute}, func(g *gate) {
		check := func(want string) {
			g.Helper()
			for _, k := range []*Checker{g.deny, g.allow} {
				if got := word(k.Check(g.Context(), g.path)); !strings.HasPrefix(got, want) {
					g.Errorf("%s, want %s", got, want)
				}
			}
			if got := word(g.allow.Known(g.path)); !strings.HasPrefix(got, want) {
				g.Errorf("known: %s, want %s", got, want)
			}
		}
		g.responder.set(g.revoked())
		check("revoked")
		g.responder.says(nil, errors.New("connection refused"))
		g.sleep(2 * time.Hour) // past nextUpdate
		check("revoked")
		older := time.Now().Add(-3 * time.Hour)
		g.responder.set(g.answer(func(r *ocsp.Response) { r.ThisUpdate, r.NextUpdate = older, time.Now().Add(time.Hour) }))
		g.sleep(time.Minute)
		check("revoked") // by an answer that is newer than the one replayed
		g.responder.set(g.answer(func(*ocsp.Response) {}))
		g.sleep(time.Minute)
		check("<nil>")
	})
}
