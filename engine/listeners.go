package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/broker"
	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/reactor"
)

// bundles are the certificates in use, by listener.
type bundles map[string]*cert.Bundle

// prepare loads the material that a configuration names for the listeners in
// use, and returns what puts it into use. When anything is not in order
// nothing changes, and the error names all of it.
func (b bundles) prepare(cfg *config.Config) (swap func(), err error) {
	var errs []error
	var swaps []func()
	for _, name := range slices.Sorted(maps.Keys(cfg.Listeners.TLS)) {
		bundle := b["tls:"+name]
		if bundle == nil {
			continue // not open: it waits for a restart
		}
		options, err := certOptions(cfg, cfg.Listeners.TLS[name].TLS)
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

// listeners prepares every enabled listener, sorted by transport and name.
func (e *Engine) listeners(cfg *config.Config) ([]reactor.Listener, error) {
	var out []reactor.Listener
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(cfg.Listeners.TCP)) {
		if l := cfg.Listeners.TCP[name]; l.Enable {
			out = append(out, listener(cfg, "tcp:"+name, l.Listener))
		}
	}
	e.bundles = bundles{}
	for _, name := range slices.Sorted(maps.Keys(cfg.Listeners.TLS)) {
		l := cfg.Listeners.TLS[name]
		if !l.Enable {
			continue
		}
		one := listener(cfg, "tls:"+name, l.Listener)
		one.HandshakeTimeout = l.TLS.HandshakeTimeout
		var err error
		if one.TLS, err = e.serverConfig(cfg, one.Name, l.TLS); err != nil {
			errs = append(errs, fmt.Errorf("cannot start listener %q: %w", one.Name, err))
			continue
		}
		out = append(out, one)
	}
	return out, errors.Join(errs...)
}

func listener(cfg *config.Config, name string, l config.Listener) reactor.Listener {
	return reactor.Listener{
		Name: name, Addr: l.Bind.AddrPort, MaxConnections: l.MaxConnections,
		ConnectTimeout: cfg.MQTT.IdleTimeout,
	}
}

// serverConfig loads a listener's certificates.
func (e *Engine) serverConfig(cfg *config.Config, name string, t config.TLS) (*tls.Config, error) {
	options, err := certOptions(cfg, t)
	if err != nil {
		return nil, err
	}
	server, bundle, err := cert.ServerConfig(options)
	if err != nil {
		return nil, err
	}
	for _, w := range bundle.Warnings() {
		e.log.Warn(w, "listener", name)
	}
	e.bundles[name] = bundle
	return server, nil
}

// certOptions spells a listener's TLS section as package cert does. Without a
// certfile it is the development CA's material.
func certOptions(cfg *config.Config, t config.TLS) (cert.Options, error) {
	o := cert.Options{
		Files:      cert.Files{Certfile: t.Certfile, Keyfile: t.Keyfile, CACertfile: t.Cacertfile},
		VerifyPeer: t.Verify == config.VerifyPeer, RequirePeer: t.FailIfNoPeerCert,
		Tickets: t.SessionTickets == config.TicketsStateless,
	}
	for _, v := range t.Versions {
		o.Versions = append(o.Versions, string(v))
	}
	var err error
	if t.Certfile == "" {
		o.Files, err = DevelopmentFiles(cfg.DataDir)
		if t.Cacertfile != "" {
			o.CACertfile = t.Cacertfile
		}
		return o, err
	}
	o.Password, err = t.Password.Read()
	return o, err
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
	}
}

// seconds rounds up, and saturates at what MQTT calls "never".
func seconds(d time.Duration) uint32 {
	if d >= time.Duration(1<<32-1)*time.Second {
		return 1<<32 - 1
	}
	return uint32((d + time.Second - 1) / time.Second)
}
