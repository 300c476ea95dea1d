package acme

import (
	"crypto/tls"
	"strings"
	"sync"
)

// Challenges holds the certificates of the challenges that are under way, by
// server name. The zero value is ready; it is safe for any goroutine.
type Challenges struct{ byName sync.Map }

// For returns the certificate that answers the challenge for a server name, or
// nil when there is none under way.
func (c *Challenges) For(serverName string) *tls.Certificate {
	found, _ := c.byName.Load(strings.ToLower(serverName))
	certificate, _ := found.(*tls.Certificate)
	return certificate
}

// put begins a challenge; what it returns ends it.
func (c *Challenges) put(name string, certificate *tls.Certificate) (end func()) {
	name = strings.ToLower(name)
	c.byName.Store(name, certificate)
	return func() { c.byName.CompareAndDelete(name, certificate) }
}
