//go:build wasip1

package wicket

import (
	"unsafe"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

// exchange is a handler that waits for its client.
type exchange struct {
	worker *worker
	answer chan []byte // closed when there will be none
}

// exchanges are the handlers that wait, by the request that began each.
var exchanges = map[int64]*exchange{}

func (c *Context) proceed(data []byte) ([]byte, error) {
	w := c.worker
	if w == nil || w.over {
		return nil, ErrEnded
	}
	d := wire.Decision{AuthData: data}
	output = d.Append(output[:0])
	done := resolve(c.req, wire.Continue, output)
	clear(output)
	if done != 0 {
		w.over = true
		return nil, ErrEnded
	}
	if w.exchange == 0 {
		w.exchange = c.req
	}
	x := &exchange{w, make(chan []byte, 1)}
	exchanges[w.exchange] = x
	progress++
	answer, ok := <-x.answer
	progress++
	if !ok {
		w.over = true
		return nil, ErrEnded
	}
	c.req = w.req
	return answer, nil
}

//go:wasmexport wicket_auth_continue
func exportContinue(req int64, ptr unsafe.Pointer, size int32) int32 {
	event, ok := take(ptr, size)
	if !ok {
		return errorCode
	}
	var m wire.AuthContinue
	if err := m.Decode(event); err != nil {
		return int32(unreadable(err).code)
	}
	x := exchanges[int64(m.Exchange)]
	if x == nil {
		return wire.Deny
	}
	delete(exchanges, int64(m.Exchange))
	if m.Ended {
		close(x.answer)
	} else {
		x.worker.req = req
		x.answer <- m.AuthData
	}
	pump(&x.worker.finished, many)
	return wire.Pending
}
