// This guest does what the user name says; the tests of the SDK drive it.
package main

import (
	"errors"
	"runtime"
	"strconv"
	"strings"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

const hash = "$7$101$c2FsdA==$aGFzaA=="

var kept []string

var gate = make(chan struct{})

func init() {
	wicket.OnLoad(func(l *wicket.LoadInfo) error {
		switch l.Plugin {
		case "broken":
			return errors.New("this plugin is broken")
		case "now":
			wicket.OnAuthenticateNow(authenticate)
			wicket.OnClientHelloNow(hello)
		case "panics":
			panic("at load")
		}
		if f, ok := l.File("words_file"); ok {
			wicket.Info("words: " + strconv.Itoa(len(f.Content)))
		}
		return nil
	})
	wicket.OnAuthenticate(authenticate)
	wicket.OnAuthorize(func(_ *wicket.Context, a *wicket.Access) wicket.Verdict {
		if len(a.Topics) == 1 {
			return wicket.Next()
		}
		return wicket.PerTopic(a, func(t *wicket.Topic) wicket.Code {
			if t.Topic == "secret" {
				return wicket.CodeDeny
			}
			return wicket.CodeAllow
		}).TTL(5000)
	})
	wicket.OnClientHello(hello)
	wicket.OnUnload(func() { wicket.Info("bye") })
}

func hello(ctx *wicket.Context, h *wicket.ClientHello) wicket.Verdict {
	switch h.ServerName {
	case "allow":
		return wicket.Allow()
	case "read":
		return wicket.Deny().Text(h.Peer + " " + h.Listener + " " + strings.Join(h.ALPN, ",") + " " + h.JA4 + " " +
			strconv.Itoa(int(h.Versions[0])) + " " + strconv.Itoa(len(h.Suites)) + " " + h.Proxy.Via)
	case "ask":
		r, err := ctx.HTTP(wicket.HTTPRequest{Upstream: "auth", Path: "/" + wicket.EscapePath(h.ServerName)})
		if err != nil {
			return wicket.Fail(err)
		}
		if r.Status == 204 {
			return wicket.Allow()
		}
	case "panic":
		panic("oh no")
	case "next":
		return wicket.Next()
	}
	return wicket.Deny()
}

func authenticate(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
	switch c.Username {
	case "allow":
		return wicket.Allow()
	case "next":
		return wicket.Next()
	case "panic":
		panic("oh no")
	case "index":
		return wicket.Verdict{}.Text(string(c.Password[len(c.ClientID)+100]))
	case "goexit":
		runtime.Goexit()
	case "rules":
		return wicket.Allow().Rule(wicket.AllowPublish("devices/${clientid}/#"), wicket.DenyAll("#"))
	case "cert":
		cn, ok := ctx.Certificate(wicket.CertCommonName, 0)
		if !ok {
			return wicket.Deny().Text("no certificate")
		}
		return wicket.Allow().Username(cn)
	case "keep":
		kept = append(kept, c.ClientID)
		_, _ = ctx.VerifyPassword(hash, c.Password)
		return wicket.Allow().Attribute("first", kept[0]).Attribute("mine", c.ClientID)
	case "wait":
		<-gate
		return wicket.Allow()
	case "open":
		close(gate)
		return wicket.Allow()
	case "verify":
		return verify(ctx, c)
	case "twice":
		if v := verify(ctx, c); v.Code() != wicket.CodeAllow {
			return v
		}
		return verify(ctx, c)
	case "both":
		return both(ctx, c)
	case "ask":
		r, err := ctx.HTTP(wicket.HTTPRequest{Upstream: "auth", Method: "POST", Path: "/" + wicket.EscapePath(c.ClientID), Body: c.Password, Timeout: 1500,
			Headers: []wicket.Property{{Key: "X-Now", Value: strconv.FormatInt(ctx.Now(), 10)}}})
		if err != nil {
			return wicket.Fail(err)
		}
		return wicket.Allow().Attribute("status", strconv.Itoa(int(r.Status))).Attribute("body", string(r.Body)).Attribute("type", r.Header("content-type"))
	case "then":
		return then(ctx, c)
	case "talk":
		return talk(ctx, c)
	case "latepanic":
		_, _ = ctx.VerifyPassword(hash, c.Password)
		panic("late")
	}
	return wicket.Deny().Reason(wicket.Banned).Text("who is " + c.Username)
}

// then asks twice, the second time with what the first has brought.
func then(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
	return ctx.HTTPThen(&wicket.HTTPRequest{Upstream: "auth", Path: "/1"}, func(res *wicket.HTTPResponse, err error) wicket.Verdict {
		switch {
		case err != nil:
			return wicket.Fail(err)
		case res.Status == 500:
			panic("late")
		case res.Status == 204:
			return wicket.Allow()
		}
		body := string(res.Body)
		return ctx.HTTPThen(&wicket.HTTPRequest{Upstream: "auth", Path: "/2?" + body}, func(res *wicket.HTTPResponse, err error) wicket.Verdict {
			if err != nil {
				return wicket.Fail(err)
			}
			return wicket.Allow().Attribute("both", body+string(res.Body)).Attribute("client", c.ClientID)
		})
	})
}

func verify(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
	ok, err := ctx.VerifyPassword(hash, c.Password)
	switch {
	case err != nil:
		return wicket.Fail(err)
	case !ok:
		return wicket.Deny().Reason(wicket.BadUsernameOrPassword)
	}
	return wicket.Allow()
}

// both waits for two calls at once, from goroutines of its own.
func both(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
	results := make(chan bool)
	for range 2 {
		go func() {
			ok, _ := ctx.VerifyPassword(hash, c.Password)
			results <- ok
		}()
	}
	if a, b := <-results, <-results; a && b {
		return wicket.Allow()
	}
	return wicket.Deny()
}

func main() {}
