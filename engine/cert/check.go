package cert

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// Verdict is what a rule says of a certificate.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "ok"
	Failed  Verdict = "failed"
	Skipped Verdict = "skipped" // the listener does not ask, or a rule before has failed
)

// Step is one rule of a listener, applied to a client's certificate.
type Step struct {
	Name    string // certificate, time, path, depth, usage, revocation, names
	Verdict Verdict
	Reason  Reason // of the refusal, when the verdict is Failed
	Text    string // a sentence
}

// Check applies the rules of a listener to the client certificate in a PEM
// file, with the intermediates that follow it there, as a handshake at a time
// would, and returns every step. It may ask the network about revocation. An
// error is about the listener's own files and options.
func Check(ctx context.Context, o Options, file string, at time.Time) ([]Step, error) {
	l, err := load(o)
	if err != nil {
		return nil, err
	}
	if l.trust == nil {
		return []Step{{Name: "certificate", Verdict: Skipped, Text: "the listener has verify: verify_none, so that it asks for none and every client gets as far as MQTT"}}, nil
	}
	c := &checking{l: l, file: file, at: at}
	for _, rule := range []struct {
		name  string
		check func(context.Context) (string, error)
	}{
		{"certificate", c.parse}, {"time", c.time}, {"path", c.paths}, {"depth", c.depth},
		{"usage", c.usage}, {"revocation", c.revocation}, {"names", c.names},
	} {
		c.step(ctx, rule.name, rule.check)
	}
	return c.steps, nil
}

// Refused returns the step that refuses, or nil for a certificate that is
// admitted.
func Refused(steps []Step) *Step {
	for i := range steps {
		if steps[i].Verdict == Failed {
			return &steps[i]
		}
	}
	return nil
}

// checking is a certificate on its way through the rules.
type checking struct {
	l     *loaded
	file  string
	at    time.Time
	steps []Step

	presented []*x509.Certificate
	chains    [][]*x509.Certificate // that end in an anchor
	path      []*x509.Certificate
}

// step runs one rule, unless one before it has failed. A rule without anything
// to say was not asked for.
func (c *checking) step(ctx context.Context, name string, check func(context.Context) (string, error)) {
	if Refused(c.steps) != nil {
		c.steps = append(c.steps, Step{Name: name, Verdict: Skipped, Text: "the handshake ends before it"})
		return
	}
	text, err := check(ctx)
	switch why, skipped := strings.CutPrefix(text, notAsked); {
	case err != nil:
		text = strings.TrimPrefix(err.Error(), "tls: ")
		c.steps = append(c.steps, Step{name, Failed, Classify(err), text})
	case skipped:
		c.steps = append(c.steps, Step{Name: name, Verdict: Skipped, Text: why})
	default:
		c.steps = append(c.steps, Step{Name: name, Verdict: OK, Text: text})
	}
}

// notAsked begins the text of a rule that the listener does not have.
const notAsked = "\x00"

// largestRSA is the longest RSA key in bits that crypto/tls verifies with.
const largestRSA = 8192

func (c *checking) parse(context.Context) (string, error) {
	certs, err := Certificates(c.file)
	if err != nil {
		return "", &HandshakeError{Reason: ReasonBadCert, Err: err}
	}
	for _, x := range certs {
		if k, ok := x.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() > largestRSA {
			return "", refuse(ReasonBadCert, x, "the RSA key of %s is longer than %d bits", named(x), largestRSA)
		}
	}
	leaf := certs[0]
	if leaf.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm || leaf.PublicKeyAlgorithm == x509.DSA {
		return "", refuse(ReasonBadCert, leaf, "TLS has no use for its key; make an ECDSA P-256, Ed25519 or RSA key")
	}
	c.presented = certs
	text := fmt.Sprintf("%s, serial %s, X.509 v%d", named(leaf), Serial(leaf), leaf.Version)
	if n := len(certs) - 1; n > 0 {
		text += fmt.Sprintf("; behind it in the file: %s", chainText(certs[1:], ", "))
	}
	return text, nil
}

func (c *checking) time(context.Context) (string, error) {
	for i, x := range c.presented {
		if c.at.Before(x.NotBefore) || c.at.After(x.NotAfter) {
			err := refuse(ReasonExpired, x, "%s is valid from %s to %s", named(x), x.NotBefore.UTC().Format(time.RFC3339), x.NotAfter.UTC().Format(time.RFC3339))
			if i == 0 {
				return "", err
			}
			return "that of the client is valid; " + err.Error() + ", so that no path leads over it", nil
		}
	}
	return "valid until " + c.presented[0].NotAfter.UTC().Format(time.RFC3339), nil
}

func (c *checking) paths(context.Context) (string, error) {
	t := c.l.trust
	all, err := t.verify(c.presented, c.at, x509.ExtKeyUsageAny)
	if err != nil {
		if Classify(err) == ReasonUnknownCA {
			top := c.presented[len(c.presented)-1]
			if selfIssued(top) && !selfSigned(top) {
				return "", refuse(ReasonUnknownCA, top, "issuer equals subject (%s) although another key has signed it, so that no path can be found; give the authority a name of its own: %w", named(top), err)
			}
			return "", refuse(ReasonUnknownCA, top, "no path leads to an anchor of cacertfile (%s); %s was issued by %s: %w",
				strings.Join(t.anchorNames(), "; "), named(top), nonEmpty(Subject(top.RawIssuer)), err)
		}
		return "", err
	}
	c.chains = all
	return chainText(all[0], " < "), nil
}

func (c *checking) depth(context.Context) (string, error) {
	t := c.l.trust
	var err error
	if c.path, err = t.first(c.chains, c.at); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d intermediate authorities in the path, depth allows %d", intermediates(c.path), t.depth), nil
}

// usage is what crypto/tls asks of extended key usages, then what the option
// does.
func (c *checking) usage(context.Context) (string, error) {
	t := c.l.trust
	chains, err := t.verify(c.presented, c.at, x509.ExtKeyUsageClientAuth)
	if err != nil {
		return "", refuse(Classify(err), c.presented[0], "its extended key usages, or those of an authority above it, do not include clientAuth: %w", err)
	}
	if c.path, err = t.first(chains, c.at); err != nil {
		return "", err
	}
	leaf := c.presented[0]
	if err := t.checkUsage(leaf); err != nil {
		return "", err
	}
	switch {
	case len(t.usages) > 0:
		return "it has all that verify_peer_ext_key_usage asks for", nil
	case len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) == 0:
		return "it has no extended key usages, which is accepted", nil
	}
	return "its extended key usages include clientAuth", nil
}

func (c *checking) revocation(ctx context.Context) (string, error) {
	if c.l.revocation == nil {
		return notAsked + "the listener has neither enable_crl_check nor enable_ocsp_check", nil
	}
	if err := c.l.ask(ctx, c.path); err != nil {
		return "", err
	}
	return "not revoked, as far as the listener asks", nil
}

func (c *checking) names(context.Context) (string, error) {
	return "no control characters in them", checkNames(c.presented[0])
}

func chainText(chain []*x509.Certificate, separator string) string {
	names := make([]string, len(chain))
	for i, x := range chain {
		names[i] = named(x)
	}
	return strings.Join(names, separator)
}
