// Package engine is the composition root: it turns a configuration into a
// running broker, swaps what a reload changes, and stops everything in order.
//
// Start, Reload and Stop are called from one goroutine at a time; what shows
// and refreshes, from any. The packages below never import this one.
package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wicketmq/wicket/engine/alarm"
	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/ban"
	"github.com/wicketmq/wicket/engine/broker"
	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/reactor"
	"github.com/wicketmq/wicket/engine/signer"
	"github.com/wicketmq/wicket/engine/topic"
	"github.com/wicketmq/wicket/engine/transport/tlsio"
	"github.com/wicketmq/wicket/engine/upstream"
	"github.com/wicketmq/wicket/engine/wasm"
)

// Options are what Start needs.
type Options struct {
	Config *config.Config
	CPUs   int // event loops when the configuration does not say; 0 = GOMAXPROCS
	Log    *slog.Logger
	Level  *slog.LevelVar // moved by a reload; may be nil

	// Signer are the arguments by which this program calls [signer.Serve]; none
	// makes all signatures in this process.
	Signer []string
}

// Engine is a running broker.
type Engine struct {
	log       *slog.Logger
	level     *slog.LevelVar
	cfg       *config.Config
	alarms    *alarm.Registry
	bundles   bundles
	revoked   *revocation
	issuance  issuance
	upstreams *upstream.Set
	gate      atomic.Pointer[auth.Gate]
	host      *wasm.Host // what all plugins share
	plugins   plugins    // those of the gate in use
	broker    *broker.Broker
	pool      *tlsio.Pool // of handshakes
	signer    *signer.Signer
	reactor   *reactor.Reactor
	bans      *ban.List
	serving   atomic.Bool // the reactor is there
	started   time.Time

	change  sync.Mutex // one reload, refresh or stop at a time
	seen    atomic.Pointer[view]
	recheck chan struct{} // certificates may have changed: see checkExpiry

	life     context.Context // ends when nobody is left to wait for an answer
	end      context.CancelFunc
	retiring sync.WaitGroup // plugins that a reload has replaced, and the watch over expiry
	retired  chan struct{}  // closed when those of the last reload have ended; guarded by change
}

// Start brings a broker up. When it returns an error nothing is left behind;
// the error names every listener, file and plugin that stands in the way.
func Start(o Options) (*Engine, error) {
	if err := tlsio.SelfTest(); err != nil {
		return nil, fmt.Errorf("cannot use this build's crypto/tls on an event loop: %w", err)
	}
	if err := os.MkdirAll(o.Config.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make data_dir %q: %w", o.Config.DataDir, err)
	}
	e := &Engine{log: o.Log, level: o.Level, cfg: o.Config, started: time.Now(), recheck: make(chan struct{}, 1)}
	e.life, e.end = context.WithCancel(context.Background())
	e.alarms = alarm.New(o.Log, time.Now)
	e.revoked = newRevocation(o.Config.CRLCache, o.Log, e.alarms, e.rejudge)
	e.bundles.revocation = e.revoked.checker
	e.bundles.challenge = e.issuance.challenges.For
	e.pool = tlsio.NewPool(0, max(1, loops(o)-1)) // one processor stays for those who are in
	e.signer = newSigner(o, e.pool)
	e.bundles.signer = e.signer.Key
	e.upstreams = upstream.NewSet(upstreamChanged(e.alarms))
	err := e.openBans(o.Config)
	if err == nil {
		e.host, err = e.newHost(o.Config)
	}
	if err != nil {
		e.revoked.close()
		return nil, err
	}
	obtain, err := e.start(o)
	if err != nil {
		e.closePlugins()
		e.upstreams.Close()
		e.revoked.close()
		return nil, err
	}
	e.announce()
	e.publish()
	obtain()
	e.retiring.Go(func() { alarm.Watch(e.life, e.recheck, e.checkExpiry) })
	return e, nil
}

// start opens the listeners; what it returns begins to obtain certificates.
func (e *Engine) start(o Options) (obtain func(), err error) {
	listeners, listenersErr := e.listeners(o.Config)
	e.revoked.settle(listenersErr == nil)
	staple, stapleErr := e.revoked.staples(o.Config, e.bundles.open)
	obtain, acmeErr := e.prepareIssuance(o.Config)
	_, upstreamsErr := e.prepareUpstreams(o.Config)
	gate, loaded, err := e.loadGate(o.Config, nil)
	e.plugins = loaded
	if err = errors.Join(listenersErr, stapleErr, acmeErr, upstreamsErr, err); err != nil {
		return nil, err
	}
	if err := staple(); err != nil {
		return nil, err
	}
	e.gate.Store(gate)
	loops := loops(o)
	e.broker = broker.New(brokerOptions(o.Config, loops, e.gate.Load, o.Log))
	e.reactor, err = reactor.Start(reactor.Options{
		Listeners: listeners, Loops: loops, Broker: e.broker, Gate: e.gate.Load,
		Pool: e.pool, Log: o.Log,
	})
	e.serving.Store(err == nil)
	return obtain, err
}

// newSigner makes what signs handshakes with RSA keys. It has no process until a
// pool is crowded.
func newSigner(o Options, pool *tlsio.Pool) *signer.Signer {
	s := signer.Options{Lines: pool.Running(), Crowded: pool.Crowded, Log: o.Log}
	if o.Config.Signer.Enable {
		s.Arguments = o.Signer
	}
	return signer.New(s)
}

// rejudge asks about every connected client whether its certificate is still
// good, on listeners that want it so. Any goroutine calls it.
func (e *Engine) rejudge() {
	if !e.serving.Load() {
		return
	}
	for _, l := range e.reactor.Stats() {
		e.reactor.Rejudge(l.Name)
	}
}

// loops is the number of event loops.
func loops(o Options) int {
	return min(cmp.Or(o.Config.Loops, o.CPUs, runtime.GOMAXPROCS(0)), topic.MaxShards)
}

// announce says what is open.
func (e *Engine) announce() {
	for _, l := range e.reactor.Stats() {
		e.log.Info("listening", "listener", l.Name, "bind", l.Bind)
	}
	if wanted, room := e.cfg.MaxConnections(), e.reactor.Room(); wanted > room {
		e.log.Warn("the limit on open files is lower than max_connections: newer connections will be closed; raise it with LimitNOFILE= in systemd or ulimit -n",
			"max_connections", wanted, "room", room)
	}
}

// Reload applies a new configuration: plugins, rules and certificates at once,
// for clients that connect from now on; the rest is listed as waiting for a
// restart. When anything in it cannot be used, the running one stays whole.
func (e *Engine) Reload(cfg *config.Config) error {
	e.change.Lock()
	defer e.change.Unlock()
	if e.life.Err() != nil {
		return errStopping
	}
	ask, err := e.prepareUpstreams(cfg)
	if err != nil {
		return err
	}
	gate, loaded, err := e.loadGate(cfg, ask)
	if err != nil {
		ask.undo()
		return err
	}
	swap, err := e.bundles.prepare(cfg)
	staple, stapleErr := e.revoked.staples(cfg, e.bundles.open)
	obtain, acmeErr := e.prepareIssuance(cfg)
	err = errors.Join(err, stapleErr, acmeErr)
	e.revoked.settle(err == nil)
	if err != nil {
		loaded.close(e.life, e.plugins)
		ask.undo()
		return err
	}
	e.applyUpstreams(ask, cfg)
	e.use(swap)
	if err := staple(); err != nil {
		e.log.Error("cannot change OCSP stapling, which goes on as before", "error", err)
	}
	before, old := e.gate.Swap(gate), e.plugins
	e.setFlapping(cfg)
	if permissionsChange(e.cfg, cfg) || !maps.Equal(old, loaded) {
		e.broker.Rejudge("")
	}
	e.plugins = loaded
	earlier, retired := e.retired, make(chan struct{})
	e.retired = retired
	e.retiring.Go(func() { defer close(retired); e.retire(before, earlier, old, loaded) })
	for _, c := range config.Diff(e.cfg, cfg) {
		if c.Restart {
			e.log.Warn("changed key takes effect at the next start", "key", c.Key, "old", c.Old, "new", c.New)
			continue
		}
		e.log.Info("configuration changed", "key", c.Key, "old", c.Old, "new", c.New)
	}
	if e.level != nil {
		e.level.Set(cfg.Log.Level.Slog())
	}
	e.cfg = cfg
	e.publish()
	obtain()
	e.log.Info("configuration reloaded")
	return nil
}

// Listeners returns a snapshot of every open listener.
func (e *Engine) Listeners() []reactor.ListenerStats { return e.reactor.Stats() }

// Stats returns the broker's counters.
func (e *Engine) Stats() broker.Stats { return e.broker.Stats() }

// Done is closed when the broker has ended, by Stop or by itself.
func (e *Engine) Done() <-chan struct{} { return e.reactor.Done() }

// Err is why the broker ended by itself; valid after Done.
func (e *Engine) Err() error {
	if err := e.reactor.Err(); err != nil {
		return fmt.Errorf("cannot go on: the event loops have ended: %w", err)
	}
	return nil
}

// Stop tells every client, waits until they are gone or shutdown.grace is
// over, and ends the plugins.
func (e *Engine) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Shutdown.Grace)
	defer cancel()
	e.reactor.Stop(ctx)
	e.issuance.close()
	e.change.Lock()
	defer e.change.Unlock()
	e.closePlugins()
	e.upstreams.Close()
	e.revoked.close()
	e.signer.Close()
	if n := e.broker.Stats().Delayed; n > 0 {
		e.log.Warn("delayed messages are lost", "count", n)
	}
	e.log.Info("stopped")
	return e.reactor.Err()
}

// closePlugins ends all plugins, those that a reload has replaced as well.
func (e *Engine) closePlugins() {
	e.end()
	e.retiring.Wait()
	e.plugins.close(e.life, nil)
	_ = e.host.Close()
}
