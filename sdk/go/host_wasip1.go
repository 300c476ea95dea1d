//go:build wasip1

package wicket

import "unsafe"

// The imports of ABI v1; sdk/ABI.md describes each.

//go:wasmimport wicket log
func hostLog(level int32, ptr unsafe.Pointer, size uint32)

//go:wasmimport wicket resolve
func hostResolve(req int64, code int32, ptr unsafe.Pointer, size uint32) int32

//go:wasmimport wicket hears
func hostHears(questions uint32)

//go:wasmimport wicket cert_field
func hostCertField(req int64, field, index int32, ptr unsafe.Pointer, size uint32) int32

//go:wasmimport wicket password_verify
func hostPasswordVerify(req int64, ptr unsafe.Pointer, size uint32) int64

//go:wasmimport wicket http_send
func hostHTTPSend(req int64, ptr unsafe.Pointer, size uint32) int64

//go:wasmimport wicket now_unix_ms
func hostNow() int64

func (c *Context) now() int64 { return hostNow() }

func log(level int32, text string) {
	hostLog(level, unsafe.Pointer(unsafe.StringData(text)), uint32(len(text)))
}

func resolve(req int64, code Code, detail []byte) int32 {
	return hostResolve(req, int32(code), unsafe.Pointer(unsafe.SliceData(detail)), uint32(len(detail)))
}

func (c *Context) certificate(field CertField, index int) (string, bool) {
	buf := make([]byte, 128)
	for {
		n := hostCertField(c.req, int32(field), int32(index), unsafe.Pointer(&buf[0]), uint32(len(buf)))
		if n < 0 {
			return "", false
		}
		if int(n) <= len(buf) {
			return string(buf[:n]), true
		}
		buf = make([]byte, n)
	}
}
