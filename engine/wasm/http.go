package wasm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unsafe"

	"github.com/tetratelabs/wazero/api"

	"github.com/wicketmq/wicket/engine/upstream"
)

// Sender is an upstream as plugins see it: Send returns at once, and done is
// called exactly once, on any goroutine, with a response or an
// [*upstream.Error]. [*upstream.Upstream] is one.
type Sender interface {
	Send(ctx context.Context, req upstream.Request, done func(upstream.Response, error))
}

// Caps on an HttpRequest. One beyond them is malformed.
const (
	maxHTTPRequest = 1 << 20 // bytes
	maxHTTPPath    = 1 << 18
	maxHTTPHeaders = 64
	maxHTTPName    = 256
)

// lastWord is the part of a request's time that is kept for the guest to
// answer after an upstream has used up all of the rest: one in twenty, and not
// more than a quarter of a second.
func lastWord(wall time.Duration) time.Duration { return min(wall/20, 250*time.Millisecond) }

// hostHTTPSend hands a request to an upstream; the answer comes by
// wicket_completed.
func hostHTTPSend(i *instance, stack []uint64) {
	req, b := int64(stack[0]), i.view(stack[1], stack[2])
	stack[0] = api.EncodeI64(i.httpSend(req, b))
}

func (i *instance) httpSend(req int64, b []byte) int64 {
	p, deadline := i.p, time.Now().Add(i.p.limits.Wall)
	if p.features&featureHTTP == 0 {
		return callNotGranted
	}
	r := i.live[req]
	if r == nil && req != 0 {
		p.stats.ignored.Add(1)
		return callMalformed
	}
	name, ask, err := decodeHTTPRequest(b, i.header)
	if err != nil {
		p.complain("plugin made a request to an upstream that cannot be read", "error", err)
		return callMalformed
	}
	to := p.upstreams[name]
	if to == nil {
		p.complain(fmt.Sprintf("plugin asked upstream %q, which is not granted; add `plugins.%s.upstreams: [%s]`", name, p.name, name))
		return callNotGranted
	}
	if r != nil {
		if deadline = r.deadline; !r.mayCall() {
			return callTooMany
		}
	}
	if p.sending.Add(1) > int64(p.limits.InFlight) {
		p.sending.Add(-1)
		return callTooMany
	}
	return i.send(to, ask, deadline)
}

// send starts a call that ends before the deadline. An upstream may answer
// before Send returns; the guest hears of it later all the same.
func (i *instance) send(to Sender, ask upstream.Request, deadline time.Time) int64 {
	p, id := i.p, i.w.nextID()
	done := func(res upstream.Response, err error) {
		p.sending.Add(-1)
		c := completion{inst: i, call: id, response: &res}
		if err != nil {
			c.status, c.text = httpFailure(err)
			c.response = nil
		}
		i.w.post(c)
	}
	left := time.Until(deadline) - lastWord(p.limits.Wall)
	if ask.Timeout <= 0 || ask.Timeout > left {
		ask.Timeout = left
	}
	if left <= 0 {
		done(upstream.Response{}, &upstream.Error{Kind: upstream.Timeout, Err: errors.New("the request is over")})
		return id
	}
	p.stats.sent.Add(1)
	i.header = ask.Header
	to.Send(i.ctx, ask, done)
	return id
}

// httpFailure is what the guest is told of a request without a response.
func httpFailure(err error) (status, string) {
	var e *upstream.Error
	if !errors.As(err, &e) {
		return statusFailed, err.Error()
	}
	switch e.Kind {
	case upstream.Timeout:
		return statusTimeout, e.Error()
	case upstream.Busy, upstream.Open, upstream.Canceled:
		return statusRefused, e.Error()
	case upstream.BadRequest:
		return statusMalformed, e.Error()
	}
	return statusFailed, e.Error()
}

// decodeHTTPRequest reads an HttpRequest out of the guest's memory. What it returns
// are copies, but for the name of the upstream; thousands of requests may wait for
// one, so header fields that are those of like are not copied again.
func decodeHTTPRequest(b []byte, like []upstream.Header) (to string, r upstream.Request, err error) {
	if len(b) > maxHTTPRequest {
		return "", r, fmt.Errorf("message of %d bytes; the limit is %d", len(b), maxHTTPRequest)
	}
	f := fields{text: unsafe.String(unsafe.SliceData(b), len(b))} // of the guest, which does not run now
	headers := headerList{like: like}
	for f.next() {
		switch f.field {
		case 1:
			to = f.string(maxHTTPName)
		case 2:
			r.Method = method(f.string(maxHTTPName))
		case 3:
			r.Path = strings.Clone(f.string(maxHTTPPath))
		case 4:
			headers.add(&f)
		case 5:
			r.Body = []byte(f.bytes(maxHTTPRequest))
		case 6:
			r.Timeout = time.Duration(f.uint(math.MaxUint32)) * time.Millisecond
		}
	}
	r.Header = headers.list()
	return to, r, f.err
}

// method is a copy of the name of a method.
func method(name string) string {
	for _, usual := range [...]string{"POST", "GET"} {
		if name == usual {
			return usual
		}
	}
	return strings.Clone(name)
}

// headerList collects the header of a request. While that is the same as like it
// is part of it.
type headerList struct {
	like []upstream.Header
	same int
	own  []upstream.Header
}

func (l *headerList) add(f *fields) {
	h := f.header()
	if l.own == nil && l.same < len(l.like) && l.like[l.same] == h {
		l.same++
		return
	}
	if l.own == nil {
		l.own = append(make([]upstream.Header, 0, l.same+4), l.like[:l.same]...)
	}
	l.own = appendCapped(f, l.own, upstream.Header{Name: strings.Clone(h.Name), Value: strings.Clone(h.Value)}, maxHTTPHeaders)
}

func (l *headerList) list() []upstream.Header {
	if l.own == nil {
		return l.like[:l.same:l.same]
	}
	return l.own
}

func (f *fields) header() upstream.Header {
	p := f.property()
	return upstream.Header{Name: p.Key, Value: p.Value}
}

func appendHTTPResponse(b []byte, r *upstream.Response) []byte {
	b = appendUint(b, 1, uint64(r.Status))
	for i := range r.Header {
		b = appendProperty(b, 2, r.Header[i].Name, strings.ToValidUTF8(r.Header[i].Value, "\ufffd"))
	}
	return appendText(b, 3, r.Body)
}
