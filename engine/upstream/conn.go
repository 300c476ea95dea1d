package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a connection to an upstream.
type conn struct {
	up     *Upstream
	s      *settings // with which it was made
	cc     carrier
	link   *link
	line   *line            // of HTTP/1.1
	mux    *http.ClientConn // of HTTP/2
	http2  bool
	served atomic.Bool // it has brought an answer
	gone   chan struct{}
	once   sync.Once // closes gone

	// Guarded by the upstream's mutex.
	active  int  // exchanges that we have on it
	spare   bool // it is among the upstream's spare ones
	taken   bool // it has been taken in
	retired bool // it takes no further request
	used    time.Time
}

// carrier is what line and *http.ClientConn have in common.
type carrier interface {
	Err() error
	Available() int
	InFlight() int
	Close() error
}

// room reports whether a request may be put on the connection now.
func (c *conn) room() bool {
	if c.http2 {
		return c.active < MaxStreams && c.cc.Available() > 0
	}
	return c.active == 0 && c.line.why == nil && c.cc.Available() > 0
}

// errUnsent is the error of an exchange of which nothing was written.
var errUnsent = errors.New("nothing was sent")

// exchange sends a request over HTTP/2 and reads the answer. It returns
// errUnsent when the server has not looked at it.
func (c *conn) exchange(ctx context.Context, r *Request) (out Response, err error) {
	defer func() {
		if bug := recover(); bug != nil {
			out, err = Response{}, fmt.Errorf("bug: %v", bug)
		}
	}()
	request, err := c.s.request(ctx, r)
	if err != nil {
		return Response{}, c.up.fail(BadRequest, err)
	}
	answer, err := c.mux.RoundTrip(request)
	if err != nil {
		if ctx.Err() == nil && unprocessed(err) {
			return Response{}, errUnsent
		}
		return Response{}, err
	}
	defer answer.Body.Close()
	body, err := c.read(answer)
	if err != nil {
		return Response{}, err
	}
	c.served.Store(true)
	return Response{Status: answer.StatusCode, Header: list(answer.Header), Body: body}, nil
}

// unprocessed reports whether HTTP/2 vouches for it that the server has not
// looked at a request (RFC 9113 section 8.7). net/http has no types for that;
// TestGoAway notices a new wording.
func unprocessed(err error) bool {
	text := err.Error()
	return strings.Contains(text, "client conn not usable") || strings.Contains(text, "graceful shutdown GOAWAY") || strings.Contains(text, "REFUSED_STREAM")
}

// request builds what goes on the wire. It checks once more what Send has let
// pass: this is the place that must never be wrong.
func (s *settings) request(ctx context.Context, r *Request) (*http.Request, error) {
	path, query, err := split(r.Path)
	if err != nil {
		return nil, err
	}
	header, err := fields(r.Header)
	if err != nil {
		return nil, err
	}
	if s.Authorization != "" {
		header["Authorization"] = []string{s.Authorization}
	}
	if header["User-Agent"] == nil {
		header["User-Agent"] = []string{"wicket"}
	}
	if path = s.base + path; path == "" {
		path = "/"
	}
	out := &http.Request{
		Method: methods[r.Method], Host: s.host, Header: header, Body: http.NoBody,
		URL:   &url.URL{Scheme: s.scheme, Host: s.host, Opaque: path, RawQuery: query},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if len(r.Body) > 0 {
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(r.Body)), int64(len(r.Body))
	}
	return out.WithContext(ctx), nil
}

// read reads the body of an answer, no further than max_response. It takes no
// more memory than the server has announced, as long as that is little.
func (c *conn) read(answer *http.Response) ([]byte, error) {
	most, size := c.s.MaxResponse, answer.ContentLength
	if size > most {
		return nil, c.tooLarge()
	}
	if size < 0 {
		size = 512
	}
	b := make([]byte, 0, min(size, 4<<10)+1) // the last byte is for the end to be noticed
	for {
		n, err := answer.Body.Read(b[len(b):cap(b)])
		switch b = b[:len(b)+n]; {
		case int64(len(b)) > most:
			return nil, c.tooLarge()
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, err
		}
		b = slices.Grow(b, 1)
	}
}

func (c *conn) tooLarge() error {
	return c.up.fail(TooLarge, fmt.Errorf("the answer is larger than %d bytes (max_response)", c.s.MaxResponse))
}

// list turns a header section into a list that is the same each time.
func list(h http.Header) []Header {
	n := 0
	for _, values := range h {
		n += len(values)
	}
	out := make([]Header, 0, n)
	for name, values := range h {
		for _, v := range values {
			out = append(out, Header{name, v})
		}
	}
	slices.SortStableFunc(out, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	return out
}
