package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wicketmq/wicket/engine/alarm"
	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/control"
	"github.com/wicketmq/wicket/engine/upstream"
	"github.com/wicketmq/wicket/engine/wasm"
)

// AlarmUpstream is the name of alarms about upstreams that cannot be reached;
// their objects are the upstreams' names.
const AlarmUpstream = "upstream"

// upstreamChanged keeps the alarms about upstreams (AHTTP-11).
func upstreamChanged(alarms *alarm.Registry) func(upstream.State) {
	return func(s upstream.State) {
		if s.Health == upstream.Disconnected {
			alarms.Raise(AlarmUpstream, s.Name, alarm.Critical, fmt.Sprintf("plugins get no answer from %s: %s", s.URL, s.LastError))
			return
		}
		if s.Health == upstream.Connected {
			alarms.Clear(AlarmUpstream, s.Name)
		}
	}
}

// upstreamChange is a change of upstreams, and whether it is over.
type upstreamChange struct {
	*upstream.Change
	over chan struct{} // closed when it was applied or undone
}

// replaces reports whether one of these upstreams becomes another server.
func (c *upstreamChange) replaces(names []string) bool {
	return c != nil && slices.ContainsFunc(names, c.Replaces)
}

// undo takes back what was prepared.
func (c *upstreamChange) undo() {
	c.Undo()
	close(c.over)
}

// prepareUpstreams reads what the upstreams of a configuration name, and makes
// those that are new, so that plugins can ask them while they are loaded. What
// it returns is applied, or undone.
func (e *Engine) prepareUpstreams(cfg *config.Config) (*upstreamChange, error) {
	wanted, errs := make(map[string]upstream.Options, len(cfg.Upstreams)), []error(nil)
	for _, name := range sortedKeys(cfg.Upstreams) {
		o, err := upstreamOptions(cfg.Upstreams[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot use upstream %q: %w", name, err))
		}
		wanted[name] = o
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	change, err := e.upstreams.Prepare(wanted)
	if err != nil {
		return nil, err
	}
	change.Add()
	return &upstreamChange{change, make(chan struct{})}, nil
}

// applyUpstreams makes the upstreams those of a configuration.
func (e *Engine) applyUpstreams(change *upstreamChange, cfg *config.Config) {
	change.Apply()
	close(change.over)
	for name := range e.cfg.Upstreams {
		if _, stays := cfg.Upstreams[name]; !stays {
			e.alarms.Clear(AlarmUpstream, name)
		}
	}
}

// sender is an upstream by its name: a reload may put another in its place, or
// none.
type sender struct {
	set   *upstream.Set
	name  string
	after <-chan struct{} // it becomes another server when this is closed; nil: it does not
}

// Send implements wasm.Sender. A plugin that is loaded because an upstream becomes
// another server must not ask the one that it was before.
func (s sender) Send(ctx context.Context, req upstream.Request, done func(upstream.Response, error)) {
	select {
	case <-s.after:
	default:
		if s.after != nil {
			go func() { <-s.after; s.send(ctx, req, done) }()
			return
		}
	}
	s.send(ctx, req, done)
}

func (s sender) send(ctx context.Context, req upstream.Request, done func(upstream.Response, error)) {
	if u := s.set.Lookup(s.name); u != nil {
		u.Send(ctx, req, done)
		return
	}
	done(upstream.Response{}, &upstream.Error{Upstream: s.name, Kind: upstream.Canceled, Err: errNoUpstream})
}

var errNoUpstream = errors.New("it is not configured any more")

// senders are the upstreams that a plugin may ask which is loaded for a change.
func (e *Engine) senders(names []string, change *upstreamChange) map[string]wasm.Sender {
	out := make(map[string]wasm.Sender, len(names))
	for _, name := range names {
		one := sender{set: e.upstreams, name: name}
		if change.replaces([]string{name}) {
			one.after = change.over
		}
		out[name] = one
	}
	return out
}

// upstreamOptions spells an upstream as package upstream does, with what is in
// the files.
func upstreamOptions(u config.Upstream) (upstream.Options, error) {
	authorization, err := u.Authorization.Read()
	o := upstream.Options{
		URL: u.URL, HTTP2: u.HTTP2, PoolSize: u.PoolSize, MaxInFlight: u.MaxInFlight,
		ConnectTimeout: u.ConnectTimeout, RequestTimeout: u.RequestTimeout, MaxResponse: int64(u.MaxResponse),
		Authorization: authorization, Breaker: upstream.Breaker(u.Breaker),
		TLS: upstream.TLSOptions{Verify: u.TLS.Verify == config.VerifyPeer, Depth: u.TLS.Depth},
	}
	errs := []error{err}
	if u.TLS.ServerName == config.NoServerName {
		o.TLS.NoName = true
	} else {
		o.TLS.ServerName = u.TLS.ServerName
	}
	var versions []string
	for _, v := range u.TLS.Versions {
		versions = append(versions, string(v))
	}
	o.TLS.MinVersion, o.TLS.MaxVersion, err = cert.Versions(versions)
	errs = append(errs, err)
	o.TLS.Ciphers, _, err = cert.ClientSuites(u.TLS.Ciphers, o.TLS.MinVersion, o.TLS.MaxVersion)
	errs = append(errs, err)
	if u.TLS.Cacertfile != "" {
		o.TLS.Roots, err = cert.Authorities(u.TLS.Cacertfile)
		errs = append(errs, err)
	}
	if u.TLS.Certfile != "" {
		password, err := u.TLS.Password.Read()
		errs = append(errs, err)
		o.TLS.Certificate, err = cert.ClientPair(cert.Files{Certfile: u.TLS.Certfile, Keyfile: u.TLS.Keyfile, Password: password}, time.Now())
		errs = append(errs, err)
	}
	return o, errors.Join(errs...)
}

// Upstreams are the HTTP servers that plugins may ask. It may be called from
// any goroutine.
func (e *Engine) Upstreams() []control.Upstream {
	out := []control.Upstream{}
	for _, s := range e.upstreams.State() {
		one := control.Upstream{
			Name: s.Name, URL: s.URL, State: string(s.Health), Breaker: s.Breaker.String(), Error: s.LastError, FailedAt: s.FailedAt,
			Connections: s.Connections, OnWire: s.OnWire, Queued: s.Queued, Answered: s.Answered, Failed: make(map[string]uint64, len(s.Failed)),
			Latency: control.Histogram{Counts: s.Latency.Counts[:], Sum: s.Latency.Sum.Seconds()},
		}
		if s.Connections > 0 {
			one.Protocol = "HTTP/1.1"
			if s.HTTP2 {
				one.Protocol = "HTTP/2"
			}
		}
		for kind, n := range s.Failed {
			one.Failed[kind.String()] = n
		}
		for _, bound := range upstream.Bounds {
			one.Latency.Bounds = append(one.Latency.Bounds, bound.Seconds())
		}
		out = append(out, one)
	}
	return out
}
