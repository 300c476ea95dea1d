package ocsp

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/wicketmq/wicket/engine/alarm"
	"github.com/wicketmq/wicket/engine/cert"
)

// Target is what answers are stapled to; a [cert.Bundle] is one. It must not
// call the [Stapler].
type Target interface {
	// Leaves are the certificates that handshakes are given from now on, with
	// the issuers that their files name.
	Leaves() []cert.Leaf

	// Staple gives an answer along with a leaf from the next handshake on; nil
	// ends that. It reports whether the leaf is in use at all.
	Staple(leaf *x509.Certificate, der []byte) bool
}

// Options say how the certificates of one listener are stapled.
type Options struct {
	Listener  string
	Target    Target
	Fetch     Fetcher
	Responder string              // to ask; "" means the one that the certificate names
	Issuers   []*x509.Certificate // of issuer_pem, looked at before the chain's own
	Refresh   time.Duration       // between two questions: refresh_interval
	Timeout   time.Duration       // of a question: refresh_http_timeout
	Log       *slog.Logger
	Alarms    *alarm.Registry // may be nil
}

// The names of the alarms of this package; their objects are a listener and a
// certificate.
const (
	AlarmRevoked    = "ocsp_revoked"     // the listener's own certificate is revoked
	AlarmMustStaple = "ocsp_must_staple" // it must not be shown without an answer, and there is none
)

var _ Target = (*cert.Bundle)(nil)

// Stapler keeps the answers of one listener's certificates fresh. Handshakes
// never wait for it: without an answer there is no staple (OCSP-06).
type Stapler struct {
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu      sync.Mutex // held while Target is called
	o       Options
	watches map[string]*watch
	order   []string // of the target's leaves
}

// NewStapler starts to ask about the target's certificates, and returns at
// once. The error is a sentence about the options.
func NewStapler(o Options) (*Stapler, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Stapler{o: o, watches: map[string]*watch{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.Sync()
	return s, nil
}

func (o *Options) check() error {
	if o.Responder != "" {
		if err := CheckURL(o.Responder); err != nil {
			return fmt.Errorf("responder_url: %w", err)
		}
	}
	return nil
}

// Sync takes up certificates that the target has now and lets go of those that
// it has no more (OCSP-08). It is to be called after each swap of files.
func (s *Stapler) Sync() { s.sync(false) }

// Refresh is Sync and has all questions asked again now.
func (s *Stapler) Refresh() { s.sync(true) }

// Update changes the options after a reload of the configuration, all but the
// target, and has all questions asked again. Answers stay stapled meanwhile.
func (s *Stapler) Update(o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	s.mu.Lock()
	o.Target = s.o.Target
	s.o = o
	s.mu.Unlock()
	s.Refresh()
	return nil
}

// Close ends the questions and takes the answers off.
func (s *Stapler) Close() {
	s.mu.Lock()
	s.cancel()
	for key := range s.watches {
		s.drop(key)
	}
	s.mu.Unlock()
	s.group.Wait()
}

func (s *Stapler) sync(again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return
	}
	leaves := s.o.Target.Leaves()
	s.order = s.order[:0]
	kept := map[string]*cert.Leaf{}
	for i := range leaves {
		key := vouched(leaves[i].Cert, s.o.issuer(&leaves[i]))
		if kept[key] == nil {
			s.order = append(s.order, key)
			kept[key] = &leaves[i]
		}
	}
	for key := range s.watches {
		if kept[key] == nil {
			s.drop(key)
		}
	}
	for key, leaf := range kept {
		if w := s.watches[key]; w == nil {
			s.watches[key] = s.start(leaf)
		} else {
			w.staple()
			if again {
				w.wake()
			}
		}
	}
}

// vouched tells certificates apart, together with who vouches for them.
func vouched(leaf, issuer *x509.Certificate) string {
	if issuer == nil {
		return string(leaf.Raw)
	}
	return string(leaf.Raw) + string(issuer.Raw)
}

// issuer returns the certificate that has signed a leaf, or nil.
func (o *Options) issuer(leaf *cert.Leaf) *x509.Certificate {
	for _, c := range append(o.Issuers[:len(o.Issuers):len(o.Issuers)], leaf.Issuer) {
		if c != nil && leaf.Cert.CheckSignatureFrom(c) == nil {
			return c
		}
	}
	return nil
}

var errNoIssuer = errors.New("the issuer of the certificate is in neither issuer_pem nor certfile; add it to one of them")

// start makes a watch; s.mu is held.
func (s *Stapler) start(leaf *cert.Leaf) *watch {
	w := &watch{s: s, leaf: leaf.Cert, name: leaf.Name, kick: make(chan struct{}, 1), mustStaple: MustStaple(leaf.Cert)}
	ctx, cancel := context.WithCancel(s.ctx)
	w.cancel = cancel
	issuer := s.o.issuer(leaf)
	err := errNoIssuer
	if issuer != nil {
		w.question, err = newQuestion(leaf.Cert, issuer)
	}
	if err != nil {
		// Another issuer makes another watch: there is nothing to wait for.
		w.fail("", err)
		w.raise()
		return w
	}
	s.group.Go(func() { w.run(ctx) })
	return w
}

// drop ends a watch; s.mu is held.
func (s *Stapler) drop(key string) {
	w := s.watches[key]
	delete(s.watches, key)
	w.cancel()
	w.forget()
	if s.o.Alarms != nil {
		s.o.Alarms.Clear(AlarmRevoked, w.object())
		s.o.Alarms.Clear(AlarmMustStaple, w.object())
	}
}

// State is what is known about one of a listener's certificates.
type State struct {
	Listener   string    `json:"listener"`
	Name       string    `json:"name"` // of the certificate among the listener's
	Subject    string    `json:"subject"`
	Serial     string    `json:"serial"`
	Responder  string    `json:"responder"`        // asked last
	Status     Status    `json:"status,omitempty"` // by the answer in use; "" without one
	ProducedAt time.Time `json:"produced_at,omitzero"`
	ThisUpdate time.Time `json:"this_update,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	NextAsk    time.Time `json:"next_ask,omitzero"` // when the responder is asked again
	LastError  string    `json:"last_error,omitempty"`
	Stapled    bool      `json:"stapled"`
	MustStaple bool      `json:"must_staple"`
}

// State returns what is known about each certificate, in the listener's order.
func (s *Stapler) State() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]State, 0, len(s.order))
	for _, key := range s.order {
		if w := s.watches[key]; w != nil {
			out = append(out, w.state())
		}
	}
	return out
}
