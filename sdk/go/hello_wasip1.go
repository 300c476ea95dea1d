//go:build wasip1

package wicket

import (
	"unsafe"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

//go:wasmexport wicket_client_hello
func exportClientHello(req int64, ptr unsafe.Pointer, size int32) int32 {
	if handlers.hello == nil {
		return wire.Next
	}
	return dispatch(req, (*worker).hello, handlers.now.hello, ptr, size)
}

func (w *worker) hello() Verdict {
	h := new(ClientHello)
	if err := h.Decode(w.event); err != nil {
		return unreadable(err)
	}
	return handlers.hello(&Context{req: w.req, instant: w.now}, h)
}
