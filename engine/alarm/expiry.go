package alarm

import (
	"context"
	"fmt"
	"time"
)

// CertificateExpiry is the name of the alarms of [Registry.Expiry].
const CertificateExpiry = "certificate_expiry"

// Certificate is one that is served, or that a served chain leads over.
type Certificate struct {
	Object   string // whose it is: "tls:default", "tls:default/tenant"
	Subject  string
	File     string
	NotAfter time.Time
}

const day = 24 * time.Hour

// urgency is the level of an expiry that is so far away, and whether it
// matters at all: 30, 7 and 1 days before.
func urgency(left time.Duration) (Level, bool) {
	switch {
	case left <= day:
		return Critical, true
	case left <= 7*day:
		return Warning, true
	case left <= 30*day:
		return Notice, true
	}
	return "", false
}

// Expiry raises and clears the alarms about certificates that expire. It is
// given everything that is served; of several certificates of one object the
// first to expire counts.
func (r *Registry) Expiry(served []Certificate) {
	first := map[string]Certificate{}
	for _, c := range served {
		if f, known := first[c.Object]; !known || c.NotAfter.Before(f.NotAfter) {
			first[c.Object] = c
		}
	}
	now := r.now()
	var expiring []string
	for object, c := range first {
		left := c.NotAfter.Sub(now)
		level, matters := urgency(left)
		if !matters {
			continue
		}
		expiring = append(expiring, object)
		r.Raise(CertificateExpiry, object, level, c.sentence(left))
	}
	r.Keep(CertificateExpiry, expiring)
}

func (c *Certificate) sentence(left time.Duration) string {
	at := c.NotAfter.UTC().Format(time.RFC3339)
	if left <= 0 {
		return fmt.Sprintf("the certificate of %s in %s has expired at %s: clients that check it stay away; replace the file", c.Subject, c.File, at)
	}
	return fmt.Sprintf("the certificate of %s in %s expires at %s; replace the file before", c.Subject, c.File, at)
}

// Watch calls check at once, every hour, and whenever something comes from
// again (a reload), until ctx ends.
func Watch(ctx context.Context, again <-chan struct{}, check func()) {
	hourly := time.NewTicker(time.Hour)
	defer hourly.Stop()
	for {
		check()
		select {
		case <-ctx.Done():
			return
		case <-again:
		case <-hourly.C:
		}
	}
}
