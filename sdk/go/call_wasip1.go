//go:build wasip1

package wicket

import (
	"unsafe"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

// call is a host call that a goroutine waits for.
type call struct {
	done    chan struct{}
	status  wire.Status
	payload []byte
}

//go:wasmexport wicket_completed
func exportCompleted(id int64, status int32, ptr unsafe.Pointer, size int32) {
	if l, waits := laters[id]; waits {
		delete(laters, id)
		l.complete(status, ptr, size)
		return
	}
	c := calls[id]
	if c == nil {
		return
	}
	delete(calls, id)
	payload, ok := take(ptr, size)
	c.status, c.payload = wire.Status(status), payload
	if !ok {
		c.status = wire.Failed
	}
	close(c.done)
	pump(nil, many)
}

// await parks the calling goroutine until the host has completed call id.
func await(id int64) (wire.Status, []byte) {
	c := &call{done: make(chan struct{})}
	calls[id] = c
	progress++
	<-c.done
	return c.status, c.payload
}

// startError is the error of an import that returned id instead of starting
// a call.
func startError(id int64) error {
	switch id {
	case -1:
		return ErrNotGranted
	case -2:
		return ErrBusy
	case -3:
		return ErrMalformed
	}
	return ErrFailed
}

func (c *Context) http(r *HTTPRequest) (*HTTPResponse, error) {
	id := sendHTTP(c.req, r)
	if id <= 0 {
		return nil, startError(id)
	}
	status, payload := await(id)
	return httpOutcome(status, payload, new(HTTPResponse))
}

func (c *Context) verifyPassword(hash string, password []byte) (bool, error) {
	ask := wire.PasswordVerify{Hash: hash, Password: password}
	output = ask.Append(output[:0])
	id := hostPasswordVerify(c.req, unsafe.Pointer(unsafe.SliceData(output)), uint32(len(output)))
	clear(output)
	if id <= 0 {
		return false, startError(id)
	}
	switch status, payload := await(id); status {
	case wire.OK:
		return true, nil
	case wire.Mismatch:
		return false, nil
	default:
		return false, statusError(status, payload)
	}
}

// statusError is the error of an asynchronous call that ended with status.
func statusError(status wire.Status, payload []byte) error {
	err := ErrFailed
	switch status {
	case wire.Timeout:
		err = ErrTimeout
	case wire.Refused:
		err = ErrBusy
	case wire.Malformed:
		err = ErrMalformed
	}
	if len(payload) == 0 {
		return err
	}
	return &failure{err, string(payload)}
}

// failure is one of the errors of Context with the broker's sentence.
type failure struct {
	err  error
	text string
}

func (f *failure) Error() string { return f.err.Error() + ": " + f.text }
func (f *failure) Unwrap() error { return f.err }
