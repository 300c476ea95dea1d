// Package fetch gets small signed objects over HTTP: revocation lists and
// OCSP answers. What it returns is bytes that somebody unknown wrote; the
// caller verifies their signature before it believes them.
//
// A [Client] is for any number of goroutines. It is a stranger on each visit:
// no credentials, not even those that stand in a URL, no cookies, no referrer,
// no connection that is kept. It speaks HTTP/1.1 directly, never through a
// proxy: HTTP_PROXY and the like are meant for other programs of the host, and
// a broker that follows them would ask somebody whom its configuration does
// not name.
package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The bounds of a [Client] whose [Options] name none.
const (
	DefaultTimeout = 15 * time.Second
	DefaultMaxBody = 1 << 20
)

const (
	maxRedirects = 3
	maxHeader    = 64 << 10
	// firstBuffer is what a body is given before it has shown its size: a
	// server that only declares 64 MB does not get them.
	firstBuffer = 64 << 10
)

// Options bound what a [Client] does. The zero value is useful.
type Options struct {
	Timeout time.Duration // of a whole fetch with its redirects; 0 is DefaultTimeout
	MaxBody int64         // most bytes of an answer; 0 is DefaultMaxBody

	// AllowedHosts are names or addresses without a port, of which the host of
	// each URL must be one, redirects included. Empty allows every host.
	AllowedHosts []string

	// UnverifiedTLS accepts any server certificate over https. It is right
	// where the object's own signature is verified and where verifying the
	// server would need that object: revocation lists.
	UnverifiedTLS bool

	UserAgent string // "wicket" if empty
}

// Client fetches within its [Options].
type Client struct {
	options Options
	hosts   []string
	http    http.Client
}

// Response is the answer to a [Client]'s question.
type Response struct {
	Body         []byte    // the caller's
	ETag         string    // validators, for GetIf
	LastModified string    // only if it is fit to be a validator
	NotModified  bool      // 304: what the validators belong to is still right, Body is empty
	Expires      time.Time // when HTTP caches drop the answer; zero if it does not say
}

// New returns a client. It needs no closing.
func New(o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.UserAgent == "" {
		o.UserAgent = "wicket"
	}
	c := &Client{options: o}
	for _, host := range o.AllowedHosts {
		c.hosts = append(c.hosts, hostName(host))
	}
	c.http = http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // see the package comment
			DialContext:            (&net.Dialer{Timeout: o.Timeout}).DialContext,
			TLSClientConfig:        &tls.Config{InsecureSkipVerify: o.UnverifiedTLS},
			TLSHandshakeTimeout:    o.Timeout,
			DisableKeepAlives:      true, // sends Connection: close
			DisableCompression:     true, // MaxBody counts what was sent
			MaxResponseHeaderBytes: maxHeader,
		},
		CheckRedirect: c.redirect,
	}
	return c
}

// Get fetches a URL. An answer other than 200 is an error; each error names
// the URL, without what may be secret in it, and the cause.
func (c *Client) Get(ctx context.Context, url string) (Response, error) {
	return c.GetIf(ctx, url, "", "")
}

// GetIf is Get for one who has an earlier Response: if the server says that it
// is still right by ETag or LastModified, of which either may be empty, the
// new Response has NotModified set.
func (c *Client) GetIf(ctx context.Context, url, etag, lastModified string) (Response, error) {
	header := http.Header{}
	if etag != "" {
		header.Set("If-None-Match", etag)
	}
	if lastModified != "" {
		header.Set("If-Modified-Since", lastModified)
	}
	return c.do(ctx, http.MethodGet, url, header, nil)
}

// Post sends a body and fetches the answer, with the errors of Get.
func (c *Client) Post(ctx context.Context, url, contentType string, body []byte) (Response, error) {
	return c.do(ctx, http.MethodPost, url, http.Header{"Content-Type": {contentType}}, body)
}

func (c *Client) do(ctx context.Context, method, address string, header http.Header, body []byte) (Response, error) {
	u, err := url.Parse(address)
	if err != nil {
		return Response{}, fmt.Errorf("cannot fetch %q: not a URL", shorten(address))
	}
	within, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	u.User = nil
	r, err := c.roundTrip(within, method, u, header, body)
	if err == nil {
		return r, nil
	}
	if ctx.Err() == nil && within.Err() != nil {
		err = fmt.Errorf("no complete answer within %v", c.options.Timeout)
	} else if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // it would name the URL again
	}
	return Response{}, fmt.Errorf("cannot fetch %q: %w", shorten(u.String()), err)
}

func (c *Client) roundTrip(ctx context.Context, method string, u *url.URL, header http.Header, body []byte) (Response, error) {
	if err := c.allowed(u); err != nil {
		return Response{}, err
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return Response{}, err
	}
	req.Header = header
	req.Header.Set("User-Agent", c.options.UserAgent)
	resp, err := c.http.Do(req)
	if err != nil {
		return Response{}, err
	}
	defer resp.Body.Close()
	r := Response{
		ETag:         resp.Header.Get("ETag"),
		LastModified: lastModified(resp.Header),
		Expires:      expires(resp.Header, time.Now()),
	}
	conditional := header.Get("If-None-Match") != "" || header.Get("If-Modified-Since") != ""
	switch {
	case resp.StatusCode == http.StatusNotModified && conditional:
		r.NotModified = true
		return r, nil
	case resp.StatusCode != http.StatusOK:
		return Response{}, fmt.Errorf("the server answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	case resp.ContentLength > c.options.MaxBody:
		return Response{}, c.tooLarge()
	}
	r.Body, err = c.read(resp)
	return r, err
}

func (c *Client) read(resp *http.Response) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(max(resp.ContentLength, 0), firstBuffer)) + bytes.MinRead)
	n, err := b.ReadFrom(io.LimitReader(resp.Body, c.options.MaxBody+1))
	if n > c.options.MaxBody {
		return nil, c.tooLarge()
	}
	if err != nil {
		return nil, fmt.Errorf("the answer breaks off after %d bytes: %w", n, err)
	}
	return b.Bytes(), nil
}

func (c *Client) tooLarge() error {
	return fmt.Errorf("the answer is larger than %d bytes", c.options.MaxBody)
}

// redirect is http.Client's CheckRedirect.
func (c *Client) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	req.URL.User = nil
	req.Header.Del("Referer")
	if err := c.allowed(req.URL); err != nil {
		return fmt.Errorf("redirected to %q: %w", shorten(req.URL.String()), err)
	}
	return nil
}

func (c *Client) allowed(u *url.URL) error {
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return errors.New("not an http or https URL")
	}
	if len(c.hosts) > 0 && !slices.Contains(c.hosts, hostName(u.Hostname())) {
		return fmt.Errorf("host %q is not one of those allowed", u.Hostname())
	}
	return nil
}

// hostName is the form in which hosts are compared.
func hostName(host string) string {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// shorten bounds what a certificate can write into a log.
func shorten(address string) string {
	const longest = 300
	if len(address) > longest {
		return address[:longest] + "..."
	}
	return address
}
