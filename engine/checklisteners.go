package engine

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/wicketmq/wicket/engine/alarm"
	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/config"
)

// CheckListeners reads what the TLS listeners that a broker would open name, as it
// does before anything listens: certificates, keys, authorities, revocation lists
// (CERT-09). Those for which skip is true are left out; the names are like
// "tls.default". Nobody is asked anything, and nothing stays on disk: where a start
// would make the development authority, one is made for the occasion.
func CheckListeners(cfg *config.Config, skip func(section, name string) bool) []Loaded {
	silent := slog.New(slog.DiscardHandler)
	revoked := newRevocation(cfg.CRLCache, silent, alarm.New(silent, time.Now), func() {})
	defer revoked.close()
	b := bundles{revocation: revoked.checker}
	var out []Loaded
	for _, name := range sortedKeys(cfg.Listeners.TLS) {
		one := Loaded{Section: "listeners", Name: config.JoinKey("tls", name)}
		if !cfg.Listeners.TLS[name].Enable || skip(one.Section, one.Name) {
			continue
		}
		bundle, err := b.try(cfg, cfg.Listeners.TLS[name].TLS)
		if err == nil {
			one.Warnings = bundle.Warnings()
			_, err = revoked.staples(cfg, map[string]*cert.Bundle{"tls:" + name: bundle})
		}
		one.Err = err
		out = append(out, one)
	}
	return out
}

// try loads a listener's files as serverConfig does.
func (b bundles) try(cfg *config.Config, t config.TLS) (*cert.Bundle, error) {
	if t.Certfile == "" && acmeFile(cfg, t) == "" && untouched(filepath.Join(cfg.DataDir, "dev")) {
		dir, err := os.MkdirTemp("", "wicket-check-")
		if err != nil {
			return nil, fmt.Errorf("cannot try the development certificates: %w", err)
		}
		defer os.RemoveAll(dir) // it was for trying
		elsewhere := *cfg
		elsewhere.DataDir, cfg = dir, &elsewhere
	}
	_, bundle, err := b.load(cfg, t)
	if err == nil && acmeFile(cfg, t) != "" {
		if _, err = acmeAuthority(cfg.ACME); err != nil {
			err = fmt.Errorf("acme: %w", err)
		}
	}
	return bundle, err
}

// untouched reports whether a directory is not there or empty.
func untouched(dir string) bool {
	entries, err := os.ReadDir(dir)
	return os.IsNotExist(err) || err == nil && len(entries) == 0
}
