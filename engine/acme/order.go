package acme

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/acme"
)

// KeyType is the kind of a certificate's key.
type KeyType string

// The kinds of keys. Some old devices know RSA only.
const (
	P256    KeyType = "p256"
	P384    KeyType = "p384"
	RSA2048 KeyType = "rsa2048"
)

// External is an account at the authority outside ACME, which some authorities
// want the ACME account bound to (RFC 8555 section 7.3.4).
type External struct {
	KID string
	Key []byte // of the MAC
}

// Authority is who issues, and on what terms.
type Authority struct {
	Directory string         // https URL (RFC 8555 section 7.1.1)
	Roots     *x509.CertPool // whom the directory's own certificate leads to; nil is the system's
	Email     string         // told to the authority; may be empty
	External  *External      // may be nil
	Profile   string         // of the certificates, as the directory lists them; empty leaves it to the authority
	Key       KeyType        // empty is P256
}

const (
	requestTimeout = 30 * time.Second
	maxTries       = 5 // of one request, when the server fails or calls a nonce bad
)

// client speaks to the authority in the name of an account. Like package fetch
// it goes through no proxy: HTTP_PROXY is meant for other programs.
func (a *Authority) client(account crypto.Signer) (c *acme.Client, hangUp func()) {
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: requestTimeout}).DialContext,
		TLSClientConfig:     &tls.Config{RootCAs: a.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: requestTimeout,
	}
	return &acme.Client{
		Key: account, DirectoryURL: a.Directory, UserAgent: "wicket", RetryBackoff: pause,
		HTTPClient: &http.Client{Transport: transport, Timeout: requestTimeout},
	}, transport.CloseIdleConnections
}

// pause is the time before a request is sent again. One that the authority
// has too many of already is not: the Manager waits as long as it is told.
func pause(try int, _ *http.Request, answer *http.Response) time.Duration {
	if try > maxTries || answer.StatusCode == http.StatusTooManyRequests {
		return -1
	}
	return time.Duration(try) * time.Second / 2
}

// issue obtains a certificate for names with a new key. The chain is in DER,
// leaf first.
func (a *Authority) issue(ctx context.Context, account crypto.Signer, answers *Challenges, names []string) (chain [][]byte, key crypto.Signer, err error) {
	client, hangUp := a.client(account)
	defer hangUp()
	if err := a.register(ctx, client); err != nil {
		return nil, nil, err
	}
	var options []acme.OrderOption
	if a.Profile != "" {
		options = append(options, acme.WithOrderIssuanceProfile(acme.ProfileName(a.Profile)))
	}
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(names...), options...)
	if err != nil {
		return nil, nil, fmt.Errorf("the order is refused: %w", err)
	}
	for _, url := range order.AuthzURLs {
		if err := authorize(ctx, client, answers, url); err != nil {
			return nil, nil, err
		}
	}
	if order, err = client.WaitOrder(ctx, order.URI); err != nil {
		return nil, nil, fmt.Errorf("the order has failed: %w", err)
	}
	if key, err = newKey(a.Key); err != nil {
		return nil, nil, err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: names}, key)
	if err != nil {
		return nil, nil, err
	}
	if chain, _, err = client.CreateCertFromOrder(ctx, order, request, true); err != nil {
		return nil, nil, fmt.Errorf("the certificate is not issued: %w", err)
	}
	return chain, key, nil
}

// register makes the account, or finds it (RFC 8555 section 7.3). That the
// operator agrees to the authority's terms has been checked with the configuration.
func (a *Authority) register(ctx context.Context, client *acme.Client) error {
	account := &acme.Account{}
	if a.Email != "" {
		account.Contact = []string{"mailto:" + a.Email}
	}
	if a.External != nil {
		account.ExternalAccountBinding = &acme.ExternalAccountBinding{KID: a.External.KID, Key: a.External.Key}
	}
	if _, err := client.Register(ctx, account, acme.AcceptTOS); err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return fmt.Errorf("no account at %s: %w", a.Directory, err)
	}
	return nil
}

// authorize shows that we are the server of one name of an order (RFC 8555
// section 7.5, RFC 8737 section 3).
func authorize(ctx context.Context, client *acme.Client, answers *Challenges, url string) error {
	z, err := client.GetAuthorization(ctx, url)
	if err != nil {
		return fmt.Errorf("the authorization cannot be read: %w", err)
	}
	if z.Status == acme.StatusValid {
		return nil // of an order before
	}
	name := z.Identifier.Value
	i := slices.IndexFunc(z.Challenges, func(c *acme.Challenge) bool { return c.Type == "tls-alpn-01" })
	if i < 0 {
		return fmt.Errorf("the authority wants one of %s for %q, and only tls-alpn-01 is known here", strings.Join(kinds(z.Challenges), ", "), name)
	}
	answer, err := client.TLSALPN01ChallengeCert(z.Challenges[i].Token, name)
	if err != nil {
		return err
	}
	defer answers.put(name, &answer)()
	if _, err := client.Accept(ctx, z.Challenges[i]); err != nil {
		return fmt.Errorf("the challenge for %q is refused: %w", name, err)
	}
	if _, err := client.WaitAuthorization(ctx, url); err != nil {
		return fmt.Errorf("the authority does not find this listener behind %q (it connects to port 443, which has to lead here): %w", name, err)
	}
	return nil
}

func kinds(challenges []*acme.Challenge) []string {
	var out []string
	for _, c := range challenges {
		out = append(out, c.Type)
	}
	return out
}

func newKey(t KeyType) (crypto.Signer, error) {
	switch t {
	case P256, "":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case P384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("no key of type %q can be made", t)
}
