//go:build !wasip1

package wicket

import (
	"os"
	"time"
)

// On the host there is no broker: Context works through TestContext only.

func (c *Context) verifyPassword(string, []byte) (bool, error) {
	return false, ErrNotGranted
}

func (c *Context) http(*HTTPRequest) (*HTTPResponse, error) { return nil, ErrNotGranted }

func (c *Context) httpThen(*HTTPRequest, func(*HTTPResponse, error) Verdict) Verdict { return Deny() }

func (c *Context) answer(Verdict) {}

func (c *Context) now() int64 { return time.Now().UnixMilli() }

func (c *Context) certificate(CertField, int) (string, bool) { return "", false }

var levels = [...]string{"DEBUG ", "INFO ", "WARN ", "ERROR "}

func log(level int32, text string) { os.Stderr.WriteString(levels[level] + text + "\n") }
