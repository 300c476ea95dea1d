//go:build !wasip1

package wicket

// Upstreams stands in for the broker in tests of handlers that ask upstreams:
// a function for each name.
//
//	ctx := wicket.TestContext(wicket.Upstreams{"auth": func(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
//		return &wicket.HTTPResponse{Status: 204}, nil
//	}})
type Upstreams map[string]func(*HTTPRequest) (*HTTPResponse, error)

// HTTP implements HTTPHost. An upstream that is not there is not granted.
func (u Upstreams) HTTP(r *HTTPRequest) (*HTTPResponse, error) {
	if f := u[r.Upstream]; f != nil {
		return f(r)
	}
	return nil, ErrNotGranted
}

// VerifyPassword implements Host: it is not granted.
func (u Upstreams) VerifyPassword(string, []byte) (bool, error) { return false, ErrNotGranted }

// Certificate implements Host: the client has none.
func (u Upstreams) Certificate(CertField, int) (string, bool) { return "", false }

var _ interface {
	Host
	HTTPHost
} = Upstreams{}

// TestConnect runs the registered handler of CONNECT, for tests of a plugin's
// package main.
func TestConnect(h Host, c *Connect) Verdict {
	if handlers.authenticate == nil {
		return Next()
	}
	return handlers.authenticate(TestContext(h), c)
}

// TestAccess is TestConnect for the handler of PUBLISH and SUBSCRIBE.
func TestAccess(h Host, a *Access) Verdict {
	if handlers.authorize == nil {
		return Next()
	}
	return handlers.authorize(TestContext(h), a)
}
