package engine

import (
	"cmp"
	"crypto/x509"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/broker"
	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/control"
	"github.com/wicketmq/wicket/engine/metric"
	"github.com/wicketmq/wicket/engine/ocsp"
	"github.com/wicketmq/wicket/engine/wasm"
)

// view is what can be looked at without waiting for a reload that is under
// way: it is replaced, never changed.
type view struct {
	cfg      *config.Config
	plugins  plugins
	staplers []*ocsp.Stapler // by listener
	checkers []checker
	admitted uint64 // by the checkers before these
}

// publish shows what is in use now; e.change is held, or nobody looks yet.
func (e *Engine) publish() {
	v := &view{cfg: e.cfg, plugins: e.plugins, checkers: e.revoked.inUse, admitted: e.revoked.admittedBefore}
	for _, name := range sortedKeys(e.revoked.staplers) {
		v.staplers = append(v.staplers, e.revoked.staplers[name])
	}
	e.seen.Store(v)
	select {
	case e.recheck <- struct{}{}:
	default: // a check is due anyway
	}
}

// Status is what the broker is and does; the caller adds what it knows of the
// program. It may be called from any goroutine.
func (e *Engine) Status() control.Status {
	v := e.seen.Load()
	s := e.broker.Stats()
	dir, err := filepath.Abs(v.cfg.DataDir)
	if err != nil { // there is no working directory any more
		dir = v.cfg.DataDir
	}
	out := control.Status{
		PID: os.Getpid(), Started: e.started, DataDir: dir,
		Clients: control.Clients{
			Connected: s.Connections, Sessions: s.Sessions, Connects: s.Connects, Refused: s.Refused,
			TakenOver: s.TakenOver, KeepAlive: s.KeepAlive, SlowConsumers: s.SlowConsumers, Violations: s.Errors, Panics: s.Panics,
		},
		Messages: messages(&s),
		Process:  process(),
		Alarms:   e.alarms.List(),
	}
	for _, l := range e.reactor.Stats() {
		out.Listeners = append(out.Listeners, control.Listener{
			Name: l.Name, Transport: l.Transport, Bind: l.Bind, Running: true,
			Connections: l.Open, Connected: l.Connected, MaxConnections: l.Limit, ProxyProtocol: l.Proxied,
			Accepted: l.Accepted, Closed: l.Closed, Handshakes: l.Handshakes,
			Refused: l.Refused, Shed: l.Shed, Ejected: l.Ejected, Panics: l.Panics,
		})
	}
	return out
}

func messages(s *broker.Stats) control.Messages {
	return control.Messages{
		PacketsReceived: s.PacketsIn, BytesReceived: s.BytesIn, Received: s.PublishIn, Sent: s.PublishOut,
		Denied: s.Denied, NoSubscribers: s.NoSubscribers, Wills: s.Wills, Forwarded: s.Forwarded,
		Dropped: map[string]int64{
			"slow_consumer": s.DroppedSlow, "queue_full": s.DroppedFull, "too_large": s.DroppedLarge,
			"loop_behind": s.DroppedMailbox, "expired": s.Expired,
		},
		Retained: s.Retained, RetainedBytes: s.RetainedBytes, RetainedRefused: s.RetainedRefused,
		Delayed: s.Delayed, DelayedBytes: s.DelayedBytes, DelayedRefused: s.DelayedRefused,
	}
}

// process reads figures that cost no pause, unlike runtime.ReadMemStats.
func process() control.Process {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	return control.Process{
		Goroutines: runtime.NumGoroutine(), HeapBytes: samples[0].Value.Uint64(),
		MemoryBytes: samples[1].Value.Uint64() - samples[2].Value.Uint64(),
	}
}

// Certificates are the chains that the listeners serve, by listener. It may be
// called from any goroutine.
func (e *Engine) Certificates() []control.Certificate {
	staples := e.Staples()
	out := []control.Certificate{}
	for _, name := range sortedKeys(e.bundles.open) {
		for _, leaf := range e.bundles.open[name].Leaves() {
			c := certificate(name, &leaf)
			for _, s := range staples {
				if s.Listener == name && s.Serial == c.Serial && s.Subject == c.Subject {
					c.Staple = stapled(&s)
				}
			}
			out = append(out, c)
		}
	}
	return out
}

func certificate(listener string, leaf *cert.Leaf) control.Certificate {
	id := cert.IdentityOf(leaf.Cert)
	first := slices.MinFunc(leaf.Chain, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
	return control.Certificate{
		Listener: listener, Name: leaf.Name, File: leaf.Certfile,
		Subject: id.Subject, Serial: id.Serial, Names: slices.Concat(id.DNS, id.IPs, id.URIs, id.Emails), SHA256: id.SHA256,
		NotBefore: leaf.Cert.NotBefore, NotAfter: leaf.Cert.NotAfter,
		Expires: first.NotAfter, ExpiresSubject: cert.Subject(first.RawSubject),
	}
}

// stapled is the state of a staple in a word.
func stapled(s *control.Staple) string {
	switch {
	case s.Stapled:
		return s.Status
	case s.Error != "":
		return "failed"
	}
	return "none"
}

// CRLs are the revocation lists that are known. It may be called from any
// goroutine.
func (e *Engine) CRLs() []control.CRL {
	out := []control.CRL{}
	for _, s := range e.revoked.lists.State() {
		out = append(out, control.CRL{
			Source: s.Source, Local: s.Local, Issuer: s.Issuer, State: string(s.Health), Entries: s.Entries, Bytes: s.Bytes, Number: s.Number,
			ThisUpdate: s.ThisUpdate, NextUpdate: s.NextUpdate, Fetched: s.FetchedAt, NextFetch: s.NextFetch, Error: s.LastError,
		})
	}
	return out
}

// Staples are the OCSP answers for the listeners' certificates. It may be
// called from any goroutine.
func (e *Engine) Staples() []control.Staple {
	out := []control.Staple{}
	for _, stapler := range e.seen.Load().staplers {
		for _, s := range stapler.State() {
			out = append(out, control.Staple{
				Listener: s.Listener, Name: s.Name, Subject: s.Subject, Serial: s.Serial, Responder: s.Responder,
				Status: string(s.Status), Stapled: s.Stapled, MustStaple: s.MustStaple,
				ThisUpdate: s.ThisUpdate, NextUpdate: s.NextUpdate, NextAsk: s.NextAsk, Error: s.LastError,
			})
		}
	}
	return out
}

// Plugins are the plugins of the gate in use, in the order in which they are
// asked, then those that are only told of events. It may be called from any goroutine.
func (e *Engine) Plugins() []control.Plugin {
	v := e.seen.Load()
	out := []control.Plugin{}
	for _, name := range pluginNames(v.cfg) {
		s := v.plugins[name].state()
		if !slices.Contains(v.cfg.Auth.Chain, name) {
			s.Asked = []string{} // it is told of events only
		}
		out = append(out, s)
	}
	return out
}

// asked says what a plugin is asked about when its turn comes in the chain (U-49).
func asked(p *plugin) []string {
	out := []string{}
	for q, what := range map[auth.Question]string{auth.Authentication: "clients", auth.Authorization: "topics"} {
		if p.Hears(q) {
			out = append(out, what)
		}
	}
	slices.Sort(out)
	return out
}

func (p *plugin) state() control.Plugin {
	s := p.Stats()
	return control.Plugin{
		Name: p.Name(), File: p.spec.File, Asked: asked(p), SHA256: p.sum, ABI: p.ABI(), Loaded: p.loaded, Breaker: s.Breaker.String(),
		Workers: s.Workers, Up: s.Up, InFlight: s.InFlight, Queued: s.Queued,
		Requests: s.Requests, Allowed: s.Allowed, Denied: s.Denied, Next: s.Next,
		Calls: s.Calls, Seconds: s.CallTime.Seconds(), Failures: failures(&s), Faults: faults(&s),
		Restarts: s.Restarts, Recycled: s.Recycled, Continued: s.Continued, Exchanges: s.Exchanging,
		Events: s.Events, EventsWaiting: s.EventsWaiting, EventsDropped: s.EventsDropped, Disconnects: s.Disconnects,
		KVKeys: s.KVKeys, KVBytes: s.KVBytes, KVRefused: s.KVFull,
	}
}

// failures are the questions that the plugin did not answer, by reason.
func failures(s *wasm.Stats) map[string]uint64 {
	return map[string]uint64{
		"guest_failed": s.Failed, "breaker_open": s.Rejected, "timeout": s.Expired, "busy": s.Busy, "too_large": s.TooLarge,
	}
}

func faults(s *wasm.Stats) map[string]uint64 {
	out := make(map[string]uint64, len(s.Faults))
	for kind, n := range s.Faults {
		out[kind.String()] = n
	}
	return out
}

// Snapshot is everything that Prometheus is shown. It may be called from any
// goroutine.
func (e *Engine) Snapshot() metric.Snapshot {
	v := e.seen.Load()
	out := metric.Snapshot{
		Status: e.Status(), Certificates: e.Certificates(), CRLs: e.CRLs(), Staples: e.Staples(), Plugins: e.Plugins(), Upstreams: e.Upstreams(),
		Signer: e.signer.Stats(), FailOpen: v.admitted, AlarmsTotal: e.alarms.Total(),
	}
	for _, m := range e.host.Metrics() {
		out.Custom = append(out.Custom, custom(&m))
	}
	for _, c := range v.checkers {
		out.FailOpen += c.failOpen()
	}
	return out
}

// custom is a series of a plugin as it is shown.
func custom(m *wasm.Metric) metric.Custom {
	c := metric.Custom{Plugin: m.Plugin, Name: m.Name, Help: m.Help, Labels: map[string]string{}, Value: float64(m.Value)}
	for _, l := range m.Labels {
		c.Labels[l.Name] = l.Value
	}
	switch m.Kind {
	case wasm.MetricGauge:
		c.Gauge = true
	case wasm.MetricHistogram:
		c.Histogram = &control.Histogram{Counts: m.Counts, Sum: float64(m.Sum)}
		for _, b := range m.Bounds {
			c.Histogram.Bounds = append(c.Histogram.Bounds, float64(b))
		}
	}
	return c
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
