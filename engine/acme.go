package engine

import (
	"crypto/x509"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/wicketmq/wicket/engine/acme"
	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/config"
)

// issuance is what obtains the certificates of listeners with acme_domains
// (CERT-14). Start, Reload and Stop call it.
type issuance struct {
	challenges acme.Challenges
	manager    *acme.Manager   // nil while no listener wants a certificate
	ended      <-chan struct{} // closed when the manager, or the last one that there was, has ended; may be nil
}

// acmeDir is where the files of the ACME authority lie.
func acmeDir(cfg *config.Config) string {
	return acme.Dir(filepath.Join(cfg.DataDir, "acme"), cfg.ACME.Directory)
}

// acmeFile is the file of a listener's certificate, or empty when it is not
// obtained.
func acmeFile(cfg *config.Config, t config.TLS) string {
	if len(t.ACMEDomains) == 0 {
		return ""
	}
	return acme.File(acmeDir(cfg), t.ACMEDomains[0])
}

// acmeNames are the names of the certificates that the open listeners want, each
// list once.
func (b bundles) acmeNames(cfg *config.Config) [][]string {
	lists := make(map[string][]string) // by file
	for name := range b.open {
		t := cfg.Listeners.TLS[tlsName(name)].TLS
		if file := acmeFile(cfg, t); file != "" {
			lists[file] = t.ACMEDomains
		}
	}
	var out [][]string
	for _, file := range slices.Sorted(maps.Keys(lists)) {
		out = append(out, lists[file])
	}
	return out
}

// prepareIssuance reads what acme names and returns what makes certificates be
// obtained so, in place of how they were; what failed before is tried again.
// Nobody is asked before that, and nothing waits for an answer.
func (e *Engine) prepareIssuance(cfg *config.Config) (apply func(), err error) {
	var next *acme.Manager
	if names := e.bundles.acmeNames(cfg); len(names) > 0 {
		authority, err := acmeAuthority(cfg.ACME)
		if err != nil {
			return nil, err
		}
		next, err = acme.New(acme.Options{
			Authority: authority, Dir: acmeDir(cfg), Certificates: names, RenewBefore: cfg.ACME.RenewBefore,
			Challenges: &e.issuance.challenges, Renewed: e.renewed, Log: e.log, Alarms: e.alarms, Now: time.Now,
		})
		if err != nil {
			return nil, err
		}
	}
	return func() {
		i := &e.issuance
		if i.manager != nil {
			i.manager.Stop()
		}
		if i.manager = next; next == nil {
			e.alarms.Keep(acme.AlarmName, nil)
			return
		}
		next.Start(i.ended)
		i.ended = next.Done()
	}, nil
}

// acmeAuthority spells the section acme as package acme does.
func acmeAuthority(a config.ACME) (acme.Authority, error) {
	out := acme.Authority{Directory: a.Directory, Email: a.Email, Profile: a.Profile, Key: acme.KeyType(a.KeyType)}
	if a.Cacertfile != "" {
		roots, err := cert.Authorities(a.Cacertfile)
		if err != nil {
			return out, err
		}
		out.Roots = x509.NewCertPool()
		for _, root := range roots {
			out.Roots.AddCert(root)
		}
	}
	if a.EAB.KID != "" {
		key, err := a.EAB.Key()
		if err != nil {
			return out, err
		}
		out.External = &acme.External{KID: a.EAB.KID, Key: key}
	}
	return out, nil
}

// renewed puts a certificate that was obtained into use on its listeners. Files
// of other listeners, in whatever state, have no part in that.
func (e *Engine) renewed(file string) error {
	e.change.Lock()
	defer e.change.Unlock()
	var errs []error
	for _, name := range sortedKeys(e.bundles.open) {
		if acmeFile(e.cfg, e.cfg.Listeners.TLS[tlsName(name)].TLS) == file {
			errs = append(errs, e.bundles.open[name].Renew())
		}
	}
	for _, s := range e.revoked.staplers {
		s.Sync()
	}
	e.publish()
	return errors.Join(errs...)
}

// close waits until nobody obtains certificates any more. e.change is not
// held, since the last certificate may be about to be put into use.
func (i *issuance) close() {
	if i.manager != nil {
		i.manager.Stop()
	}
	if i.ended != nil {
		<-i.ended
	}
}

// lastDay is the time before its end in which a certificate that is obtained is
// one that expires like any other.
const lastDay = 24 * time.Hour

// obtained reports whether a listener's certificate is obtained. Any goroutine
// calls it.
func (e *Engine) obtained(listener string) bool {
	return len(e.seen.Load().cfg.Listeners.TLS[tlsName(listener)].TLS.ACMEDomains) > 0
}
