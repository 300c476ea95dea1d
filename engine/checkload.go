package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/password"
	"github.com/wicketmq/wicket/engine/upstream"
	"github.com/wicketmq/wicket/engine/wasm"
)

// Loaded is what loading an upstream, a plugin or the files of a listener has
// shown.
type Loaded struct {
	Section  string   // "upstreams", "plugins" or "listeners"
	Name     string   // of a listener with its kind, as in its key: "tls.default"
	Err      error    // why a broker would not start with it, or nil
	Warnings []string // what it had to say while it was loaded
}

// CheckUpstreams reads the certificates and settings of the upstreams, except of
// those for which skip is true, and asks none.
func CheckUpstreams(cfg *config.Config, skip func(section, name string) bool) []Loaded {
	var out []Loaded
	for _, name := range sortedKeys(cfg.Upstreams) {
		if skip("upstreams", name) {
			continue
		}
		o, err := upstreamOptions(cfg.Upstreams[name])
		if err == nil {
			_, err = upstream.NewSet(nil).Prepare(map[string]upstream.Options{name: o})
		}
		out = append(out, Loaded{Section: "upstreams", Name: name, Err: err})
	}
	return out
}

// CheckPlugins loads one instance of each plugin that a broker with this
// configuration would run, except those for which skip is true, and ends them
// again. Nobody is asked anything: what a plugin sends to an upstream is answered
// with a refusal once it is loaded. Compiled modules are kept in cacheDir, or
// nowhere when it is empty or somebody else may have touched it. When ctx ends,
// the plugins that are left have its error.
func CheckPlugins(ctx context.Context, cfg *config.Config, cacheDir string, skip func(section, name string) bool) ([]Loaded, error) {
	var said hearing
	options := wasm.HostOptions{CacheDir: cacheDir, Verify: password.Verify, HashWorkers: 1, Log: slog.New(&said)}
	host, err := wasm.NewHost(options)
	if err != nil {
		options.CacheDir = ""
		if host, err = wasm.NewHost(options); err != nil {
			return nil, err
		}
	}
	defer host.Close()
	var out []Loaded
	for _, name := range pluginNames(cfg) {
		if skip("plugins", name) {
			continue
		}
		said.begin()
		err := tryPlugin(ctx, host, name, cfg.Plugins[name], &said)
		out = append(out, Loaded{"plugins", name, err, said.end()})
	}
	return out, nil
}

// tryPlugin loads a plugin. What its workers do after that is not listened to.
func tryPlugin(ctx context.Context, host *wasm.Host, name string, spec config.Plugin, said *hearing) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	spec.Workers = 1
	src, err := readSource(name, spec)
	if err != nil {
		return err
	}
	var away absent
	upstreams := make(map[string]wasm.Sender, len(spec.Upstreams))
	for _, to := range spec.Upstreams {
		upstreams[to] = &away
	}
	p, err := host.Open(ctx, src.options(name, upstreams))
	said.end()
	away.refuse()
	if err != nil {
		return err
	}
	return p.Close(ctx)
}

// absent stands for upstreams while nobody may be asked. Requests wait until
// the plugin is loaded, so that it cannot warn of their failure before.
type absent struct {
	mu   sync.Mutex
	over bool
	wait []func(upstream.Response, error)
}

var errNotAsked = &upstream.Error{Kind: upstream.Canceled, Err: errors.New("a configuration is being checked")}

// Send implements wasm.Sender.
func (a *absent) Send(_ context.Context, _ upstream.Request, done func(upstream.Response, error)) {
	a.mu.Lock()
	over := a.over
	if !over {
		a.wait = append(a.wait, done)
	}
	a.mu.Unlock()
	if over {
		done(upstream.Response{}, errNotAsked)
	}
}

// refuse answers all requests, those to come as well.
func (a *absent) refuse() {
	a.mu.Lock()
	wait := a.wait
	a.over, a.wait = true, nil
	a.mu.Unlock()
	for _, done := range wait {
		done(upstream.Response{}, errNotAsked)
	}
}

// hearing is a log of which the warnings are kept between begin and the first
// end.
type hearing struct {
	mu    sync.Mutex
	on    bool
	texts []string
}

func (h *hearing) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.on, h.texts = true, nil
}

// end returns what was heard.
func (h *hearing) end() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.on = false
	return h.texts
}

// Enabled implements slog.Handler. Errors come back from [wasm.Host.Open].
func (h *hearing) Enabled(_ context.Context, level slog.Level) bool { return level == slog.LevelWarn }

// Handle implements slog.Handler.
func (h *hearing) Handle(_ context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.on {
		h.texts = append(h.texts, r.Message)
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (h *hearing) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler.
func (h *hearing) WithGroup(string) slog.Handler { return h }
