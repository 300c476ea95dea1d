//go:build wasip1

package wicket

import (
	"unsafe"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

// later is what becomes of a request when an upstream has answered. Thousands may
// wait, so that it has no more than that takes.
type later struct {
	req  int64
	then func(*HTTPResponse, error) Verdict
}

var laters = map[int64]later{} // by host call

func (c *Context) httpThen(r *HTTPRequest, then func(*HTTPResponse, error) Verdict) Verdict {
	id := sendHTTP(c.req, r)
	if id <= 0 {
		return then(nil, startError(id))
	}
	laters[id] = later{c.req, then}
	return Later()
}

// sendHTTP starts a call.
func sendHTTP(req int64, r *HTTPRequest) (id int64) {
	output = r.Append(output[:0])
	id = hostHTTPSend(req, unsafe.Pointer(unsafe.SliceData(output)), uint32(len(output)))
	clear(output)
	return id
}

// httpOutcome reads what a call has brought.
func httpOutcome(status wire.Status, payload []byte, res *HTTPResponse) (*HTTPResponse, error) {
	if status != wire.OK {
		return nil, statusError(status, payload)
	}
	if err := res.Redecode(payload); err != nil {
		return nil, err
	}
	return res, nil
}

// complete reads what has come of the call, and goes on with the request.
func (l later) complete(status int32, ptr unsafe.Pointer, size int32) {
	read := take
	if handlers.reuse {
		read = window
	}
	payload, ok := read(ptr, size)
	if !ok {
		status = int32(wire.Failed)
	}
	l.resume(wire.Status(status), payload)
	collect()
}

// resume calls a function that was given to HTTPThen; whatever happens in it,
// the request is answered.
func (l later) resume(status wire.Status, payload []byte) {
	v, returned := Deny().Reason(ImplementationError), false
	defer func() {
		if !returned {
			if r := recover(); r != nil {
				Error("panic in a function of HTTPThen: " + panicText(r))
			}
		}
		if !v.IsLater() {
			answer(l.req, v)
		}
	}()
	res := &lent.response
	if !handlers.reuse {
		res = new(HTTPResponse)
	}
	then := l.then(httpOutcome(status, payload, res))
	v, returned = then, true
}

func (c *Context) answer(v Verdict) { answer(c.req, v) }

// answer gives the broker a verdict by resolve.
func answer(req int64, v Verdict) {
	output = output[:0]
	if v.d != nil {
		output = v.d.Append(output)
	}
	if resolve(req, v.code, output) == -3 {
		Error("the host could not read the verdict")
	}
	clear(output)
}
