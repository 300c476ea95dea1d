//go:build wasip1

package wicket

import (
	"unsafe"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

//go:wasmimport wicket jwt_keys
func hostJWTKeys(slot int32, ptr unsafe.Pointer, size uint32, out unsafe.Pointer, capacity uint32) int32

//go:wasmimport wicket jwt_verify
func hostJWTVerify(req int64, slot int32, ptr unsafe.Pointer, size uint32) int64

func setJWTKeys(slot int, keys *JWTKeys) error {
	var why [512]byte
	output = keys.Append(output[:0])
	n := hostJWTKeys(int32(slot), unsafe.Pointer(unsafe.SliceData(output)), uint32(len(output)), unsafe.Pointer(&why), uint32(len(why)))
	clear(output)
	switch {
	case n == 0:
		return nil
	case n < 0:
		return startError(int64(n))
	case int(n) > len(why):
		return ErrKeys
	}
	return &failure{ErrKeys, string(why[:n])}
}

func (c *Context) verifyJWT(slot int, token string) (header, claims []byte, err error) {
	id := hostJWTVerify(c.req, int32(slot), unsafe.Pointer(unsafe.StringData(token)), uint32(len(token)))
	if id <= 0 {
		return nil, nil, startError(id)
	}
	status, payload := await(id)
	if status != wire.OK && status != wire.Mismatch {
		return nil, nil, statusError(status, payload)
	}
	var v wire.JWTVerified
	if err := v.Decode(payload); err != nil {
		return nil, nil, err
	}
	switch {
	case status == wire.OK:
		return v.Header, v.Claims, nil
	case v.UnknownKey:
		return nil, nil, ErrUnknownKey
	}
	return nil, nil, ErrNotSigned
}

// Background runs f on behalf of no request, in a goroutine of its own: what
// several requests need, such as keys from a server. Its calls that wait have the
// time that a request has. It may be called from OnLoad and from handlers, and f
// begins when they wait or return. Certificate has nothing to tell there, and
// VerifyPassword and VerifyJWT fail: they are for requests.
func Background(f func(*Context)) {
	progress++
	go func() {
		defer func() {
			if r := recover(); r != nil {
				Error("panic in the background: " + panicText(r))
			}
		}()
		f(&Context{})
	}()
}
