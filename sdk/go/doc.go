// Package wicket is the SDK for Wicket plugins written in Go.
//
// A plugin registers its handlers in init, has an empty main, and is built
// with the stock toolchain into one WebAssembly module:
//
//	func init() {
//		wicket.OnAuthenticate(func(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
//			ok, err := ctx.VerifyPassword(hashOf(c.Username), c.Password)
//			if err != nil {
//				return wicket.Fail(err)
//			}
//			if !ok {
//				return wicket.Deny().Reason(wicket.BadUsernameOrPassword)
//			}
//			return wicket.Allow().Rule(wicket.AllowPublish("devices/${clientid}/#"))
//		})
//	}
//
//	func main() {}
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o plugin.wasm .
//
// A handler is straight-line code. Each request runs in a goroutine of its
// own; a method of Context that has to wait for the broker parks that
// goroutine, and the instance serves other requests meanwhile. Goroutines take
// turns, they never run at the same time: a handler needs no lock around
// state that it does not hold across such a call. Between events the instance
// stands still, so time.Sleep and timers do not fire on time.
//
// What never waits can be registered with OnAuthenticateNow, OnAuthorizeNow and
// OnClientHelloNow, and saves the goroutine.
//
// A handler that panics denies its request and is logged; so does one that
// returns the zero Verdict. Strings of an event may be kept. Its Password is
// overwritten with zeros when the handler returns.
//
// On the host the package compiles too, so that handlers can be tested with
// go test: see TestContext.
package wicket
