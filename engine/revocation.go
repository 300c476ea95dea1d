package engine

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/wicketmq/wicket/engine/alarm"
	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/crl"
	"github.com/wicketmq/wicket/engine/fetch"
	"github.com/wicketmq/wicket/engine/ocsp"
)

// revocation is what the listeners share to learn whether certificates are
// revoked: those of clients, and their own. Start, Reload and Stop call it.
type revocation struct {
	log      *slog.Logger
	alarms   *alarm.Registry
	lists    *crl.Cache
	asker    *ocsp.Client
	staplers map[string]*ocsp.Stapler // by listener

	// The checkers of the configuration in use, and of one that is prepared.
	inUse, fresh []checker

	admittedBefore uint64 // by the checkers that were in use before

	unwell map[string]map[string]crl.State // lists with an alarm, by source and ID; belongs to listChanged
}

// checker is what is left to do with one that judges a listener's clients.
type checker struct {
	failOpen func() uint64 // clients admitted although nothing could be learned
	close    func()
}

// AlarmCRL is the name of alarms about revocation lists; their objects are the
// lists' sources.
const AlarmCRL = "crl"

// maxAnswer is the most bytes of an OCSP response: one with a delegated
// responder's certificate chain is a few kilobytes.
const maxAnswer = 64 << 10

// newRevocation asks nobody yet. changed is called when a list revokes more
// than it did.
func newRevocation(c config.CRLCache, log *slog.Logger, alarms *alarm.Registry, changed func()) *revocation {
	r := &revocation{log: log, alarms: alarms, staplers: make(map[string]*ocsp.Stapler), unwell: make(map[string]map[string]crl.State)}
	r.lists = crl.NewCache(crl.Options{
		Capacity: c.Capacity, RefreshInterval: c.RefreshInterval, HTTPTimeout: c.HTTPTimeout,
		MaxSize: int64(c.MaxSize), AllowedHosts: c.AllowedHosts,
		OnChange: changed, OnState: r.listChanged,
	})
	asked := fetch.New(fetch.Options{Timeout: c.HTTPTimeout, MaxBody: maxAnswer, AllowedHosts: c.AllowedHosts})
	r.asker = ocsp.NewClient(ocsp.ClientOptions{Fetch: asked, Timeout: c.HTTPTimeout, Refresh: c.RefreshInterval})
	return r
}

// listChanged keeps the alarms about revocation lists (U-37). A source may have
// several lists: its alarm is about the one that is worst, and ends when all are
// well. It is called for one list at a time.
func (r *revocation) listChanged(s crl.State) {
	ill := r.unwell[s.Source]
	switch s.Health {
	case crl.Missing, crl.Stale, crl.Expiring, crl.Unreachable:
		if ill == nil {
			ill = make(map[string]crl.State)
			r.unwell[s.Source] = ill
		}
		ill[s.ID] = s
	case crl.Current, crl.Gone:
		delete(ill, s.ID)
		r.log.Info(s.String())
	}
	if len(ill) == 0 {
		delete(r.unwell, s.Source)
		r.alarms.Clear(AlarmCRL, s.Source)
		return
	}
	worst := slices.MinFunc(slices.Collect(maps.Values(ill)), func(a, b crl.State) int {
		return cmp.Or(cmp.Compare(illness(a), illness(b)), cmp.Compare(a.ID, b.ID))
	})
	level := alarm.Warning
	if illness(worst) == 0 {
		level = alarm.Critical
	}
	r.alarms.Raise(AlarmCRL, worst.Source, level, worst.String())
}

// illness orders the healths that have an alarm, from the worst.
func illness(s crl.State) int {
	if s.Health == crl.Missing || s.Health == crl.Stale {
		return 0
	}
	return 1
}

// checker is who judges the clients of a listener with this section, or nil.
// It is in use once settle was told so.
func (r *revocation) checker(t config.TLS) (cert.Revocation, error) {
	var all cert.Revocations
	if t.CRLCheck {
		k, err := r.lists.NewChecker(crl.CheckerOptions{
			Path: t.CRLFile, CheckChain: t.CRLCheckChain,
			AllowStale: t.CRLStale == config.Allow, AllowUnavailable: t.CRLUnavailable == config.Allow,
		})
		if err != nil {
			return nil, err
		}
		r.fresh = append(r.fresh, checker{func() uint64 { return k.Stats().FailOpen }, k.Close})
		all = append(all, k)
	}
	if t.OCSPCheck {
		// A silent responder must not let in whom a stale list keeps out: where
		// there are lists, whether nothing could be learned is for them to say.
		k := r.asker.Checker(t.CRLUnavailable == config.Allow && !t.CRLCheck)
		r.fresh = append(r.fresh, checker{k.Allowed, func() {}})
		all = append(all, k)
	}
	switch len(all) {
	case 0:
		return nil, nil
	case 1:
		return all[0], nil
	}
	return all, nil
}

// settle ends the preparation of a configuration: it is in use, or it is not.
func (r *revocation) settle(applied bool) {
	gone := r.fresh
	if applied {
		gone, r.inUse = r.inUse, r.fresh
	}
	r.fresh = nil
	for _, k := range gone {
		k.close()
		r.admittedBefore += k.failOpen()
	}
}

// staples reads what the sections about stapling name, for all listeners that
// are open, and returns what makes the staplers do what they say.
func (r *revocation) staples(cfg *config.Config, open map[string]*cert.Bundle) (apply func() error, err error) {
	var errs []error
	wanted := make(map[string]ocsp.Options)
	for _, name := range slices.Sorted(maps.Keys(open)) {
		section := cfg.Listeners.TLS[tlsName(name)].TLS.OCSP
		if !section.Stapling {
			continue
		}
		authorities, err := issuers(section)
		if err == nil && section.ResponderURL != "" {
			err = ocsp.CheckURL(section.ResponderURL)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot staple OCSP answers on listener %q: %w", name, err))
		}
		wanted[name] = ocsp.Options{
			Listener: name, Target: open[name], Responder: section.ResponderURL, Issuers: authorities,
			Fetch:   fetch.New(fetch.Options{Timeout: section.HTTPTimeout, MaxBody: maxAnswer}), // ours to name: no allowed_hosts
			Refresh: section.RefreshInterval, Timeout: section.HTTPTimeout, Log: r.log, Alarms: r.alarms,
		}
	}
	return func() error { return r.staple(wanted) }, errors.Join(errs...)
}

// staple starts, changes and ends staplers.
func (r *revocation) staple(wanted map[string]ocsp.Options) error {
	for name, running := range r.staplers {
		if _, ok := wanted[name]; !ok {
			running.Close()
			delete(r.staplers, name)
		}
	}
	var errs []error
	for name, o := range wanted {
		var err error
		if running := r.staplers[name]; running != nil {
			err = running.Update(o)
		} else if running, err = ocsp.NewStapler(o); err == nil {
			r.staplers[name] = running
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// issuers reads issuer_pem; without one, the chain says who the issuer is.
func issuers(section config.OCSP) ([]*x509.Certificate, error) {
	if section.IssuerPEM == "" {
		return nil, nil
	}
	all, err := cert.Certificates(section.IssuerPEM)
	if err != nil {
		return nil, fmt.Errorf("issuer_pem: %w", err)
	}
	return all, nil
}

func (r *revocation) close() {
	for _, s := range r.staplers {
		s.Close()
	}
	r.asker.Close()
	r.settle(true)
	r.settle(true)
	r.lists.Close()
}
