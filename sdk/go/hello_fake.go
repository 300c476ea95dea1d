//go:build !wasip1

package wicket

// TestClientHello is TestConnect for the handler of TLS handshakes.
func TestClientHello(h Host, c *ClientHello) Verdict {
	if handlers.hello == nil {
		return Next()
	}
	return handlers.hello(TestContext(h), c)
}
