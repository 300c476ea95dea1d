package wasm

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/wicketmq/wicket/engine/auth"
)

// Options describe one plugin.
type Options struct {
	Name   string // as in `plugins.NAME`
	Path   string // file of the module; read when Module is nil, named in errors
	Module []byte // the module itself

	Config json.RawMessage // the operator's `config` subtree
	Files  []File          // contents of the config keys that end in _file
	Grants []string        // capabilities, such as "password"

	// Upstreams are those that the plugin may ask, by the names that the
	// operator has given them. They serve a plugin that was granted "http".
	Upstreams map[string]Sender

	// Events are the kinds of events that the guest is told of, by their names
	// (see auth.EventKind).
	Events []string

	// OnError answers the requests that a failing guest does not: Deny (the
	// zero value) or Next. There is no Allow.
	OnError auth.Decision

	// Anew says that nothing counts of the keys and values that a plugin of this
	// name has kept, since the servers that it had them from are others now.
	Anew bool

	Workers int    // instances; default min(4, GOMAXPROCS)
	Limits  Limits // zero fields get their default

	// Now is the wall clock that guests see, for tests; default time.Now. It is
	// called by several goroutines. Deadlines and slices are of real time.
	Now func() time.Time

	// Random makes a source of random numbers, for tests; default the system's.
	// Each instance has two, one for the import random and one for WASI's.
	Random func() io.Reader
}

// File is the content of a file that the operator named in the plugin's
// configuration. Guests open no files.
type File struct {
	Key     string // config key, such as "users_file"
	Path    string // as the operator wrote it
	Content []byte
}

// Limits bound what a guest may cost. A zero field gets its default.
type Limits struct {
	MemoryPages       uint32        // linear memory of an instance in 64 KiB pages; 1024 (64 MiB)
	ModuleSize        int64         // bytes of the module file; 16 MiB
	TableMax          uint32        // entries of all tables together; 65536
	AuthenticateSlice time.Duration // one call of wicket_authenticate or wicket_completed; 50 ms
	AuthorizeSlice    time.Duration // one call of wicket_authorize; 10 ms
	LoadSlice         time.Duration // each step of starting an instance; 5 s
	Wall              time.Duration // from question to answer, queueing included; 5 s
	InFlight          int           // unanswered requests of the plugin; 4096
	Queue             int           // requests waiting for one worker; 1024
	KVBytes           int64         // kept keys and values, overhead included; 16 MiB
}

// maxMemoryPages is the largest MemoryPages: 2 GiB.
const maxMemoryPages = 1 << 15

func (l Limits) withDefaults() Limits {
	return Limits{
		MemoryPages:       min(orDefault(l.MemoryPages, 1024), maxMemoryPages),
		ModuleSize:        orDefault(l.ModuleSize, 16<<20),
		TableMax:          orDefault(l.TableMax, 1<<16),
		AuthenticateSlice: orDefault(l.AuthenticateSlice, 50*time.Millisecond),
		AuthorizeSlice:    orDefault(l.AuthorizeSlice, 10*time.Millisecond),
		LoadSlice:         orDefault(l.LoadSlice, 5*time.Second),
		Wall:              orDefault(l.Wall, 5*time.Second),
		InFlight:          orDefault(l.InFlight, 4096),
		Queue:             orDefault(l.Queue, 1024),
		KVBytes:           orDefault(l.KVBytes, 16<<20),
	}
}

func orDefault[T int | int64 | uint32 | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// Plugin is a loaded guest. It implements auth.Decider; all methods may be
// called by any goroutine.
type Plugin struct {
	name      string
	host      *Host
	log       *slog.Logger
	guestLog  guestLog
	limits    Limits
	policy    auth.Decision
	features  uint64
	upstreams map[string]Sender
	config    json.RawMessage
	files     []File
	now       func() time.Time // as guests see it
	random    func() io.Reader
	hears     [3]bool // by auth.Question
	events    uint64  // that the guest is told of: a bit for each auth.EventKind
	queue     eventQueue
	kept      *kept
	kv        *store       // that of kept when the plugin was opened
	anew      bool         // it was empty then
	minor     atomic.Int32 // of the ABI that the guest wants

	code     *code // nil: none yet, or none any more
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	workers  []*worker

	breaker    breaker
	stats      counters
	inFlight   atomic.Int64
	hashing    atomic.Int64 // passwords being verified
	verifying  atomic.Int64 // tokens being verified
	sending    atomic.Int64 // requests to upstreams in flight
	exchanging auth.Places  // exchanges that are not over
	complained atomic.Int64 // second of the last complaint

	closing sync.Once
	drain   atomic.Bool
	idle    chan struct{} // signalled when the last request is answered
	stop    chan struct{}
	wg      sync.WaitGroup // workers and starting instances
}

var _ auth.Decider = (*Plugin)(nil)

// ABI is the version of the ABI that the guest wants: "1.0".
func (p *Plugin) ABI() string { return fmt.Sprintf("%d.%d", abiMajor, p.minor.Load()) }

// Name implements auth.Decider.
func (p *Plugin) Name() string { return p.name }

// Patience implements auth.Patient.
func (p *Plugin) Patience() time.Duration { return p.limits.Wall }

// Hears implements auth.Decider: a plugin is asked what it exports.
func (p *Plugin) Hears(q auth.Question) bool {
	return int(q) < len(p.hears) && p.hears[q]
}

// Authenticate implements auth.Decider. done is called on the goroutine of a
// worker, or here and now when the plugin is not asked.
func (p *Plugin) Authenticate(req *auth.Request, done func(auth.Verdict)) {
	p.ask(&request{auth: req, done: done})
}

// Authorize implements auth.Decider; see Authenticate.
func (p *Plugin) Authorize(acc *auth.Access, done func(auth.Verdict)) {
	p.ask(&request{access: acc, done: done})
}

func (p *Plugin) ask(r *request) {
	p.stats.requests.Add(1)
	if !p.Hears(r.question()) {
		r.done(auth.Verdict{Decision: auth.Next})
		return
	}
	now := time.Now()
	r.deadline = now.Add(p.limits.Wall)
	if h := r.hello; h != nil && !h.Deadline.IsZero() && h.Deadline.Before(r.deadline) {
		r.deadline = h.Deadline
	}
	if p.inFlight.Add(1) > p.room(r) {
		p.refuse(r)
		return
	}
	if r.oversized() {
		p.stats.oversized.Add(1)
		p.finish(r, tooMuch())
		return
	}
	if !p.breaker.allow(now) {
		p.stats.rejected.Add(1)
		p.finish(r, p.onError(r.question()))
		return
	}
	w := p.worker()
	if w == nil || !w.submit(r) {
		p.refuse(r)
	}
}

// refuse answers a request that there is no room for.
func (p *Plugin) refuse(r *request) {
	select {
	case <-p.stop:
		p.finish(r, unavailable(r.question()))
	default:
		p.stats.busy.Add(1)
		p.finish(r, busy(r.question()))
	}
}

// finish counts the request out and calls done. A panic of the caller's
// function must not end the worker.
func (p *Plugin) finish(r *request, v auth.Verdict) {
	p.stats.verdict(v.Decision)
	if p.inFlight.Add(-1) == 0 && p.drain.Load() {
		select {
		case p.idle <- struct{}{}:
		default:
		}
	}
	defer func() {
		if e := recover(); e != nil {
			p.log.Error("cannot deliver a verdict", "panic", e)
		}
	}()
	r.done(v)
}

// onError is the verdict for a request that the guest has failed.
func (p *Plugin) onError(q auth.Question) auth.Verdict {
	if p.policy == auth.Next {
		return auth.Verdict{Decision: auth.Next}
	}
	return unavailable(q)
}

func policyText(d auth.Decision) string {
	if d == auth.Next {
		return "next"
	}
	return "deny"
}

// worker chooses the worker with the shortest queue, preferring those that
// have an instance.
func (p *Plugin) worker() (best *worker) {
	if best = p.upWorker(); best != nil {
		return best
	}
	return shortest(p.workers, func(*worker) bool { return true })
}

func (p *Plugin) upWorker() *worker {
	return shortest(p.workers, func(w *worker) bool { return w.up.Load() })
}

func shortest(workers []*worker, eligible func(*worker) bool) (best *worker) {
	var least int32
	for _, w := range workers {
		if n := w.backlog.Load(); eligible(w) && (best == nil || n < least) {
			best, least = w, n
		}
	}
	return best
}

// Settle returns when every worker has found nothing to do: timers that are due
// by the clock that guests see have been called, events told, host calls
// completed. It is for those who turn that clock, as tests do.
func (p *Plugin) Settle(ctx context.Context) error {
	for _, w := range p.workers {
		done := make(chan struct{})
		if !w.send(func(in *inbox) { in.visits = append(in.visits, done) }) {
			continue
		}
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// complain warns at most once a second; faults are counted besides.
func (p *Plugin) complain(text string, args ...any) {
	now := time.Now().Unix()
	last := p.complained.Load()
	if now != last && p.complained.CompareAndSwap(last, now) {
		p.log.Warn(text, args...)
	}
}

// Close ends the plugin. Requests in flight have until the wall deadline, or
// until ctx is done; what is left then is denied. It returns when all
// goroutines have ended and all memory of the guests is free. A plugin that
// has been swapped for another may still be given requests by callers that
// had not seen the swap: it answers them while it drains.
func (p *Plugin) Close(ctx context.Context) (err error) {
	p.closing.Do(func() { err = p.close(ctx) })
	return err
}

func (p *Plugin) close(ctx context.Context) error {
	p.drain.Store(true)
	t := time.NewTimer(p.limits.Wall)
	defer t.Stop()
	for wait := true; wait && p.inFlight.Load() > 0; {
		select {
		case <-p.idle:
		case <-t.C:
			wait = false
		case <-ctx.Done():
			wait = false
		}
	}
	p.tellRest(ctx)
	close(p.stop)
	p.wg.Wait()
	p.host.release(p)
	if p.code == nil {
		return nil
	}
	err := p.host.codes.leave(p.code)
	// Somebody may hold on to a closed plugin; the megabytes of code need not
	// stay for that. Nobody but the workers, which have ended, looked at these.
	p.code, p.runtime, p.compiled, p.config, p.files = nil, nil, nil, nil, nil
	return err
}
