package wasm

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/wasm/meter"
)

// Open loads a plugin: it checks the module, compiles it, and starts an
// instance for each worker. The error says what is wrong with the module and
// what to change. Open takes as long as compiling does, seconds for a Go guest
// that is not in the cache, and milliseconds for one that the host knows: see codes.
func (h *Host) Open(ctx context.Context, o Options) (*Plugin, error) {
	p, err := h.newPlugin(&o)
	if err != nil {
		return nil, err
	}
	if err := p.open(ctx, &o); err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	return p, nil
}

func (h *Host) newPlugin(o *Options) (*Plugin, error) {
	if o.Name == "" {
		return nil, errors.New("cannot open plugin: it has no name")
	}
	if o.OnError != auth.Deny && o.OnError != auth.Next {
		return nil, fmt.Errorf("cannot open plugin %q: on_error must be deny or next", o.Name)
	}
	if o.Workers <= 0 {
		o.Workers = min(4, runtime.GOMAXPROCS(0))
	}
	if o.Workers > maxWorkers {
		return nil, fmt.Errorf("cannot open plugin %q: %d workers; the limit is %d", o.Name, o.Workers, maxWorkers)
	}
	p := &Plugin{
		name: o.Name, host: h, log: h.log.With("plugin", o.Name),
		limits: o.Limits.withDefaults(), policy: o.OnError,
		config: o.Config, files: o.Files, upstreams: o.Upstreams, now: o.Now, random: o.Random,
		idle: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	p.guestLog.log = p.log
	if p.random == nil {
		p.random = func() io.Reader { return rand.Reader }
	}
	if p.now == nil {
		p.now = time.Now
	}
	for _, g := range o.Grants {
		bit, ok := grants[g]
		if !ok {
			return nil, fmt.Errorf("cannot open plugin %q: unknown grant %q; there is %s",
				o.Name, g, strings.Join(sortedKeys(grants), ", "))
		}
		p.features |= bit
	}
	for _, name := range o.Events {
		k, ok := auth.ParseEventKind(name)
		if !ok {
			return nil, fmt.Errorf("cannot open plugin %q: there is no event %q", o.Name, name)
		}
		p.events |= 1 << k
		p.features |= featureEvents
	}
	p.kept = h.keep(p, o.Anew)
	return p, nil
}

func (p *Plugin) open(ctx context.Context, o *Options) error {
	fail := func(err error) error {
		return fmt.Errorf("cannot open plugin %q (%s): %w", p.name, orElse(o.Path, "no file"), err)
	}
	binary, err := readModule(o.Path, o.Module, p.limits.ModuleSize)
	if err != nil {
		return fail(err)
	}
	m, err := scan(binary)
	if err != nil {
		return fail(fmt.Errorf("the module %w", err))
	}
	if err := p.compile(ctx, m, binary); err != nil {
		return fail(err)
	}
	return p.startAll(m, o.Workers)
}

// listen notes the questions that the guest exports a function for and has
// not declined: some toolchains export every function of their SDK, and a
// question that nobody hears must not cost a call.
func (p *Plugin) listen(m *module) {
	said := p.workers[0].cur.hears
	_, authenticate := m.exports[exportAuthenticate]
	_, authorize := m.exports[exportAuthorize]
	p.hears[auth.Authentication] = authenticate && said&hearsAuthenticate != 0
	p.hears[auth.Authorization] = authorize && said&hearsAuthorize != 0
	_, hello := m.exports[exportHello]
	p.hears[auth.Hello] = hello && said&hearsHello != 0
	if _, event := m.exports[exportEvent]; p.events != 0 && (!event || said&hearsEvent == 0) {
		p.log.Warn("plugin hears no events; those of `plugins." + p.name + ".events` are not told to it")
		p.events = 0
	}
}

// readModule returns the bytes of a module, read from its file unless given.
func readModule(path string, module []byte, limit int64) ([]byte, error) {
	if module == nil {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if module, err = io.ReadAll(io.LimitReader(f, limit+1)); err != nil {
			return nil, err
		}
	}
	if int64(len(module)) > limit {
		return nil, fmt.Errorf("the module is larger than %d bytes", limit)
	}
	return module, nil
}

// compile gives the plugin its code: one that the host knows, or a new one.
func (p *Plugin) compile(ctx context.Context, m *module, binary []byte) error {
	key := codeKey{sha256.Sum256(binary), p.limits.MemoryPages}
	if known := p.host.codes.take(key); known != nil {
		p.use(known)
		return p.check(m, known.wasi)
	}
	fresh, err := p.newCode(ctx, m, binary)
	if err != nil {
		return err
	}
	fresh.key, fresh.size = key, int64(len(binary))
	p.host.codes.add(fresh)
	p.use(fresh)
	return nil
}

// newCode compiles a module. A compile cache that cannot be read or written costs
// time, not the plugin.
func (p *Plugin) newCode(ctx context.Context, m *module, binary []byte) (*code, error) {
	dir := p.host.dir
	c, err := p.compileWith(ctx, m, binary, p.host.cache)
	trimCache(dir, maxCache)
	if err == nil || dir == "" || errors.Is(err, errRefused) {
		return c, err
	}
	c, again := p.compileWith(ctx, m, binary, nil)
	if again != nil {
		return nil, err
	}
	purgeCache(dir)
	p.log.Warn("compile cache was unusable and has been emptied", "dir", dir, "error", err)
	return c, nil
}

// use makes a code the plugin's own until it is closed.
func (p *Plugin) use(c *code) { p.code, p.runtime, p.compiled = c, c.runtime, c.compiled }

// errRefused marks a module that the host does not want, cache or no cache.
var errRefused = errors.New("refused")

// refusal is an error of the module check; it reads as its text.
type refusal struct{ error }

// Is makes errors.Is(err, errRefused) true.
func (refusal) Is(target error) bool { return target == errRefused }

// check refuses a module that this plugin must not have.
func (p *Plugin) check(m *module, wasi map[string]string) error {
	if err := m.check(p.name, p.limits, p.features, wasi); err != nil {
		return refusal{err}
	}
	return nil
}

// compileWith checks and compiles a module in a runtime of its own.
func (p *Plugin) compileWith(ctx context.Context, m *module, binary []byte, cache wazero.CompilationCache) (*code, error) {
	cfg := wazero.NewRuntimeConfig().
		WithCoreFeatures(m.features()).
		WithMemoryLimitPages(p.limits.MemoryPages).
		// Guests are stopped by means of their fuel, see meter. The engine's
		// own way leaves the guest's code in each turn of each loop.
		WithCloseOnContextDone(false).
		WithDebugInfoEnabled(false) // it does not fit the rewritten code
	if cache != nil {
		cfg = cfg.WithCompilationCache(cache)
	}
	c := &code{runtime: wazero.NewRuntimeWithConfig(ctx, cfg)}
	if err := p.fill(ctx, c, m, binary); err != nil {
		_ = c.close() // what was wrong before says more
		return nil, err
	}
	return c, nil
}

// fill gives a runtime the functions that a guest may import, and the module.
func (p *Plugin) fill(ctx context.Context, c *code, m *module, binary []byte) (err error) {
	if c.wasi, err = link(ctx, c.runtime); err != nil {
		return err
	}
	if err := linkMeter(ctx, c.runtime); err != nil {
		return err
	}
	if err := p.check(m, c.wasi); err != nil {
		return err
	}
	return c.translate(ctx, binary)
}

// translate rewrites a module and compiles it.
func (c *code) translate(ctx context.Context, binary []byte) error {
	metered, err := meter.Rewrite(binary)
	if err != nil {
		return refusal{fmt.Errorf("the module %w", err)}
	}
	limited, cancel := context.WithTimeoutCause(ctx, compileTime, errCompileTime)
	defer cancel()
	c.compiled, err = c.runtime.CompileModule(experimental.WithCompilationWorkers(limited, compileWorkers()), metered)
	if limited.Err() != nil { // it is not the cache
		err = refusal{context.Cause(limited)}
	}
	if err != nil {
		return fmt.Errorf("cannot compile the module: %w", err)
	}
	return nil
}

// compileTime is how long a module may take to compile. A Go program of 14 MB
// takes some ten seconds on one processor.
var compileTime = 2 * time.Minute

var errCompileTime = errors.New("it takes too long")

// compileWorkers leaves half of the processors to those who are served while
// a plugin is reloaded. With more than one worker the engine also looks at the
// context between functions. Four keep the memory that compiling may take
// within bounds: each may need some 150 MB for the worst function.
func compileWorkers() int { return min(max(2, runtime.GOMAXPROCS(0)/2), 4) }

// startAll starts the workers' instances: the first alone, since it finds
// what is wrong, the others at once.
func (p *Plugin) startAll(m *module, n int) error {
	for index := range n {
		p.workers = append(p.workers, newWorker(p, index))
	}
	errs := make([]error, n)
	begin := func(w *worker) {
		i := newInstance(w)
		if errs[w.index] = i.start(); errs[w.index] == nil {
			w.cur = i
		}
	}
	if begin(p.workers[0]); errs[0] == nil {
		var wg sync.WaitGroup
		for _, w := range p.workers[1:] {
			wg.Go(func() { begin(w) })
		}
		wg.Wait()
	}
	for _, err := range errs {
		if err != nil {
			for _, w := range p.workers {
				if w.cur != nil {
					w.cur.close()
				}
			}
			p.workers = nil
			return err
		}
	}
	p.listen(m)
	for _, w := range p.workers {
		w.up.Store(true)
		p.wg.Go(w.run)
	}
	return nil
}
