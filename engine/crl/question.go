package crl

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
)

// question is what is asked about one certificate, and what lists have
// answered so far.
type question struct {
	cert, issuer *x509.Certificate
	id           issuerID
	points       []point
	addresses    []address
	now          time.Time

	revoked *cert.RevokedError
	good    bool
	stale   error  // a list would say good, were it not out of date
	doubts  causes // why there is no other answer
}

// maxDoubts bounds an error's length.
const maxDoubts = 4

func (q *question) decided() bool { return q.good || q.revoked != nil }

func (q *question) doubt(err error) {
	for _, had := range q.doubts {
		if had.Error() == err.Error() {
			return
		}
	}
	if len(q.doubts) < maxDoubts {
		q.doubts = append(q.doubts, err)
	}
}

// ask asks a list of the issuer. Being named by it is enough to be revoked,
// whatever the list is meant to cover, because a serial number is unique to an
// issuer. Not being named counts only if the list covers the certificate and
// is in time.
func (q *question) ask(l *list, source string, someReasons bool) {
	if reason, at, ok := l.find(q.cert.SerialNumber); ok {
		q.revoked = &cert.RevokedError{Serial: cert.Serial(q.cert), Reason: reason, At: at, Source: source}
		return
	}
	err := l.scope.covers(q.cert, q.points)
	switch {
	case err == nil && someReasons:
		err = errors.New("the certificate names it for some reasons of revocation only")
	case err == nil && l.thisUpdate.After(q.now):
		err = fmt.Errorf("its thisUpdate is %s, in the future; compare the clocks", stamp(l.thisUpdate))
	case err == nil && l.stale(q.now):
		q.stale = fmt.Errorf("revocation list %q is out of date since %s", source, stamp(l.nextUpdate))
		return
	case err == nil:
		q.good = true
		return
	}
	q.doubt(fmt.Errorf("revocation list %q cannot be used: %w", source, err))
}

// verdict sums up.
func (q *question) verdict() (verdict, error) {
	subject := cert.Subject(q.issuer.RawSubject)
	switch {
	case q.revoked != nil:
		return revoked, q.revoked
	case q.good:
		return good, nil
	case q.stale != nil:
		return onlyStale, append(causes{q.stale}, q.doubts...)
	case len(q.doubts) > 0:
		return unknown, q.doubts
	case len(q.points) > 0:
		return unknown, fmt.Errorf("none of its distribution points is an http or https URL, and no local list is issued by %q", subject)
	}
	return unknown, fmt.Errorf("the certificate names no distribution point, and no local list is issued by %q", subject)
}

// causes are several errors in one line.
type causes []error

func (c causes) Error() string {
	var b strings.Builder
	for i, err := range c {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(err.Error())
	}
	return b.String()
}

func (c causes) Unwrap() []error { return c }
