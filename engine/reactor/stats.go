package reactor

import (
	"sync/atomic"

	"github.com/wicketmq/wicket/engine/cert"
)

// counts are the exact numbers of what happened on one listener; log lines
// about the same events are throttled.
type counts struct {
	accepted  atomic.Uint64
	closed    atomic.Uint64
	shed      [shedReasons]atomic.Uint64
	handshake atomic.Uint64 // completed
	refused   reasonCounts  // failed handshakes by reason class (TLS-33)
	ejected   reasonCounts  // clients whose certificate was no longer good (CERT-12)
	panics    atomic.Uint64
}

func newCounts() *counts { return &counts{refused: newReasonCounts(), ejected: newReasonCounts()} }

// shed is why a connection was closed before TLS and MQTT.
type shed int

const (
	shedMaxConnections shed = iota // LSN-04
	shedDescriptors
	shedHandshakes
	shedStopping
	shedAccessRules      // LSN-06
	shedRate             // LSN-05, TLS-28
	shedSourceRate       // TLS-28
	shedUntrusted        // PROXY-07
	shedProxyInvalid     // PROXY-01
	shedProxyUnsupported // PROXY-05
	shedProxyTimeout     // PROXY-02
	shedHelloDenied      // by a plugin
	shedHellos           // too many wait for a plugin
	shedReasons
)

var shedNames = [shedReasons]string{
	"max_connections", "descriptors", "handshakes", "stopping", "access_rules", "max_conn_rate", "max_conn_rate_per_source",
	"untrusted_proxy", "invalid_proxy_info", "unsupported_proto_v2", "proxy_timeout", "hello_denied", "hellos",
}

func (s shed) String() string { return shedNames[s] }

// reasonCounts counts by cert.Reason without a lock; the set of reasons is
// fixed at start.
type reasonCounts struct {
	byReason map[cert.Reason]*atomic.Uint64
}

func newReasonCounts() reasonCounts {
	m := make(map[cert.Reason]*atomic.Uint64, len(cert.Reasons))
	for _, r := range cert.Reasons {
		m[r] = new(atomic.Uint64)
	}
	return reasonCounts{m}
}

func (r reasonCounts) add(reason cert.Reason) {
	if n := r.byReason[reason]; n != nil {
		n.Add(1)
	}
}

// snapshot returns those that are not zero.
func (r reasonCounts) snapshot() map[string]uint64 {
	out := map[string]uint64{}
	for reason, n := range r.byReason {
		if v := n.Load(); v > 0 {
			out[string(reason)] = v
		}
	}
	return out
}

// ListenerStats is a snapshot of one listener.
type ListenerStats struct {
	Name       string
	Transport  string
	Bind       string
	Open       int64 // transport connections now
	Connected  int64 // of those, clients connected by MQTT
	Limit      int   // most connections; 0 = no limit of its own
	Proxied    bool  // each connection begins with a PROXY header
	Accepted   uint64
	Closed     uint64
	Handshakes uint64            // completed TLS handshakes
	Refused    map[string]uint64 // failed TLS handshakes by reason class
	Shed       map[string]uint64 // closed before TLS and MQTT, by reason
	Ejected    map[string]uint64 // disconnected for a certificate that was good no more, by reason class
	Panics     uint64
}

func (l *listener) stats() ListenerStats {
	s := ListenerStats{
		Name: l.Name, Transport: l.Transport(), Bind: l.Addr.String(),
		Open:       l.open.Load(),
		Connected:  l.info.Connected.Load(),
		Limit:      l.MaxConnections,
		Proxied:    l.ProxyProtocol,
		Accepted:   l.counts.accepted.Load(),
		Closed:     l.counts.closed.Load(),
		Handshakes: l.counts.handshake.Load(),
		Panics:     l.counts.panics.Load(),
		Refused:    l.counts.refused.snapshot(),
		Shed:       map[string]uint64{},
		Ejected:    l.counts.ejected.snapshot(),
	}
	for i := range shedReasons {
		if v := l.counts.shed[i].Load(); v > 0 {
			s.Shed[i.String()] = v
		}
	}
	return s
}
