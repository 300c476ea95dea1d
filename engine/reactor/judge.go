package reactor

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/wheel"
)

// kept is the certificate of a connection on a listener with Judge or
// ExpireClients. The leaf is kept as DER, a fraction of the parsed form; its
// issuers are shared by all their clients.
type kept struct {
	leaf     []byte
	issuers  []*x509.Certificate
	lapses   int64      // Unix time at which the client is disconnected; 0 = never
	clientAt wheel.Tick // what the connection's timer is armed for besides, 0 = nothing
}

// keepPath stores the path of a client that has just been let in. round is that of
// the start of its handshake: a judgement that has begun since may have passed
// the connection by.
func (c *conn) keepPath(round uint64) {
	if c.ln.Judge == nil && !c.ln.ExpireClients {
		return
	}
	path := c.verifiedPath()
	if len(path) == 0 {
		return
	}
	k := &kept{leaf: bytes.Clone(path[0].Raw)} // which lies in a whole handshake message
	if c.ln.Judge != nil {
		k.issuers = append(k.issuers, path[1:]...)
	}
	if c.ln.ExpireClients {
		k.lapses = path[0].NotAfter.Unix() + 1 // the second itself is still good (RFC 5280 section 4.1.2.5)
	}
	c.setAside().kept = k
	if c.ln.Judge != nil && c.ln.court.round.Load() != round {
		c.ln.court.summon(c.loop.r, c.ln, suspect{c, k})
	}
}

func (c *conn) verifiedPath() []*x509.Certificate {
	s := c.tls.State()
	if c.ln.Path != nil {
		return c.ln.Path(s)
	}
	if len(s.VerifiedChains) == 0 {
		return nil
	}
	return s.VerifiedChains[0]
}

// longestLook is how long the end of a certificate is waited for at a time: the
// clock may be set meanwhile, which the wheel does not notice.
const longestLook = 3600 * wheel.PerSecond

// look is when the timer has to fire for a connection that wants it at a tick.
func (k *kept) look(l *loop, at wheel.Tick) wheel.Tick {
	k.clientAt = at
	if k.lapses == 0 {
		return at
	}
	left := max(k.lapses-time.Now().Unix(), 0)
	lapse := l.wheel.Now() + 1 + wheel.Tick(min(left*wheel.PerSecond, longestLook))
	if at == 0 || lapse < at {
		return lapse
	}
	return at
}

// lapsed looks at the end of the certificate when the timer has fired. It
// reports whether there is nothing else to do.
func (c *conn) lapsed(now wheel.Tick) bool {
	if c.aside == nil || c.aside.kept == nil || c.aside.kept.lapses == 0 {
		return false
	}
	k := c.aside.kept
	if time.Now().Unix() >= k.lapses {
		c.eject(cert.ReasonExpired, "certificate expired")
		return true
	}
	if k.clientAt == 0 || k.clientAt > now {
		c.arm(k.clientAt)
		return true
	}
	return false
}

// eject disconnects a client whose certificate is good no more (CERT-12).
func (c *conn) eject(reason cert.Reason, word string) {
	if c.stage == gone || c.has(isClosing) {
		return
	}
	c.ln.counts.ejected.add(reason)
	c.logEjected(reason)
	c.client.Disconnect(mqtt.NotAuthorized, word)
	c.Close(word) // unless the client has
}

func (c *conn) logEjected(reason cert.Reason) {
	ok, skipped := c.ln.ejections.allow(time.Now())
	if !ok {
		return
	}
	attrs := []any{"listener", c.ln.Name, "peer", c.Peer(), "reason", string(reason)}
	if leaf, err := x509.ParseCertificate(c.aside.kept.leaf); err == nil {
		attrs = append(attrs, "subject", cert.Subject(leaf.RawSubject), "serial", cert.Serial(leaf), "not_after", leaf.NotAfter)
	}
	if skipped > 0 {
		attrs = append(attrs, "lines_skipped", skipped)
	}
	c.loop.r.log.Warn("client disconnected for its certificate", attrs...)
}

// suspect is a connection that is to be judged. Only its loop may look into the
// connection; what is kept of the certificate does not change.
type suspect struct {
	c *conn
	k *kept
}

// court is the judgement of a listener's connections. One goroutine at a time
// sits in it; calls while it sits are heard in one more round.
type court struct {
	round atomic.Uint64 // calls of Rejudge so far

	mu   sync.Mutex
	all  bool      // everybody is to be judged
	late []suspect // those whose handshakes ended during a round
	sits bool
}

// Rejudge asks the listener's Judge about every client that is connected with a
// certificate, and disconnects those that it refuses: MQTT 5.0 clients are told
// (0x87, Not authorized), and wills are published. It returns at once; any
// goroutine may call it, after what Judge goes by has changed. Clients whose
// handshakes are under way are judged as well.
func (r *Reactor) Rejudge(listener string) {
	for _, ln := range r.listeners {
		if ln.Name == listener && ln.Judge != nil {
			ln.court.mu.Lock()
			ln.court.round.Add(1)
			ln.court.all = true
			ln.court.convene(r, ln)
			ln.court.mu.Unlock()
		}
	}
}

// summon has one connection judged.
func (j *court) summon(r *Reactor, ln *listener, s suspect) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.late = append(j.late, s)
	j.convene(r, ln)
}

// convene starts the goroutine, unless it runs. The caller holds the lock.
func (j *court) convene(r *Reactor, ln *listener) {
	if !j.sits {
		j.sits = true
		go j.sit(r, ln)
	}
}

// sit works until there is nothing to judge.
func (j *court) sit(r *Reactor, ln *listener) {
	for {
		j.mu.Lock()
		all, late := j.all, j.late
		j.all, j.late = false, nil
		j.sits = all || len(late) > 0
		sits := j.sits
		j.mu.Unlock()
		switch {
		case !sits:
			return
		case all:
			j.everybody(r, ln)
		}
		ln.sentence(late, r)
	}
}

// batch is how many connections are looked at in one step of a loop.
const batch = 256

// everybody judges the connections of all loops. One that opens meanwhile is
// on a loop that has been known since before its handshake, or is judged by
// the rules in force.
func (j *court) everybody(r *Reactor, ln *listener) {
	began, judged, refused := time.Now(), 0, 0
	for _, l := range *r.loops.Load() {
		for next := math.MaxInt; next > 0; {
			var some []suspect
			if !r.on(l, func() { some, next = l.suspects(ln, next) }) {
				return
			}
			judged += len(some)
			refused += ln.sentence(some, r)
		}
	}
	r.log.Info("connected clients were judged again", "listener", ln.Name,
		"judged", judged, "disconnected", refused, "took", time.Since(began).Round(time.Millisecond))
}

// suspects returns those among the connections below an index, and the index
// where the next step goes on. Downwards: a connection that takes the place of
// one that has gone comes from above and has been looked at, or is new.
func (l *loop) suspects(ln *listener, end int) (some []suspect, next int) {
	end = min(end, len(l.conns))
	next = max(end-batch, 0)
	for _, c := range l.conns[next:end] {
		if c.ln == ln && c.aside != nil && c.aside.kept != nil && c.stage != gone {
			some = append(some, suspect{c, c.aside.kept})
		}
	}
	return some, next
}

// sentence judges, off the loops, and has the loops carry it out. It returns
// how many were refused.
func (l *listener) sentence(some []suspect, r *Reactor) (refused int) {
	type verdict struct {
		c      *conn
		reason cert.Reason
	}
	byLoop := map[*loop][]verdict{}
	for _, s := range some {
		if err := l.judge(s.k, r.log); err != nil {
			byLoop[s.c.loop] = append(byLoop[s.c.loop], verdict{s.c, cert.Classify(err)})
			refused++
		}
	}
	for loop, verdicts := range byLoop {
		r.on(loop, func() {
			for _, v := range verdicts {
				v.c.sentenced(v.reason)
			}
		})
	}
	return refused
}

func (c *conn) sentenced(reason cert.Reason) {
	defer c.recovered()
	c.eject(reason, "certificate "+string(reason))
}

// judge asks about one path. A bug in there costs the client, as in a
// handshake.
func (l *listener) judge(k *kept, log *slog.Logger) (err error) {
	defer func() {
		if p := recover(); p != nil {
			l.counts.panics.Add(1)
			log.Error("bug: recovered while judging a certificate", "listener", l.Name, "panic", p, "stack", string(debug.Stack()))
			err = &cert.HandshakeError{Reason: cert.ReasonInternal, Err: fmt.Errorf("panic: %v", p)}
		}
	}()
	leaf, err := x509.ParseCertificate(k.leaf)
	if err != nil {
		return err
	}
	return l.Judge(append([]*x509.Certificate{leaf}, k.issuers...))
}

// on runs f on a loop and waits for it. It reports false when the loops have
// ended first.
func (r *Reactor) on(l *loop, f func()) bool {
	done := make(chan struct{})
	if !l.post(func() { defer close(done); f() }) {
		return false
	}
	select {
	case <-done:
		return true
	case <-r.done:
		return false
	}
}
