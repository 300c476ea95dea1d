package wicket

import "errors"

// ErrEnded says that an exchange is over: the client has left, has broken a rule
// or took too long. What the handler returns then means nothing.
var ErrEnded = errors.New("the client does not go on with the authentication")

// Continue sends data to a client with an authentication method (MQTT 5.0 §4.12)
// and returns what it answers. The handler waits; it is asked for one client as
// long as that takes, and everything that it has learnt stays in its variables:
//
//	wicket.OnAuthenticate(func(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
//		if c.AuthMethod != "CHALLENGE" {
//			return wicket.Next()
//		}
//		answer, err := ctx.Continue(challenge)
//		if err != nil {
//			return wicket.Deny()
//		}
//		...
//		return wicket.Allow().AuthData(proof)
//	})
//
// Call it in the handler of CONNECT only. A plugin that does needs NeedABI(3).
func (c *Context) Continue(data []byte) ([]byte, error) {
	if c.fake != nil {
		if h, ok := c.fake.(Peer); ok {
			return h.Continue(data)
		}
		return nil, ErrEnded
	}
	if c.instant {
		return nil, ErrCannotWait
	}
	return c.proceed(data)
}

// Peer is a Host that answers as a client does. Its error is what Continue
// returns; a client that leaves is ErrEnded.
type Peer interface {
	Continue(data []byte) ([]byte, error)
}

// AuthData goes to a client with an authentication method together with its
// CONNACK, or with the AUTH that ends its re-authentication.
func (v Verdict) AuthData(data []byte) Verdict {
	v = v.with()
	v.d.AuthData = data
	return v
}
