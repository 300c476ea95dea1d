package upstream

import (
	"bytes"
	"crypto/x509"
	"slices"
)

// Replaces reports whether a change, once applied, makes of the upstream of that
// name another server, so that what is known from it does not count any more. What
// the server is shown may change without that, as certificates and tokens do that
// are renewed, and so may bounds. An upstream that is new replaces none.
func (c *Change) Replaces(name string) bool {
	u, next := c.set.Lookup(name), c.fresh[name]
	if u == nil || next == nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return who(&u.s.Options) != who(&next.Options) ||
		!slices.EqualFunc(u.s.TLS.Roots, next.TLS.Roots, func(x, y *x509.Certificate) bool { return bytes.Equal(x.Raw, y.Raw) })
}

// identity is what says which server an upstream is, but for its authorities.
type identity struct {
	url, name      string
	verify, noName bool
}

func who(o *Options) identity {
	return identity{o.URL, o.TLS.ServerName, o.TLS.Verify, o.TLS.NoName}
}
