package acme

import (
	"crypto/x509"
	"errors"
	"time"

	"golang.org/x/crypto/acme"

	"github.com/wicketmq/wicket/engine/alarm"
)

const (
	firstRetry = time.Minute
	lastRetry  = 6 * time.Hour
)

// renewal is when to renew a certificate: before, or a third of its life when
// that is 0, ahead of its end, but not in the first half of its life. Up to a
// tenth of that time earlier, by spread in [0, 1), so that a fleet of brokers does not come at once.
func renewal(leaf *x509.Certificate, before time.Duration, spread float64) time.Time {
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	if before <= 0 {
		before = life / 3
	}
	before = min(before, life/2)
	return leaf.NotAfter.Add(-before - time.Duration(spread*float64(before)/10))
}

// retry is the time until the next try after so many failures in a row, 1, 4,
// 16 minutes and so on: authorities count failures, Let's Encrypt allows five for a name
// in an hour. What the authority itself says comes first.
func retry(failures int, err error, spread float64) time.Duration {
	d := firstRetry
	for range failures - 1 {
		if d *= 4; d >= lastRetry {
			d = lastRetry
			break
		}
	}
	d += time.Duration(spread * float64(d) / 4)
	if e, ok := errors.AsType[*acme.Error](err); ok {
		asked, _ := acme.RateLimit(e)
		d = max(d, asked)
	}
	return d
}

const day = 24 * time.Hour

// urgency is the level of the alarm about a certificate that cannot be
// renewed, and whether there is one: while a week is left, the log is enough.
func urgency(leaf *x509.Certificate, now time.Time) (alarm.Level, bool) {
	switch {
	case leaf == nil || leaf.NotAfter.Sub(now) <= day:
		return alarm.Critical, true
	case leaf.NotAfter.Sub(now) <= 7*day:
		return alarm.Warning, true
	}
	return "", false
}
