package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/broker"
	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/password"
	"github.com/wicketmq/wicket/engine/wasm"
	firstparty "github.com/wicketmq/wicket/plugins"
)

// plugins are the running plugins of one configuration, by name.
type plugins map[string]*plugin

// plugin is a running plugin and what it was made from, by which a reload
// tells whether it can stay.
type plugin struct {
	*wasm.Plugin
	source
	sum    string // SHA-256 of the module, in hexadecimal
	loaded time.Time
}

// source is everything that decides how a plugin behaves.
type source struct {
	spec   config.Plugin
	module []byte
	config json.RawMessage
	files  []wasm.File
}

// close ends the plugins except those that keep holds too. Their requests come
// first, unless ctx has ended.
func (p plugins) close(ctx context.Context, keep plugins) {
	for name, one := range p {
		if keep[name] != one {
			_ = one.Close(ctx)
		}
	}
}

// leftAlone is how long nobody has asked a gate that a reload has replaced, when
// nobody has it any more.
const leftAlone = time.Second

// retire ends the plugins that a reload has replaced, once their gate is left
// alone: a client asks the gate that it came to, link by link of the chain, and
// again for its will. Gates before it may hold the same plugins: before is
// closed when they are left alone too, and nil when there are none.
func (e *Engine) retire(gate *auth.Gate, before <-chan struct{}, old, kept plugins) {
	look := time.NewTicker(leftAlone)
	defer look.Stop()
	for seen := uint64(1<<64 - 1); e.life.Err() == nil; {
		asked, answered := gate.Questions()
		if asked == answered && asked == seen {
			break
		}
		seen = asked
		select {
		case <-look.C:
		case <-e.life.Done():
		}
	}
	if before != nil {
		select {
		case <-before:
		case <-e.life.Done():
		}
	}
	old.close(e.life, kept)
}

func (e *Engine) newHost(cfg *config.Config) (*wasm.Host, error) {
	return wasm.NewHost(wasm.HostOptions{
		CacheDir: filepath.Join(cfg.DataDir, "cache"),
		Verify:   password.Verify, Disconnect: e.disconnect, Log: e.log,
	})
}

// disconnect disconnects a client for a plugin. Workers call it, also while the
// first plugins are loaded.
func (e *Engine) disconnect(d wasm.Disconnect) {
	if !e.serving.Load() {
		return
	}
	found := e.broker.Disconnect(broker.Parting{
		ClientID: d.ClientID, Username: d.Username, Reason: d.Reason, ReasonText: d.ReasonText,
	})
	e.log.Debug("plugin disconnects a client", "plugin", d.Plugin, "client_id", d.ClientID, "reason", d.Reason.String(), "session", found)
}

// loadGate builds the gate of a configuration over the plugins that its chain
// names. Those that run already and are made from the same bytes are kept, unless
// one of their upstreams becomes another server.
// When one cannot be had, nothing new is left running, and the error names
// all of them.
func (e *Engine) loadGate(cfg *config.Config, ask *upstreamChange) (*auth.Gate, plugins, error) {
	loaded := plugins{}
	var errs []error
	for _, name := range pluginNames(cfg) {
		one, err := e.plugin(name, cfg.Plugins[name], ask)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		loaded[name] = one
	}
	var gate *auth.Gate
	err := errors.Join(errs...)
	if err == nil {
		gate, err = e.newGate(cfg, loaded)
	}
	if err != nil {
		loaded.close(e.life, e.plugins)
		return nil, nil, err
	}
	return gate, loaded, nil
}

// pluginNames are the plugins that a configuration uses: those of the chain in
// its order, then those that are only told of events.
func pluginNames(cfg *config.Config) []string {
	names := slices.Clone(cfg.Auth.Chain)
	for _, name := range sortedKeys(cfg.Plugins) {
		if len(cfg.Plugins[name].Events) > 0 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// plugin returns the running plugin of that name if it would come out the
// same, or opens it. What a plugin has kept is from the servers that it asks: when
// one of them becomes another, it begins anew.
func (e *Engine) plugin(name string, spec config.Plugin, ask *upstreamChange) (*plugin, error) {
	src, err := readSource(name, spec)
	if err != nil {
		return nil, err
	}
	anew := ask.replaces(spec.Upstreams)
	if running := e.plugins[name]; running != nil && running.same(src) && !anew {
		return running, nil
	}
	o := src.options(name, e.senders(spec.Upstreams, ask))
	o.Anew = anew
	opened, err := e.host.Open(context.Background(), o)
	if err != nil {
		return nil, err
	}
	e.log.Info("plugin loaded", "plugin", name, "file", spec.File)
	sum := sha256.Sum256(src.module)
	return &plugin{opened, src, hex.EncodeToString(sum[:]), time.Now()}, nil
}

// options spells a plugin as package wasm does.
func (s source) options(name string, upstreams map[string]wasm.Sender) wasm.Options {
	spec := s.spec
	return wasm.Options{
		Name: name, Path: spec.File, Module: s.module,
		Config: s.config, Files: s.files, Grants: grants(spec), Upstreams: upstreams,
		Events:  texts(spec.Events),
		OnError: onError(spec.OnError), Workers: spec.Workers,
		Limits: wasm.Limits{
			MemoryPages:       uint32(spec.Memory >> 16),
			AuthenticateSlice: spec.CPUSlice, AuthorizeSlice: spec.CPUSlice,
			Wall: spec.Timeout, InFlight: spec.MaxPending, Queue: spec.MaxPending,
			KVBytes: int64(spec.KV.MaxBytes),
		},
	}
}

func readSource(name string, spec config.Plugin) (source, error) {
	src := source{spec: spec}
	var err error
	if src.module, err = readModule(name, spec.File); err != nil {
		return src, err
	}
	if src.config, src.files, err = wasm.Settings(spec.Dir, spec.Config); err != nil {
		return src, fmt.Errorf("cannot open plugin %q: plugins.%s.%w", name, name, err)
	}
	return src, nil
}

// same reports whether two sources make the same plugin.
func (s source) same(o source) bool {
	return reflect.DeepEqual(s, o)
}

// readModule returns the bytes of a plugin's module.
func readModule(name, file string) ([]byte, error) {
	if builtin, ok := strings.CutPrefix(file, config.BuiltinPrefix); ok {
		module, ok := firstparty.Builtin(builtin)
		if !ok {
			return nil, fmt.Errorf("cannot open plugin %q: plugins.%s.file is %q, and the built-in plugins are %s",
				name, name, file, strings.Join(firstparty.Names, ", "))
		}
		return module, nil
	}
	module, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot open plugin %q: plugins.%s.file: %w", name, name, err)
	}
	return module, nil
}

// grants are what the operator gave, and for a built-in plugin what it needs:
// it is part of the program that grants it.
func grants(spec config.Plugin) []string {
	out := texts(spec.Grants)
	if builtin, ok := strings.CutPrefix(spec.File, config.BuiltinPrefix); ok {
		for _, g := range firstparty.Grants(builtin) {
			if !slices.Contains(out, g) {
				out = append(out, g)
			}
		}
	}
	return out
}

func texts[T ~string](list []T) []string {
	out := make([]string, 0, len(list)+1)
	for _, v := range list {
		out = append(out, string(v))
	}
	return out
}

func onError(o config.OnError) auth.Decision {
	if o == config.OnErrorNext {
		return auth.Next
	}
	return auth.Deny
}

func (e *Engine) newGate(cfg *config.Config, p plugins) (*auth.Gate, error) {
	o := gateOptions(cfg, p)
	o.Bans = e.bans
	var err error
	if o.Rules, err = hostRules(cfg); err != nil {
		return nil, err
	}
	return auth.NewGate(o)
}

// gateOptions spells the policy of the configuration as the gate does.
func gateOptions(cfg *config.Config, p plugins) auth.Options {
	o := auth.Options{
		Anonymous: anonymous(cfg.Auth.Anonymous),
		Listeners: policies(cfg),
		NoMatch:   auth.Deny,
		CacheSize: cfg.Authz.Cache.MaxSize,
		CacheTTL:  cfg.Authz.Cache.TTL,
		Clock:     time.Now,

		CacheExcludes:   cfg.Authz.Cache.Excludes,
		DenyDisconnects: cfg.Authz.DenyAction == config.DenyDisconnect,
	}
	if cfg.Authz.NoMatch == config.NoMatchAllow {
		o.NoMatch = auth.Allow
	}
	if !cfg.Authz.Cache.Enable {
		o.CacheSize = -1
	}
	for _, name := range cfg.Auth.Chain {
		o.Chain = append(o.Chain, p[name])
	}
	for _, name := range pluginNames(cfg) {
		o.Observers = append(o.Observers, p[name])
	}
	return o
}

// policies are those of the listeners that do not just ask the chain.
func policies(cfg *config.Config) map[string]auth.Policy {
	out := map[string]auth.Policy{}
	add := func(name string, l config.Listener) {
		switch l.EnableAuthn {
		case config.AuthnOff:
			out[name] = auth.AskNobody
		case config.AuthnNameFirst:
			out[name] = auth.AskNamed
		}
	}
	for name, l := range cfg.Listeners.TCP {
		add("tcp:"+name, l.Listener)
	}
	for name, l := range cfg.Listeners.TLS {
		add("tls:"+name, l.Listener)
	}
	return out
}

func anonymous(a config.Anonymous) auth.Anonymous {
	switch a {
	case config.AnonymousAllow:
		return auth.AnonymousAllow
	case config.AnonymousLoopback:
		return auth.AnonymousLoopback
	}
	return auth.AnonymousDeny
}
