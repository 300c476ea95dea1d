package upstream

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Options are an upstream as the operator describes it. The zero value of a
// bound is its default.
type Options struct {
	URL            string        // http or https, no user, query or fragment
	TLS            TLSOptions    // of https
	HTTP2          bool          // offered over https
	PoolSize       int           // most connections: 8
	MaxInFlight    int           // most requests, those that wait included: 25,000
	ConnectTimeout time.Duration // from the name to the end of the handshake: 15 s
	RequestTimeout time.Duration // from Send to the end of the answer: 5 s
	MaxResponse    int64         // most bytes of a body: 64 KB
	Authorization  string        // value of the header field, which no guest sees
	Breaker        Breaker       // 5 failures, 500 ms, 10 s
}

// TLSOptions are the client's side of TLS.
type TLSOptions struct {
	Verify      bool                // whether the server's certificate is checked
	Roots       []*x509.Certificate // it must lead to one of them; nil means the system's
	Certificate *tls.Certificate    // shown when the server asks; nil means none
	ServerName  string              // asked for and checked; empty means the URL's host
	NoName      bool                // neither asked for nor checked
	MinVersion  uint16
	MaxVersion  uint16
	Ciphers     []uint16 // of TLS 1.2 and older; nil means those of crypto/tls
	Depth       int      // most intermediate authorities
}

// Bounds that have no key.
const (
	// MaxStreams is the most requests at one time on an HTTP/2 connection; the
	// server may allow fewer.
	MaxStreams = 100
	// maxWaiting is the most bytes of requests in flight.
	maxWaiting     = 32 << 20
	maxAnswerField = 32 << 10 // header section of an answer
	idleTime       = time.Minute
	lookAgain      = 15 * time.Second // idle connections, and whether there is one at all
)

func (o *Options) defaults() {
	set := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	wait := func(t *time.Duration, d time.Duration) {
		if *t <= 0 {
			*t = d
		}
	}
	set(&o.PoolSize, 8)
	set(&o.MaxInFlight, 25_000)
	set(&o.Breaker.Failures, 5)
	wait(&o.ConnectTimeout, 15*time.Second)
	wait(&o.RequestTimeout, 5*time.Second)
	wait(&o.Breaker.Backoff, 500*time.Millisecond)
	wait(&o.Breaker.MaxBackoff, 10*time.Second)
	if o.MaxResponse <= 0 {
		o.MaxResponse = 64 << 10
	}
}

// same reports whether two options need no new connections.
func (o *Options) same(p *Options) bool {
	a, b := *o, *p
	a.TLS.Roots, b.TLS.Roots = nil, nil
	a.TLS.Certificate, b.TLS.Certificate = nil, nil
	return plain(&a) == plain(&b) && slices.Equal(o.TLS.Ciphers, p.TLS.Ciphers) && (o.TLS.Ciphers == nil) == (p.TLS.Ciphers == nil) &&
		slices.EqualFunc(o.TLS.Roots, p.TLS.Roots, func(x, y *x509.Certificate) bool { return bytes.Equal(x.Raw, y.Raw) }) &&
		slices.EqualFunc(chain(o.TLS.Certificate), chain(p.TLS.Certificate), bytes.Equal)
}

func chain(c *tls.Certificate) [][]byte {
	if c == nil {
		return nil
	}
	return c.Certificate
}

// plain is what can be compared of options.
func plain(o *Options) any {
	type part struct {
		url, authorization, name string
		http2, verify, noName    bool
		pool, inFlight, depth    int
		connect, request         time.Duration
		response                 int64
		breaker                  Breaker
		lowest, highest          uint16
	}
	return part{
		o.URL, o.Authorization, o.TLS.ServerName, o.HTTP2, o.TLS.Verify, o.TLS.NoName, o.PoolSize, o.MaxInFlight, o.TLS.Depth,
		o.ConnectTimeout, o.RequestTimeout, o.MaxResponse, o.Breaker, o.TLS.MinVersion, o.TLS.MaxVersion,
	}
}

// settings are options in the form in which they are used. They are never
// changed; a reload makes others.
type settings struct {
	Options
	scheme    string
	address   string // host and port to connect to
	host      string // as in the URL
	host1     string // as HTTP/1.1 says it
	base      string // path that all requests are below, without a slash at its end
	shown     string // the URL
	dial      dialer
	client    *tls.Config     // of https
	transport *http.Transport // of HTTP/2
}

func newSettings(o Options, dial dialer) (*settings, error) {
	u, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if !fieldValue(o.Authorization) {
		return nil, errors.New("authorization has a control character in it")
	}
	o.defaults()
	s := &settings{Options: o, scheme: u.Scheme, host: u.Host, base: strings.TrimSuffix(u.EscapedPath(), "/"), shown: u.String()}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	s.address = net.JoinHostPort(u.Hostname(), port)
	if s.host1, err = hostField(u); err != nil {
		return nil, err
	}
	s.newTransport(dial, u.Hostname())
	return s, nil
}

// config is the configuration of crypto/tls for connections to host.
func (o *TLSOptions) config(host string, http2 bool, sessions int) *tls.Config {
	c := &tls.Config{
		MinVersion: o.MinVersion, MaxVersion: o.MaxVersion, CipherSuites: o.Ciphers, ServerName: o.ServerName,
		InsecureSkipVerify:   !o.Verify || o.NoName,
		GetClientCertificate: o.certificate,
		ClientSessionCache:   tls.NewLRUClientSessionCache(sessions),
		NextProtos:           []string{"http/1.1"},
	}
	if http2 {
		c.NextProtos = []string{"h2", "http/1.1"}
	}
	switch {
	case o.NoName:
		c.ServerName = ""
	case c.ServerName == "":
		c.ServerName = host
	}
	if o.Roots != nil {
		c.RootCAs = x509.NewCertPool()
		for _, r := range o.Roots {
			c.RootCAs.AddCert(r)
		}
	}
	if o.Verify {
		roots := c.RootCAs
		c.VerifyConnection = func(s tls.ConnectionState) error { return o.verify(s, roots) }
	}
	return c
}

// certificate shows our certificate to a server that asks for one, whatever
// authorities it names: it can say best what it does not like.
func (o *TLSOptions) certificate(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if l, ok := info.Context().Value(linkKey{}).(*link); ok {
		l.asked = true
	}
	if o.Certificate == nil {
		return new(tls.Certificate), nil
	}
	return o.Certificate, nil
}

// verify checks what crypto/tls does not: the length of the path, and the path
// itself where the name is not to be checked.
func (o *TLSOptions) verify(s tls.ConnectionState, roots *x509.CertPool) error {
	paths := s.VerifiedChains
	if o.NoName {
		between := x509.NewCertPool()
		for _, c := range s.PeerCertificates[1:] {
			between.AddCert(c)
		}
		var err error
		if paths, err = s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between}); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
		}
	}
	for _, p := range paths {
		if len(p)-2 <= o.Depth { // without the leaf and the anchor
			return nil
		}
	}
	return fmt.Errorf("the server's certificate is more than %d intermediate authorities away from one that is trusted (depth)", o.Depth)
}
