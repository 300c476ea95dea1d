// The guest of the conformance kit in Go; sdk/tck/guests/README.md says what it
// does.
package main

import (
	"crypto/rand"
	"errors"
	"math"
	"strconv"
	"strings"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/json"
)

const hash = "$7$101$c2FsdA==$aGFzaA=="

// What "config" answers with, and "host".
var (
	plugin   string
	config   json.Value
	features uint64
)

func init() {
	wicket.OnLoad(func(l *wicket.LoadInfo) error {
		if l.Plugin == "refused" {
			return errors.New("no thanks")
		}
		plugin, features = l.Plugin, l.Features
		config, _ = json.Parse(l.Config)
		wicket.Info(loadText(l))
		if strings.HasSuffix(plugin, "-now") {
			wicket.OnAuthorizeNow(authorize)
		}
		return nil
	})
	wicket.OnAuthenticate(authenticate)
	wicket.OnAuthorize(authorize)
	wicket.OnClientHello(hello)
	wicket.OnEvent(func(_ *wicket.Context, e *wicket.Event) { wicket.Info(eventText(e)) })
	wicket.OnUnload(func() { wicket.Info("bye") })
}

func authenticate(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
	switch c.Username {
	case "allow":
		return wicket.Allow()
	case "deny":
		return wicket.Deny()
	case "next":
		return wicket.Next()
	case "banned":
		return wicket.Deny().Reason(wicket.Banned).Text("who is " + c.ClientID)
	case "full":
		return full()
	case "named":
		return wicket.Next().Attribute("role", "sensor").Attribute("site", "7").Username("sensor-17").ClientID("dev-17")
	case "long":
		return wicket.Allow().Attribute("long", strings.Repeat("x", 60000))
	case "log":
		wicket.Debug("debug " + c.ClientID)
		wicket.Info("info " + c.ClientID)
		wicket.Warn("warn " + c.ClientID)
		wicket.Error("error " + c.ClientID)
		return wicket.Allow()
	case "cert":
		return certificate(ctx)
	case "config":
		return settings()
	case "host":
		return host(ctx)
	case "trap", "loop", "recurse", "grow":
		return misbehave(c.Username)
	}
	if v, done := keep(c); done {
		return v
	}
	if v, done := token(ctx, c); done {
		return v
	}
	if c.Username == "exchange" {
		return exchange(ctx, c)
	}
	return call(ctx, c)
}

// call is what waits for the broker.
func call(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
	get := wicket.HTTPRequest{Upstream: "auth", Path: "/auth?clientid=" + wicket.EscapeQuery(c.ClientID)}
	switch c.Username {
	case "verify":
		return verify(ctx, c)
	case "chain":
		if v := verify(ctx, c); v.Code() != wicket.CodeAllow {
			return v
		}
		return ask(ctx, c, get)
	case "ask":
		return ask(ctx, c, get)
	case "post":
		return ask(ctx, c, wicket.HTTPRequest{
			Upstream: "auth", Method: "POST", Path: "/auth", Timeout: math.MaxUint32, Body: []byte("{\"username\":\"p\u00e4\"}\x00\xff"),
			Headers: []wicket.Property{{Key: "content-type", Value: "application/json"}, {Key: "x-empty"}, {}},
		})
	case "escape":
		body := append(json.AppendString([]byte(`{"id":`), c.ClientID), '}')
		return ask(ctx, c, wicket.HTTPRequest{Upstream: "auth", Method: "POST", Path: "/" + wicket.EscapePath(c.ClientID), Body: body})
	case "result":
		return result(ctx)
	}
	return wicket.Allow().Attribute("event", connectText(c))
}

func authorize(_ *wicket.Context, a *wicket.Access) wicket.Verdict {
	if a.Username == "allow" {
		return wicket.Allow()
	}
	return wicket.PerTopic(a, func(t *wicket.Topic) wicket.Code {
		switch t.Topic {
		case "secret":
			return wicket.CodeDeny
		case "open":
			return wicket.CodeAllow
		}
		return wicket.CodeNext
	}).TTL(5000).Attribute("event", accessText(a))
}

func full() wicket.Verdict {
	first, second := wicket.AllowPublish("devices/${clientid}/#"), wicket.AllowSubscribe("all/#")
	first.QoS, first.Retain, second.Exact = 3, wicket.RetainNever, true
	return wicket.Allow().Superuser().Rule(first, second, wicket.DenyAll("#")).Default(wicket.CodeNext).TTL(-1).ExpireAt(4102444800).
		Attribute("site", "7").Username("alice@example.com").ClientID("assigned-1").UserProperty("welcome", "yes").
		Limits(wicket.Limits{MaxPacketSize: 65536, MaxInflight: 20, MaxSubscriptions: 5}).Mountpoint("tenant/7/")
}

func certificate(ctx *wicket.Context) wicket.Verdict {
	v := wicket.Allow()
	for _, f := range []struct {
		key   string
		field wicket.CertField
		index int
	}{{"cn", wicket.CertCommonName, 0}, {"dns", wicket.CertSANDNS, 1}, {"pem", wicket.CertPEM, 0}} {
		if value, ok := ctx.Certificate(f.field, f.index); ok {
			v = v.Attribute(f.key, value)
		}
	}
	return v
}

func settings() wicket.Verdict {
	v := wicket.Allow().Attribute("plugin", plugin)
	if text, ok := config.Get("text").Text(); ok {
		v = v.Attribute("text", text)
	}
	if text, ok := config.Get("block").Get("key").Text(); ok {
		v = v.Attribute("nested", text)
	}
	return v
}

func host(ctx *wicket.Context) wicket.Verdict {
	var noise [32]byte
	rand.Read(noise[:])
	var t text
	t.hex(1, noise[:])
	return wicket.Allow().Attribute("now", strconv.FormatInt(ctx.Now(), 10)).
		Attribute("features", strconv.FormatUint(features, 10)).Attribute("random", string(t))
}

func verify(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
	ok, err := ctx.VerifyPassword(hash, c.Password)
	switch {
	case err != nil:
		return wicket.Fail(err)
	case !ok:
		return wicket.Deny().Reason(wicket.BadUsernameOrPassword)
	}
	return wicket.Allow().Attribute("client", c.ClientID)
}

func ask(ctx *wicket.Context, c *wicket.Connect, r wicket.HTTPRequest) wicket.Verdict {
	res, err := ctx.HTTP(r)
	switch {
	case err != nil:
		return wicket.Fail(err)
	case res.Status >= 300:
		return wicket.Deny().Reason(wicket.BadUsernameOrPassword)
	}
	var t text
	t.number(1, uint64(res.Status))
	t.properties(2, res.Headers)
	t.hex(3, res.Body)
	return wicket.Allow().Attribute("client", c.ClientID).Attribute("response", string(t))
}

func result(ctx *wicket.Context) wicket.Verdict {
	res, err := ctx.HTTP(wicket.HTTPRequest{Upstream: "auth", Path: "/result"})
	if err != nil {
		return wicket.Fail(err)
	}
	body, _ := json.Parse(string(res.Body))
	switch word, _ := body.Get("result").Text(); word {
	case "allow":
		return wicket.Allow()
	case "deny":
		return wicket.Deny()
	}
	return wicket.Fail(errors.New("the answer cannot be understood"))
}

var (
	sink  int
	hoard [][]byte
)

func misbehave(how string) wicket.Verdict {
	switch how {
	case "trap":
		panic("trap")
	case "recurse":
		recurse(0)
	}
	for {
		sink++
		if how == "grow" {
			hoard = append(hoard, make([]byte, 1<<20))
		}
	}
}

// recurse never ends, in a way that no tool takes for a mistake.
func recurse(n int) int {
	if n < 0 {
		return sink
	}
	return recurse(n+1) + sink
}

func main() {}
