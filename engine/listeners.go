package engine

import (
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/broker"
	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/reactor"
)

// bundles are the certificates in use.
type bundles struct {
	open map[string]*cert.Bundle // by listener

	// revocation makes what judges a listener's clients; a nil result is for
	// nothing. It is asked at the start and at each reload.
	revocation func(config.TLS) (cert.Revocation, error)

	challenge func(serverName string) *tls.Certificate // answers an ACME authority; may be nil
	signer    func(crypto.Signer) crypto.Signer        // makes the keys that handshakes use; may be nil
}

// prepare loads the material that a configuration names for the listeners in
// use, and returns what puts it into use. When anything is not in order
// nothing changes, and the error names all of it.
func (b bundles) prepare(cfg *config.Config) (swap func(), err error) {
	var errs []error
	var swaps []func()
	for _, name := range slices.Sorted(maps.Keys(cfg.Listeners.TLS)) {
		bundle := b.open["tls:"+name]
		if bundle == nil {
			continue // not open: it waits for a restart
		}
		options, err := b.options(cfg, cfg.Listeners.TLS[name].TLS)
		if err == nil {
			swap, err = bundle.Prepare(options)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot reload listener %q: %w", "tls:"+name, err))
			continue
		}
		swaps = append(swaps, swap)
	}
	return func() {
		for _, swap := range swaps {
			swap()
		}
	}, errors.Join(errs...)
}

// options are what certOptions says, with who judges revocation.
func (b bundles) options(cfg *config.Config, t config.TLS) (cert.Options, error) {
	o, err := certOptions(cfg, t)
	if err == nil && o.VerifyPeer {
		o.Revocation, err = b.revocation(t)
	}
	if o.Await {
		o.Challenge = b.challenge
	}
	o.Signer = b.signer
	return o, err
}

// load loads what a listener's section names.
func (b bundles) load(cfg *config.Config, t config.TLS) (*tls.Config, *cert.Bundle, error) {
	options, err := b.options(cfg, t)
	if err != nil {
		return nil, nil, err
	}
	return cert.ServerConfig(options)
}

// tlsName is the name of a TLS listener in the configuration.
func tlsName(listener string) string { return strings.TrimPrefix(listener, "tls:") }

// listeners prepares every enabled listener, sorted by transport and name.
func (e *Engine) listeners(cfg *config.Config) ([]reactor.Listener, error) {
	var out []reactor.Listener
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(cfg.Listeners.TCP)) {
		if l := cfg.Listeners.TCP[name]; l.Enable {
			one, err := listener(cfg, "tcp:"+name, l.Listener)
			out, errs = append(out, one), append(errs, err)
		}
	}
	e.bundles.open = make(map[string]*cert.Bundle)
	for _, name := range slices.Sorted(maps.Keys(cfg.Listeners.TLS)) {
		l := cfg.Listeners.TLS[name]
		if !l.Enable {
			continue
		}
		one, err := listener(cfg, "tls:"+name, l.Listener)
		errs = append(errs, err)
		one.HandshakeTimeout = l.TLS.HandshakeTimeout
		if one.TLS, err = e.serverConfig(cfg, one.Name, l.TLS); err != nil {
			errs = append(errs, fmt.Errorf("cannot start listener %q: %w", one.Name, err))
			continue
		}
		if l.TLS.OnRevoked == config.LapseDisconnect {
			one.Judge = e.bundles.open[one.Name].Judge
		}
		one.Path = e.bundles.open[one.Name].Path
		one.ExpireClients = l.TLS.OnCertExpiry == config.LapseDisconnect
		out = append(out, one)
	}
	return out, errors.Join(errs...)
}

// listener spells what all kinds of listeners have as the reactor does. Rules
// and networks have been validated with the configuration.
func listener(cfg *config.Config, name string, l config.Listener) (reactor.Listener, error) {
	out := reactor.Listener{
		Name: name, Addr: l.Bind.AddrPort, MaxConnections: l.MaxConnections,
		ConnectTimeout: cfg.MQTT.IdleTimeout,
		MaxConnRate:    reactor.Rate(l.MaxConnRate), MaxConnRatePerSource: reactor.Rate(l.MaxConnRatePerSource),
		ProxyProtocol: l.ProxyProtocol, ProxyTimeout: l.ProxyProtocolTimeout,
	}
	var errs []error
	for _, text := range l.AccessRules {
		rule, err := config.ParseAccessRule(text)
		out.AccessRules = append(out.AccessRules, reactor.AccessRule{Allow: rule.Permission == config.Allow, Network: rule.Network})
		errs = append(errs, err)
	}
	for _, text := range l.ProxyTrustedCIDRs {
		network, err := config.ParseNetwork(text)
		out.ProxyTrusted = append(out.ProxyTrusted, network)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return out, fmt.Errorf("cannot start listener %q: %w", name, err)
	}
	return out, nil
}

// serverConfig loads a listener's certificates.
func (e *Engine) serverConfig(cfg *config.Config, name string, t config.TLS) (*tls.Config, error) {
	server, bundle, err := e.bundles.load(cfg, t)
	if err != nil {
		return nil, err
	}
	e.bundles.open[name] = bundle
	e.warn(name)
	return server, nil
}

// warn says what deserves a look in the certificates that a listener uses.
func (e *Engine) warn(listener string) {
	for _, w := range e.bundles.open[listener].Warnings() {
		e.log.Warn(w, "listener", listener)
	}
}

// certOptions spells a listener's TLS section as package cert does. Without a
// certfile and acme_domains it is the development CA's material.
func certOptions(cfg *config.Config, t config.TLS) (cert.Options, error) {
	o := cert.Options{
		Files:      cert.Files{Certfile: t.Certfile, Keyfile: t.Keyfile, CACertfile: t.Cacertfile},
		VerifyPeer: t.Verify == config.VerifyPeer, RequirePeer: t.FailIfNoPeerCert,
		Depth: t.Depth, PartialChain: anchors(t.PartialChain), ExtKeyUsage: t.ExtKeyUsage,
		Ciphers: t.Ciphers, Curves: t.Curves, ALPN: t.ALPN,
		Tickets: t.SessionTickets == config.TicketsStateless,
	}
	for _, v := range t.Versions {
		o.Versions = append(o.Versions, string(v))
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(t.Bundles)) {
		b := t.Bundles[name]
		password, err := b.Password.Read()
		o.SNI = append(o.SNI, cert.SNI{Name: b.SNI, Certfile: b.Certfile, Keyfile: b.Keyfile, Password: password})
		errs = append(errs, err)
	}
	var err error
	switch file := acmeFile(cfg, t); {
	case file != "":
		o.Certfile, o.Keyfile, o.Await = file, file, true
	case t.Certfile == "":
		o.Files, err = DevelopmentFiles(cfg.DataDir)
		if t.Cacertfile != "" {
			o.CACertfile = t.Cacertfile
		}
	default:
		o.Password, err = t.Password.Read()
	}
	return o, errors.Join(append(errs, err)...)
}

// anchors is how many certificates at the end of cacertfile partial_chain
// makes anchors (TLS-18).
func anchors(p config.PartialChain) int {
	switch p {
	case config.PartialChainTrue, config.PartialChainLast:
		return 1
	case config.PartialChainTwo:
		return 2
	}
	return 0
}

// DevelopmentFiles returns the material of the development CA in the data
// directory, which is made when it is not there yet.
func DevelopmentFiles(dataDir string) (cert.Files, error) {
	paths, err := cert.Development(filepath.Join(dataDir, "dev"))
	if err != nil {
		return cert.Files{}, err
	}
	return cert.Files{Certfile: paths.Cert, Keyfile: paths.Key, CACertfile: paths.CA}, nil
}

// brokerOptions spells the limits of the configuration as the broker does.
func brokerOptions(cfg *config.Config, loops int, gate func() *auth.Gate, log *slog.Logger) broker.Options {
	m := cfg.MQTT
	return broker.Options{
		Gate: gate, Shards: loops, Log: log,
		MaxPacketSize:       uint32(m.MaxPacketSize),
		MaxInflight:         uint16(m.MaxInflight),
		MaxQueued:           m.MaxQueuedMessages,
		MaxSubscriptions:    m.MaxSubscriptions,
		MaxTopicLevels:      m.MaxTopicLevels,
		TopicAliasMaximum:   uint16(m.MaxTopicAlias),
		MaxKeepAlive:        uint16(seconds(m.MaxKeepAlive)),
		MaxSessionExpiry:    seconds(m.MaxSessionExpiry),
		OutboundHighWater:   int(m.Outbound.HighWater),
		OutboundMax:         int(m.Outbound.Max),
		RetainedMaxMessages: m.Retained.MaxMessages,
		RetainedMaxBytes:    int64(m.Retained.MaxBytes),
		DelayedMaxMessages:  m.Delayed.MaxMessages,
		DelayedMaxBytes:     int64(m.Delayed.MaxBytes),
		NoDelayed:           !m.Delayed.Enable,
	}
}

// seconds rounds up, and saturates at what MQTT calls "never".
func seconds(d time.Duration) uint32 {
	if d >= time.Duration(1<<32-1)*time.Second {
		return 1<<32 - 1
	}
	return uint32((d + time.Second - 1) / time.Second)
}
