package engine

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wicketmq/wicket/engine/alarm"
	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/config"
)

// CheckClient applies the rules that a configuration gives a TLS listener to
// the client certificate in a PEM file, as of now, and returns every step. The
// listener is named with or without its kind: tls:default or default. Like a
// handshake it may ask the network about revocation, until ctx ends. An error
// is about the listener: there is none of this name, or its own files are not in
// order.
func CheckClient(ctx context.Context, cfg *config.Config, listener, file string) ([]cert.Step, error) {
	l, ok := cfg.Listeners.TLS[tlsName(listener)]
	if !ok {
		return nil, &NoListenerError{listener, slices.Sorted(maps.Keys(cfg.Listeners.TLS))}
	}
	silent := slog.New(slog.DiscardHandler)
	revoked := newRevocation(cfg.CRLCache, silent, alarm.New(silent, time.Now), func() {})
	defer revoked.close()
	options, err := bundles{revocation: revoked.checker}.options(cfg, l.TLS)
	if err != nil {
		return nil, err
	}
	return cert.Check(ctx, options, file, time.Now())
}

// NoListenerError says that a configuration has no TLS listener of a name.
type NoListenerError struct {
	Name  string
	Known []string
}

func (e *NoListenerError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("there is no TLS listener %q: the configuration has none at all", e.Name)
	}
	return fmt.Sprintf("there is no TLS listener %q; the names are %s", e.Name, strings.Join(e.Known, ", "))
}
