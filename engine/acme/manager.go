package acme

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/wicketmq/wicket/engine/alarm"
)

// AlarmName is the name of alarms about certificates that cannot be obtained; their objects
// are the certificates' first names.
const AlarmName = "acme"

// Options are what a [Manager] needs.
type Options struct {
	Authority    Authority
	Dir          string        // of [Dir]
	Certificates [][]string    // the names of each; none is empty, and the first names differ
	RenewBefore  time.Duration // a certificate's end; 0 is a third of its life
	Challenges   *Challenges   // where the listeners find the answers

	// Renewed is told of each file that has a new certificate, on the Manager's
	// goroutine. An error is logged, and the file stays.
	Renewed func(file string) error

	Log    *slog.Logger
	Alarms *alarm.Registry
	Now    func() time.Time
}

// Manager keeps certificates from running out.
type Manager struct {
	o       Options
	account crypto.Signer
	all     []*certificate
	issue   func(ctx context.Context, names []string) ([][]byte, crypto.Signer, error)
	random  func() float64 // in [0, 1)

	stop context.CancelFunc
	done chan struct{}
}

// certificate is one that is kept.
type certificate struct {
	names    []string
	file     string
	leaf     *x509.Certificate // nil: none that can be served
	failures int               // in a row
	due      time.Time
}

// orderTimeout is the time for one certificate: an authority looks from several
// places and may take its time.
const orderTimeout = 5 * time.Minute

// longestSleep bounds how long a clock that was set goes unnoticed.
const longestSleep = time.Hour

// New reads the account's key, or makes one, and looks at the certificates
// that are there already. It asks nobody.
func New(o Options) (*Manager, error) {
	account, err := accountKey(o.Dir)
	if err != nil {
		return nil, err
	}
	m := &Manager{o: o, account: account, random: rand.Float64, done: make(chan struct{})}
	m.issue = func(ctx context.Context, names []string) ([][]byte, crypto.Signer, error) {
		return o.Authority.issue(ctx, account, o.Challenges, names)
	}
	for _, names := range o.Certificates {
		c := &certificate{names: names, file: File(o.Dir, names[0]), due: o.Now()}
		if leaf, err := read(c.file, names, o.Now()); err == nil {
			c.leaf, c.due = leaf, renewal(leaf, o.RenewBefore, m.random())
		}
		m.all = append(m.all, c)
	}
	return m, nil
}

// Start begins to obtain and renew, once after is closed; a nil after is now.
// Alarms about certificates that are not kept any more are cleared.
func (m *Manager) Start(after <-chan struct{}) {
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	go func() {
		defer close(m.done)
		if after != nil {
			<-after
		}
		var kept []string
		for _, c := range m.all {
			kept = append(kept, c.names[0])
		}
		m.o.Alarms.Keep(AlarmName, kept)
		m.run(ctx)
	}()
}

// Stop ends the Manager without waiting for it: an order under way is left.
func (m *Manager) Stop() { m.stop() }

// Done is closed when the Manager has ended after Stop.
func (m *Manager) Done() <-chan struct{} { return m.done }

func (m *Manager) run(ctx context.Context) {
	for ctx.Err() == nil {
		wait := longestSleep
		for _, c := range m.all {
			if !c.due.After(m.o.Now()) {
				m.obtain(ctx, c)
			}
			wait = min(wait, c.due.Sub(m.o.Now()))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// obtain tries once to get a certificate, and plans what comes next.
func (m *Manager) obtain(ctx context.Context, c *certificate) {
	within, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	chain, key, err := m.issue(within, c.names)
	if ctx.Err() != nil {
		return
	}
	var leaf *x509.Certificate
	if err == nil {
		leaf, err = save(c.file, c.names, chain, key, m.o.Now())
	}
	if err != nil {
		m.failed(c, err)
		return
	}
	c.leaf, c.failures = leaf, 0
	c.due = renewal(leaf, m.o.RenewBefore, m.random())
	m.o.Log.Info("certificate obtained", "names", strings.Join(c.names, " "), "file", c.file, "not_after", leaf.NotAfter, "renewal", c.due)
	if err := m.o.Renewed(c.file); err != nil {
		m.o.Log.Error("the new certificate cannot be used, the old one stays", "file", c.file, "error", err)
	}
	m.o.Alarms.Clear(AlarmName, c.names[0]) // after which clients are served
}

func (m *Manager) failed(c *certificate, err error) {
	now := m.o.Now()
	c.failures++
	c.due = now.Add(retry(c.failures, err, m.random()))
	names := strings.Join(c.names, " ")
	m.o.Log.Warn("cannot obtain a certificate", "names", names, "directory", m.o.Authority.Directory, "error", err, "next_try", c.due)
	level, matters := urgency(c.leaf, now)
	if !matters {
		return
	}
	left := "there is none yet, so that clients are refused"
	if c.leaf != nil {
		left = "the old one ends at " + c.leaf.NotAfter.UTC().Format(time.RFC3339)
	}
	m.o.Alarms.Raise(AlarmName, c.names[0], level, fmt.Sprintf("no certificate for %s from %s, and %s: %v; when the cause is gone, wicket ctl reload tries again at once",
		names, m.o.Authority.Directory, left, err))
}
