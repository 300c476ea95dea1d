//go:build !wasip1

package wicket

// Client stands in for the broker in tests of handlers that ask the client for
// more: a function that answers what it is sent.
type Client func(data []byte) ([]byte, error)

// Continue implements Peer.
func (c Client) Continue(data []byte) ([]byte, error) { return c(data) }

// VerifyPassword implements Host: it is not granted.
func (c Client) VerifyPassword(string, []byte) (bool, error) { return false, ErrNotGranted }

// Certificate implements Host: the client has none.
func (c Client) Certificate(CertField, int) (string, bool) { return "", false }

var _ interface {
	Host
	Peer
} = Client(nil)

// worker is what a Context of the guest refers to.
type worker struct{}

func (c *Context) proceed([]byte) ([]byte, error) {
	c.worker = nil
	return nil, ErrEnded
}
