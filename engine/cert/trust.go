package cert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"
)

// trust says which paths a client's certificate may take.
//
// crypto/tls takes every member of its pool for an anchor, and its pool holds
// the intermediates of cacertfile too, so that a client may leave them out and
// a refusal has its exact alert. Where a path really ends, and what crypto/tls
// does not look at, is decided by [trust.admit].
type trust struct {
	pool    *x509.CertPool // what crypto/tls verifies with: anchors and below
	anchors *x509.CertPool // where a path ends (TLS-18)
	below   *x509.CertPool // intermediates of the file that lead to an anchor
	ends    map[string]bool
	up      map[string][]*x509.Certificate // the path of each, itself first, to its anchor; by DER
	depth   int
	usages  []x509.OID
}

// loadTrust reads the authorities of client certificates (TLS-06). Anchors are
// the file's self-signed certificates, or with PartialChain its last ones; the
// others serve as intermediates when they lead to one.
func loadTrust(o Options, now time.Time) (*trust, []string, error) {
	path := o.CACertfile
	data, err := readFile("cacertfile", path)
	if err != nil {
		return nil, nil, err
	}
	certs, err := parseCertificates("cacertfile", path, data)
	if err != nil {
		return nil, nil, err
	}
	t := &trust{
		pool: x509.NewCertPool(), anchors: x509.NewCertPool(), below: x509.NewCertPool(),
		ends: make(map[string]bool), up: make(map[string][]*x509.Certificate), depth: o.Depth,
	}
	if t.usages, err = parseUsages(o.ExtKeyUsage); err != nil {
		return nil, nil, fmt.Errorf("verify_peer_ext_key_usage: %w", err)
	}
	others := x509.NewCertPool()
	for i, c := range certs {
		switch {
		case isAnchor(c, i, len(certs), o.PartialChain):
			t.anchors.AddCert(c)
			t.ends[string(c.Raw)] = true
		case !authority(c):
			return nil, nil, fmt.Errorf("cacertfile %q: certificate %d (%s) is not an authority; the file takes those that issue client certificates, not the clients' own", path, i+1, named(c))
		default:
			others.AddCert(c)
		}
	}
	var warnings []string
	usable := 0
	for i, c := range certs {
		anchor := t.ends[string(c.Raw)]
		up := []*x509.Certificate{c}
		if !anchor {
			up = leadsTo(c, t.anchors, others)
		}
		if up == nil {
			warnings = append(warnings, fmt.Sprintf("cacertfile %q: certificate %d (%s) is not used: %s", path, i+1, named(c), notUsed(o.PartialChain)))
			continue
		}
		if err := checkValidity("cacertfile", path, i, c, now); err != nil {
			warnings = append(warnings, err.Error())
		} else if anchor {
			usable++
		}
		t.pool.AddCert(c)
		t.up[string(c.Raw)] = up
		if !anchor {
			t.below.AddCert(c)
		}
	}
	if usable == 0 {
		return nil, nil, errors.New(nobody(path, warnings))
	}
	return t, warnings, nil
}

// isAnchor applies partial_chain to certificate i of n.
func isAnchor(c *x509.Certificate, i, n, last int) bool {
	if last > 0 {
		return i >= n-last && (authority(c) || selfSigned(c))
	}
	return selfSigned(c)
}

func notUsed(last int) string {
	if last > 0 {
		return "it leads to none of the last that partial_chain makes anchors"
	}
	return "the file holds no root above it"
}

func nobody(path string, warnings []string) string {
	s := fmt.Sprintf("cacertfile %q holds no usable authority, so that no client could be verified; add the self-signed root and, if it is not, bring it up to date", path)
	for _, w := range warnings {
		s += " (" + w + ")"
	}
	return s
}

func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }

// selfSigned reports whether a certificate's own key has signed it. A signature
// that is too weak to be checked, such as SHA-1 on an old root, counts: nobody
// relies on it.
func selfSigned(c *x509.Certificate) bool {
	if !selfIssued(c) {
		return false
	}
	err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	_, weak := errors.AsType[x509.InsecureAlgorithmError](err)
	return err == nil || weak
}

// authority reports whether a certificate may issue others; before version 3
// it could not say so.
func authority(c *x509.Certificate) bool {
	return c.IsCA || c.Version < 3
}

// leadsTo returns the path of an intermediate to an anchor, at any time:
// validity is checked where clients are verified. It is nil when there is none.
func leadsTo(c *x509.Certificate, anchors, intermediates *x509.CertPool) []*x509.Certificate {
	chains, err := c.Verify(x509.VerifyOptions{
		Roots:         anchors,
		Intermediates: intermediates,
		CurrentTime:   c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) / 2),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil
	}
	return chains[0]
}

// admit returns the path by which a certificate is accepted at a time: the
// first of the chains given that satisfies every rule, or else of those that
// the file's own intermediates make possible. presented is what the client has
// sent, leaf first; chains are what crypto/tls has made of it, in this
// handshake or in the one that is resumed.
func (t *trust) admit(chains [][]*x509.Certificate, presented []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	path, err := t.first(chains, now)
	if err != nil {
		if chains, err = t.verify(presented, now, x509.ExtKeyUsageClientAuth); err == nil {
			path, err = t.first(chains, now)
		}
	}
	if err == nil {
		err = t.checkUsage(presented[0])
	}
	if err != nil {
		return nil, err
	}
	return path, nil
}

// first returns the first chain that follows the rules, or why the last does
// not.
func (t *trust) first(chains [][]*x509.Certificate, now time.Time) (path []*x509.Certificate, err error) {
	err = errNoPath
	for _, chain := range chains {
		chain = t.extend(chain)
		if err = t.follow(chain, now); err == nil {
			return chain, nil
		}
	}
	return nil, err
}

// extend follows an intermediate of the file at the end of a chain up to its
// anchor. Every signature on the way has been verified, those above it when the
// file was loaded; so no more than path lengths remain to be looked at, unless
// an authority above limits names or usages: then the chain stays as it is,
// which is short of an anchor, and has to be verified as a whole.
func (t *trust) extend(chain []*x509.Certificate) []*x509.Certificate {
	end := chain[len(chain)-1]
	up := t.up[string(end.Raw)]
	if len(up) < 2 || len(chain) < 2 || !end.BasicConstraintsValid || !end.IsCA {
		return chain
	}
	for i, c := range up[1:] {
		below := len(chain) - 1 + i // intermediates, as RFC 5280 section 4.2.1.9 counts them
		if limited(c) || c.BasicConstraintsValid && c.MaxPathLen >= 0 && below > c.MaxPathLen {
			return chain
		}
	}
	return slices.Concat(chain, up[1:])
}

// limited reports whether an authority limits the names or the usages of those
// below it (RFC 5280 sections 4.2.1.10 and 4.2.1.12).
func limited(c *x509.Certificate) bool {
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0 ||
		slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidNameConstraints) })
}

var oidNameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}

var errNoPath = errors.New("tls: there is no verified path")

// follow applies the rules to a chain whose signatures have been verified.
func (t *trust) follow(chain []*x509.Certificate, now time.Time) error {
	leaf := chain[0]
	if !t.ends[string(chain[len(chain)-1].Raw)] {
		return refuse(ReasonUnknownCA, leaf, "tls: the path of the client's certificate ends in %s, which is no anchor", named(chain[len(chain)-1]))
	}
	for _, c := range chain {
		if now.Before(c.NotBefore) || now.After(c.NotAfter) {
			return refuse(ReasonExpired, leaf, "tls: %s in the path of the client's certificate is valid from %s to %s only",
				named(c), c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	if n := intermediates(chain); n > t.depth {
		return refuse(ReasonTooDeep, leaf, "tls: the path of the client's certificate has %d intermediate authorities, more than depth = %d", n, t.depth)
	}
	return nil
}

// intermediates counts the authorities between a leaf and its anchor, as depth
// does: self-issued ones are left out (RFC 5280 section 6.1.4 (l)).
func intermediates(chain []*x509.Certificate) (n int) {
	for _, c := range chain[1:max(1, len(chain)-1)] {
		if !selfIssued(c) {
			n++
		}
	}
	return n
}

// verify verifies what a client has sent with all that the file holds. A
// handshake needs it only when [trust.extend] cannot help, and after a change of
// the file.
func (t *trust) verify(presented []*x509.Certificate, now time.Time, usage x509.ExtKeyUsage) ([][]*x509.Certificate, error) {
	between := t.below
	if len(presented) > 1 {
		between = t.below.Clone()
		for _, c := range presented[1:] {
			between.AddCert(c)
		}
	}
	chains, err := presented[0].Verify(x509.VerifyOptions{
		Roots: t.anchors, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage},
	})
	if err != nil {
		return nil, &tls.CertificateVerificationError{UnverifiedCertificates: presented, Err: err}
	}
	return chains, nil
}

// complete returns the path of a client that has been let in, without verifying
// anything again: an intermediate of the file at its end is followed up to its
// anchor. Certificates of the file are the file's own objects, so that what is
// kept of a resumed session is one leaf, not a copy of its authorities.
func (t *trust) complete(chains [][]*x509.Certificate, now time.Time) []*x509.Certificate {
	path, err := t.first(chains, now)
	if err != nil {
		if len(chains) == 0 {
			return nil
		}
		path = chains[0]
	}
	out := slices.Clone(path)
	for i, c := range out {
		if up := t.up[string(c.Raw)]; up != nil {
			return append(out[:i], up...)
		}
	}
	return out
}

// mostNamed is how many anchors a sentence names.
const mostNamed = 5

func (t *trust) anchorNames() []string {
	var names []string
	for raw := range t.ends {
		if up := t.up[raw]; up != nil {
			names = append(names, named(up[0]))
		}
	}
	slices.Sort(names)
	if n := len(names); n > mostNamed {
		names = append(names[:mostNamed], fmt.Sprintf("and %d more", n-mostNamed))
	}
	return names
}
