package auth

import (
	"encoding/asn1"
	"fmt"
	"maps"
	"strings"
)

// names are what the deciders before an Allow have said of a client. The zero
// value says nothing.
type names struct {
	username   string
	clientID   string
	attributes map[string]string
}

// name takes over what a Next says of the client (spec MAP-09). The request is
// copied before it changes: the broker reads the one it has given meanwhile,
// and attributes that a decider has seen stay as they are. named says that the
// client has another name now.
func (a *admission) name(v *Verdict) (named bool, err error) {
	if v.Username == "" && v.ClientID == "" && len(v.Attributes) == 0 {
		return false, nil
	}
	if err := v.checkNames(); err != nil {
		return false, err
	}
	n := &a.named
	n.username, n.clientID = or(v.Username, n.username), or(v.ClientID, n.clientID)
	if n.attributes = merge(n.attributes, v.Attributes); len(n.attributes) > maxAttributes {
		return false, fmt.Errorf("%d attributes with those of the deciders before: at most %d", len(n.attributes), maxAttributes)
	}
	r := *a.req
	r.ClientID = or(n.clientID, r.ClientID)
	if n.username != "" {
		r.Username, r.HasUsername = n.username, true
	}
	r.Attributes = n.attributes
	a.req = &r
	return v.Username != "" || v.ClientID != "", nil
}

// complete adds to an Allow what it leaves open: names that it does not replace
// and attributes that it does not set.
func (n *names) complete(v *Verdict) {
	v.Username, v.ClientID = or(v.Username, n.username), or(v.ClientID, n.clientID)
	v.Attributes = merge(n.attributes, v.Attributes)
}

// merge returns both maps as one in which over wins. It changes neither.
func merge(base, over map[string]string) map[string]string {
	switch {
	case len(base) == 0:
		return over
	case len(over) == 0:
		return base
	}
	m := maps.Clone(base)
	maps.Copy(m, over)
	return m
}

// Handshake is what the handshake of the client itself established. It is nil
// when the client came in the clear, and when its TLS ended at a proxy: the
// handshake of such a connection is the proxy's, and so is a certificate in it.
func (r *Request) Handshake() *TLS {
	if r.Proxy != nil && r.Proxy.TLSVersion != "" {
		return nil
	}
	return r.TLS
}

// certified says whether the client proved to hold a trusted certificate, to
// the broker or to a trusted proxy.
func (r *Request) certified() bool {
	return r.Handshake().verified() || r.Proxy != nil && r.Proxy.CommonName != ""
}

// CommonName returns the common names of the client's certificate in their
// order, joined by commas (spec MAP-04), or what a trusted proxy has told of it
// (MAP-07). It is empty unless the certificate is verified.
func (r *Request) CommonName() string {
	if t := r.Handshake(); t.verified() {
		return t.commonName()
	}
	if r.Proxy != nil {
		return r.Proxy.CommonName
	}
	return ""
}

// verified says whether the client proved to hold a trusted certificate.
func (t *TLS) verified() bool { return t != nil && t.Verified && len(t.Chain) > 0 }

func (t *TLS) commonName() string {
	var names []string
	for _, n := range t.Chain[0].Subject.Names {
		if text, ok := n.Value.(string); ok && n.Type.Equal(oidCommonName) {
			names = append(names, text)
		}
	}
	return strings.Join(names, ",")
}

var oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}
