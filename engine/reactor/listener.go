package reactor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wicketmq/wicket/engine/broker"
)

// Listener says where and how connections are taken.
type Listener struct {
	Name           string         // "tcp:default"
	Addr           netip.AddrPort // port 0 picks a free one
	MaxConnections int            // 0 = no limit of its own
	ConnectTimeout time.Duration  // from an established transport to CONNECT (TLS-15)

	// TLS is nil on a plain listener. HandshakeTimeout runs from accept to
	// Finished, whatever the peer sends in between (TLS-14).
	TLS              *tls.Config
	HandshakeTimeout time.Duration

	// What a connection has to pass right after accept, before TLS and MQTT.
	// Rates count connections; the one per source is of an IPv4 address or a
	// /64 network of IPv6, and on a PROXY listener of the client's.
	AccessRules          []AccessRule // the first match decides, none denies; an empty list admits all
	MaxConnRate          Rate
	MaxConnRatePerSource Rate

	// ProxyProtocol says that every connection begins with a PROXY header,
	// which has to be complete in ProxyTimeout from accept; HandshakeTimeout
	// and ConnectTimeout begin after it. Peers outside of ProxyTrusted are
	// turned away; an empty list trusts all.
	ProxyProtocol bool
	ProxyTimeout  time.Duration
	ProxyTrusted  []netip.Prefix

	// Judge says whether a client that is connected may stay, by the path of
	// its certificate, leaf first and anchor last; its error disconnects the
	// client. It is asked after [Reactor.Rejudge], on a goroutine of its own.
	// With nil, clients stay whatever happens; otherwise each connection with a
	// client certificate keeps the leaf's DER (CERT-12).
	Judge func(path []*x509.Certificate) error

	// Path says by which path a client was let in, on its loop; nil takes the
	// first that crypto/tls has found.
	Path func(tls.ConnectionState) []*x509.Certificate

	// ExpireClients disconnects a client when its certificate expires. It
	// keeps the DER, too.
	ExpireClients bool
}

// Transport is the word for the byte layer: "tcp" or "tls".
func (l *Listener) Transport() string {
	if l.TLS != nil {
		return "tls"
	}
	return "tcp"
}

// listener is a bound Listener with its counters.
type listener struct {
	Listener
	info      broker.Info
	open      atomic.Int64 // connections now
	door      *door        // nil when nobody is turned away
	slow      throttle     // log lines about refused handshakes and PROXY headers
	turned    throttle     // log lines about connections turned away
	court     court        // judges connected clients again
	ejections throttle     // log lines about those that it refused
	counts    *counts
}

// resolve fixes the port of a listener that asked for any, and fails when
// somebody else listens there already: SO_REUSEPORT, which gnet needs for one
// listening socket per loop, would silently share the port with them. The
// caller closes the probe when it has those of all listeners.
func (l *listener) resolve() (probe net.Listener, err error) {
	probe, err = net.Listen("tcp", l.Addr.String())
	if err != nil {
		return nil, bindError(l, err)
	}
	bound := probe.Addr().(*net.TCPAddr).AddrPort()
	l.Addr = netip.AddrPortFrom(l.Addr.Addr().Unmap(), bound.Port())
	return probe, nil
}

// url is the address as gnet wants it, which opens [::] for IPv6 alone and no
// address at all for both families.
func (l *listener) url() string {
	if l.Addr.Addr() == netip.IPv6Unspecified() {
		return fmt.Sprintf("tcp://:%d", l.Addr.Port())
	}
	return "tcp://" + l.Addr.String()
}

func bindError(l *listener, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("cannot bind listener %q to %s: the address is in use; stop the other program or change listeners.%s.bind: %w",
			l.Name, l.Addr, l.configKey(), err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("cannot bind listener %q to %s: ports below 1024 need CAP_NET_BIND_SERVICE: %w", l.Name, l.Addr, err)
	}
	return fmt.Errorf("cannot bind listener %q to %s: %w", l.Name, l.Addr, err)
}

// configKey turns "tls:default" into "tls.default", the way the configuration
// spells it.
func (l *listener) configKey() string {
	b := []byte(l.Name)
	for i, c := range b {
		if c == ':' {
			b[i] = '.'
		}
	}
	return string(b)
}

// serves reports whether a connection accepted on the local address came
// through this listener.
func (l *listener) serves(local *net.TCPAddr) bool {
	addr := netip.IPv6Unspecified() // of a socket for both families
	if local.IP != nil {
		addr = addrOf(local.IP).WithZone(local.Zone)
	}
	return int(l.Addr.Port()) == local.Port && l.Addr.Addr() == addr
}

// enter takes a place among the open connections, if there is one.
func (l *listener) enter() bool {
	for {
		n := l.open.Load()
		if l.MaxConnections > 0 && n >= int64(l.MaxConnections) {
			return false
		}
		if l.open.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func addrOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
