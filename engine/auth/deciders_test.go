package auth

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// decider is a Decider made of functions; a nil one does not hear.
type decider struct {
	name         string
	authenticate func(*Request, func(Verdict))
	authorize    func(*Access, func(Verdict))
}

func (d *decider) Name() string { return d.name }

func (d *decider) Hears(q Question) bool {
	return q == Authentication && d.authenticate != nil || q == Authorization && d.authorize != nil
}

func (d *decider) Authenticate(req *Request, done func(Verdict)) { d.authenticate(req, done) }
func (d *decider) Authorize(acc *Access, done func(Verdict))     { d.authorize(acc, done) }

// says is an authenticator that always gives the same verdict.
func says(name string, v Verdict) *decider {
	return &decider{name: name, authenticate: func(_ *Request, done func(Verdict)) { done(v) }}
}

// answers is an authorizer that always gives the same verdict.
func answers(name string, v Verdict) *decider {
	return &decider{name: name, authorize: func(_ *Access, done func(Verdict)) { done(v) }}
}

// hold is a decider that keeps what it is asked until it is released.
type hold struct {
	decider
	mu   sync.Mutex
	done []func(Verdict)
}

func newHold(name string) *hold {
	h := &hold{}
	keep := func(done func(Verdict)) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.done = append(h.done, done)
	}
	h.decider = decider{
		name:         name,
		authenticate: func(_ *Request, done func(Verdict)) { keep(done) },
		authorize:    func(_ *Access, done func(Verdict)) { keep(done) },
	}
	return h
}

func (h *hold) waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.done)
}

func (h *hold) release(v Verdict) {
	h.mu.Lock()
	done := h.done
	h.done = nil
	h.mu.Unlock()
	for _, d := range done {
		d(v)
	}
}

// clock is a clock that a test sets.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Unix(1_800_000_000, 0)} }

func (c *clock) time() time.Time         { return c.now }
func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

func mustGate(t fataler, o Options) *Gate {
	t.Helper()
	g, err := NewGate(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// enter authenticates against deciders that answer at once.
func enter(t testing.TB, g *Gate, req *Request) Outcome {
	t.Helper()
	var got []Outcome
	g.Authenticate(req, func(o Outcome) { got = append(got, o) })
	if len(got) != 1 {
		t.Fatalf("done called %d times, want 1", len(got))
	}
	return got[0]
}

// admitted is the grant of a client that an Allow lets in.
func admitted(t testing.TB, o Options, v Verdict, req *Request) *Grant {
	t.Helper()
	v.Decision = Allow
	o.Chain = append([]Decider{says("allow", v)}, o.Chain...)
	out := enter(t, mustGate(t, o), req)
	if out.Grant == nil {
		t.Fatalf("refused: %v, %v", out.Reason, out.Err)
	}
	return out.Grant
}

// authorize asks a gate whose deciders answer at once.
func authorize(t testing.TB, g *Gate, grant *Grant, action Action, items ...Item) Authorized {
	t.Helper()
	var got []Authorized
	g.Authorize(grant, &Access{Action: action, Items: items}, func(a Authorized) { got = append(got, a) })
	if len(got) != 1 {
		t.Fatalf("done called %d times, want 1", len(got))
	}
	if len(got[0].Decisions) != len(items) {
		t.Fatalf("%d decisions for %d items", len(got[0].Decisions), len(items))
	}
	return got[0]
}

var (
	loopback = netip.MustParseAddrPort("127.0.0.1:50000")
	remote   = netip.MustParseAddrPort("192.0.2.7:50000")
)

// nobody is a client that shows nothing about itself.
func nobody() *Request {
	return &Request{ClientID: "c1", Version: mqtt.V50, Peer: remote}
}

// alice is a client with a password.
func alice() *Request {
	r := nobody()
	r.Username, r.HasUsername = "alice", true
	r.Password, r.HasPassword = []byte("secret"), true
	return r
}

// device is a client with a verified certificate and nothing else.
func device() *Request {
	r := nobody()
	cn := pkix.AttributeTypeAndValue{Type: oidCommonName, Value: "device-1"}
	leaf := &x509.Certificate{Subject: pkix.Name{Names: []pkix.AttributeTypeAndValue{cn}}}
	r.TLS = &TLS{Chain: []*x509.Certificate{leaf}, Verified: true}
	return r
}

// near moves a client to the loopback address.
func near(r *Request) *Request {
	r.Peer = loopback
	return r
}

func addrPort(s string) netip.AddrPort {
	if s == "" {
		return netip.AddrPort{}
	}
	return netip.MustParseAddrPort(s)
}

// fataler is a test, rapid's included.
type fataler interface {
	Helper()
	Fatal(...any)
}
