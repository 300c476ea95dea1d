//go:build wasip1

package wicket

import (
	"unsafe"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

func (c *Context) httpThen(r *HTTPRequest, then func(*HTTPResponse, error) Verdict) Verdict {
	id := sendHTTP(c.req, r)
	if id <= 0 {
		return then(nil, startError(id))
	}
	if n := len(idleCalls); n > 0 {
		k := idleCalls[n-1]
		idleCalls = idleCalls[:n-1]
		k.req, k.then = c.req, then
		calls[id] = k
	} else {
		calls[id] = &call{req: c.req, then: then}
	}
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

// resume calls a function that was given to HTTPThen; whatever happens in it,
// the request is answered.
func (c *call) resume() {
	v, returned := Deny().Reason(ImplementationError), false
	defer func() {
		if !returned {
			if r := recover(); r != nil {
				Error("panic in a function of HTTPThen: " + panicText(r))
			}
		}
		if !v.IsLater() {
			answer(c.req, v)
		}
	}()
	res := &lent.response
	if !handlers.reuse {
		res = new(HTTPResponse)
	}
	then := c.then(httpOutcome(c.status, c.payload, res))
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
