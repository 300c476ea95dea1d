package wicket

import "github.com/wicketmq/wicket/sdk/go/wire"

// codeLater is the code of Later; the broker knows it as PENDING.
const codeLater Code = wire.Pending

// Later is the verdict of a handler whose answer will be that of a function
// given to HTTPThen. Where nothing is under way any more that could answer, the
// request ends by timeout.
func Later() Verdict { return Verdict{code: codeLater} }

// IsLater reports whether v is Later.
func (v Verdict) IsLater() bool { return v.code == codeLater }

// Answer gives the verdict of a request whose handler, or function of HTTPThen, has
// returned Later: for one whose answer is found while another is served. What has
// been answered keeps its answer.
func (c *Context) Answer(v Verdict) {
	if v.IsLater() {
		return
	}
	if c.fake == nil {
		c.answer(v)
	} else if h, ok := c.fake.(Answerer); ok {
		h.Answer(v)
	}
}

// Answerer is a Host that takes the verdicts given to Answer.
type Answerer interface{ Answer(Verdict) }

// HTTPThen asks an upstream as HTTP does, and answers with what then makes of
// the outcome. A handler that is registered to run Now does not wait for it:
// HTTPThen returns Later at once, which the handler returns in turn, and then
// is called when the upstream has answered. So a client that waits costs what
// then keeps, some hundred bytes, instead of a goroutine, which takes some
// thousand and twice the processor time.
//
//	func authenticate(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
//		r := wicket.HTTPRequest{Upstream: "auth", Path: "/login?user=" + wicket.EscapeQuery(c.Username)}
//		return ctx.HTTPThen(&r, func(res *wicket.HTTPResponse, err error) wicket.Verdict {
//			if err != nil {
//				return wicket.Fail(err)
//			}
//			if res.Status != 204 {
//				return wicket.Deny()
//			}
//			return wicket.Allow().Default(wicket.CodeNext)
//		})
//	}
//
// then may call HTTPThen again. Several may be under way for one request; those
// of which the outcome is not the answer yet return Later. In any other handler,
// and in tests, HTTPThen waits, and then is called before it returns. Everything
// that r refers to may be used again when HTTPThen has returned. The Password of a
// Connect is overwritten before then runs: what is needed of it goes into r.
func (c *Context) HTTPThen(r *HTTPRequest, then func(*HTTPResponse, error) Verdict) Verdict {
	if c.fake == nil && c.instant {
		return c.httpThen(r, then)
	}
	return then(c.HTTP(*r))
}
