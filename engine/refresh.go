package engine

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/wicketmq/wicket/engine/alarm"
	"github.com/wicketmq/wicket/engine/cert"
)

var errStopping = errors.New("the broker is stopping")

// RefreshCertificates reads the certificate files of all listeners now, for
// clients that connect from then on (CERT-05). When one of them is not in
// order nothing changes. It may be called from any goroutine.
func (e *Engine) RefreshCertificates(context.Context) error {
	e.change.Lock()
	defer e.change.Unlock()
	if e.life.Err() != nil {
		return errStopping
	}
	swap, err := e.bundles.prepare(e.cfg)
	e.revoked.settle(err == nil)
	if err != nil {
		return err
	}
	e.use(swap)
	for _, s := range e.revoked.staplers {
		s.Sync()
	}
	e.publish()
	e.log.Info("certificates refreshed")
	return nil
}

// use puts certificates into use that were prepared.
func (e *Engine) use(swap func()) {
	swap()
	for _, name := range sortedKeys(e.bundles.open) {
		e.warn(name)
	}
	e.rejudge()
}

// RefreshCRLs fetches all revocation lists and reads those of files again. The
// error tells which could not be had. It may be called from any goroutine.
func (e *Engine) RefreshCRLs(ctx context.Context) error { return e.revoked.lists.Refresh(ctx) }

// ClearCRLs forgets the revocation lists that were fetched, and the answers of
// OCSP responders about clients. It may be called from any goroutine.
func (e *Engine) ClearCRLs(context.Context) error {
	e.revoked.lists.Clear()
	e.revoked.asker.Clear()
	return nil
}

// RefreshStaples asks all OCSP responders about the listeners' own
// certificates again. It does not wait for their answers. It may be called
// from any goroutine.
func (e *Engine) RefreshStaples(context.Context) error {
	e.change.Lock()
	defer e.change.Unlock()
	for _, s := range e.revoked.staplers {
		s.Refresh()
	}
	return nil
}

// checkExpiry keeps the alarms about certificates that expire (CERT-10): each
// server name of a listener is an object of its own.
func (e *Engine) checkExpiry() {
	var served []alarm.Certificate
	for _, name := range sortedKeys(e.bundles.open) {
		for _, leaf := range e.bundles.open[name].Leaves() {
			object := name
			if leaf.Name != "" {
				object += " " + leaf.Name
			}
			for _, c := range leaf.Chain {
				if leaf.Name == "" && e.obtained(name) && time.Until(c.NotAfter) > lastDay {
					continue // it is renewed by then, or package acme raises an alarm
				}
				served = append(served, alarm.Certificate{Object: object, Subject: cmp.Or(cert.Subject(c.RawSubject), strings.Join(c.DNSNames, " ")), File: leaf.Certfile, NotAfter: c.NotAfter})
			}
		}
	}
	e.alarms.Expiry(served)
}
