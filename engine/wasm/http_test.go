package wasm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/upstream"
)

// backend is an upstream that the test answers for.
type backend struct {
	mu   sync.Mutex
	asks []asked
}

type asked struct {
	ctx  context.Context
	req  upstream.Request
	done func(upstream.Response, error)
}

func (b *backend) Send(ctx context.Context, r upstream.Request, done func(upstream.Response, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asks = append(b.asks, asked{ctx, r, done})
}

func (b *backend) all() []asked {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asks
}

// sends waits for the n-th request.
func (b *backend) sends(t testing.TB, n int) asked {
	t.Helper()
	until(t, "asked", func() bool { return len(b.all()) >= n })
	return b.all()[n-1]
}

// prompt answers before Send returns.
type prompt struct{ err error }

func (p prompt) Send(_ context.Context, _ upstream.Request, done func(upstream.Response, error)) {
	done(upstream.Response{Status: 200}, p.err)
}

func openHTTP(t testing.TB, to Sender, o Options) *Plugin {
	t.Helper()
	o.Module = guest(t, "http")
	o.Grants = []string{GrantHTTP}
	o.Upstreams = map[string]Sender{"auth": to}
	if o.Workers == 0 {
		o.Workers = 1
	}
	return open(t, newHost(t, HostOptions{}), o)
}

func TestHTTPSend(t *testing.T) {
	var b backend
	p := openHTTP(t, &b, Options{})
	v := ask(p, "go")
	a := b.sends(t, 1)
	want := upstream.Request{Path: "/p", Header: []upstream.Header{{Name: "a", Value: "b"}}, Body: []byte("xy"), Timeout: 2 * time.Second}
	if !reflect.DeepEqual(a.req, want) {
		t.Errorf("%+v, want %+v", a.req, want)
	}
	a.done(upstream.Response{Status: 204}, nil)
	if v := wait(t, v); v.Decision != auth.Allow {
		t.Errorf("%+v", v)
	}
	if s := p.Stats(); s.Sent != 1 || s.Sending != 0 {
		t.Errorf("%+v", s)
	}
}

// An answer inside of Send waits for the guest to come out of the import.
func TestHTTPAnswerAtOnce(t *testing.T) {
	p := openHTTP(t, prompt{}, Options{})
	for range 100 {
		if v := answer(t, p, "go"); v.Decision != auth.Allow {
			t.Fatalf("%+v", v)
		}
	}
}

// A call without a request is asked and completed like the others.
func TestHTTPStray(t *testing.T) {
	p := openHTTP(t, prompt{}, Options{})
	if v := answer(t, p, "stray"); v.Decision != auth.Allow {
		t.Errorf("%+v", v)
	}
}

func TestHTTPFailures(t *testing.T) {
	for kind, want := range map[upstream.Kind]status{
		upstream.Timeout: statusTimeout, upstream.Refused: statusFailed, upstream.TLS: statusFailed, upstream.Broken: statusFailed,
		upstream.Busy: statusRefused, upstream.Open: statusRefused, upstream.TooLarge: statusFailed,
		upstream.BadRequest: statusMalformed, upstream.Canceled: statusRefused,
	} {
		err := &upstream.Error{Upstream: "auth", Kind: kind, Err: errors.New("no")}
		if st, text := httpFailure(fmt.Errorf("x: %w", err)); st != want || text != `cannot ask upstream "auth": no` {
			t.Errorf("%v: %v %q", kind, st, text)
		}
		p := openHTTP(t, prompt{err}, Options{})
		if v := answer(t, p, "go"); v.Decision != auth.Deny {
			t.Errorf("%v: %+v", kind, v)
		}
	}
	if st, text := httpFailure(errors.New("odd")); st != statusFailed || text != "odd" {
		t.Errorf("%v %q", st, text)
	}
}

// What a guest may not ask costs the request, not the instance, and the
// operator is told which line is missing.
func TestHTTPRefused(t *testing.T) {
	for client, said := range map[string]string{
		"other":     "asked upstream \\\"other\\\", which is not granted; add `plugins.test.upstreams: [other]`",
		"malformed": "cannot be read",
		"foreign":   "plugin reports an error",
	} {
		var log strings.Builder
		var b backend
		h := newHost(t, HostOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
		p := open(t, h, Options{Module: guest(t, "http"), Grants: []string{GrantHTTP}, Upstreams: map[string]Sender{"auth": &b}, Workers: 1})
		denied(t, answer(t, p, client), mqtt.ServerUnavailable)
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if len(b.all()) != 0 || len(p.Stats().Faults) != 0 || !strings.Contains(log.String(), said) {
			t.Errorf("%s: asked %v, faults %v, log %s", client, b.all(), p.Stats().Faults, log.String())
		}
	}
	p := openHTTP(t, &backend{}, Options{})
	denied(t, answer(t, p, "bad pointer"), mqtt.ServerUnavailable)
	if n := p.Stats().Faults[FaultPointer]; n != 1 {
		t.Errorf("%d faults", n)
	}
}

// Without the grant the module is refused before it runs.
func TestHTTPNotGranted(t *testing.T) {
	_, err := newHost(t, HostOptions{}).Open(context.Background(), Options{Name: "door", Module: guest(t, "http")})
	if err == nil || !strings.Contains(err.Error(), "wicket.http_send, which is not granted; add `plugins.door.grants: [http]`") {
		t.Error(err)
	}
}

// One request cannot fill the queue of an upstream, and all requests of a
// plugin not more than its own share.
func TestHTTPCaps(t *testing.T) {
	var b backend
	p := openHTTP(t, &b, Options{})
	denied(t, answer(t, p, "loop"), mqtt.ServerUnavailable)
	if n := len(b.all()); n != maxRequestCalls {
		t.Errorf("%d calls of one request", n)
	}
	b = backend{}
	const limit = 20
	p = openHTTP(t, &b, Options{Limits: Limits{InFlight: limit}})
	denied(t, answer(t, p, "loop"), mqtt.ServerUnavailable) // 16 calls outlive their request
	answers := []<-chan auth.Verdict{}
	for range limit - maxRequestCalls {
		answers = append(answers, ask(p, "go"))
	}
	denied(t, answer(t, p, "go"), mqtt.ServerUnavailable)
	for _, a := range b.all() {
		a.done(upstream.Response{}, nil)
	}
	for _, c := range answers {
		if v := wait(t, c); v.Decision != auth.Allow {
			t.Errorf("%+v", v)
		}
	}
	if v := ask(p, "go"); b.sends(t, limit+1).req.Path != "/p" {
		t.Errorf("%v", v)
	}
}

// Thousands of requests wait for upstreams on one instance, and are answered
// in any order.
func TestHTTPPending(t *testing.T) {
	const n = 3000
	var b backend
	p := openHTTP(t, &b, Options{Limits: Limits{Queue: n, Wall: time.Minute, AuthenticateSlice: 5 * time.Second}}) // the machine may be busy
	answers := make([]<-chan auth.Verdict, n)
	for i := range answers {
		answers[i] = ask(p, "go")
	}
	b.sends(t, n)
	asks := b.all()
	for i := range asks {
		a := asks[(i*1237)%n]
		if i%3 == 0 {
			a.done(upstream.Response{}, &upstream.Error{Kind: upstream.Broken, Err: errors.New("gone")})
		} else {
			a.done(upstream.Response{Status: 200}, nil)
		}
	}
	allowed := 0
	for _, c := range answers {
		if v := wait(t, c); v.Decision == auth.Allow {
			allowed++
		}
	}
	if allowed != n*2/3 || p.Stats().Workers != 1 {
		t.Errorf("%d of %d allowed", allowed, n)
	}
}

// A call has what is left of its request's time, less what the guest needs to
// say something after it.
func TestHTTPDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		p := openHTTP(t, &b, Options{Limits: Limits{Wall: time.Second}})
		begin := time.Now()
		v := ask(p, "go")
		synctest.Wait()
		if got := b.all()[0].req.Timeout; got != 950*time.Millisecond {
			t.Errorf("%v", got)
		}
		denied(t, <-v, mqtt.ServerUnavailable)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("%v", took)
		}
		b.all()[0].done(upstream.Response{Status: 204}, nil) // nobody waits for it
		synctest.Wait()
		if s := p.Stats(); s.Ignored != 1 || len(s.Faults) != 0 || s.Sending != 0 {
			t.Errorf("%+v", s)
		}
	})
	if lastWord(time.Minute) != 250*time.Millisecond {
		t.Error("the last word takes long")
	}
}

// An instance takes its calls with it: their context ends, and what still
// comes of them is nobody's.
func TestHTTPInstanceDropped(t *testing.T) {
	var b backend
	p := openHTTP(t, &b, Options{})
	v := ask(p, "go")
	a := b.sends(t, 1)
	denied(t, answer(t, p, "unreachable"), mqtt.ServerUnavailable)
	denied(t, wait(t, v), mqtt.ServerUnavailable)
	<-a.ctx.Done()
	a.done(upstream.Response{Status: 204}, nil)
	until(t, "a new instance", func() bool { return p.Stats().Up == 1 })
	if v := answer(t, p, "allow"); v.Decision != auth.Allow {
		t.Errorf("%+v", v)
	}
	if s := p.Stats(); s.Sending != 0 || len(s.Faults) != 1 {
		t.Errorf("%+v", s)
	}
}

// A response that the guest has no room for is a failure of the call.
func TestHTTPNoRoom(t *testing.T) {
	var b backend
	p := openHTTP(t, &b, Options{})
	v := ask(p, "go")
	b.sends(t, 1).done(upstream.Response{Status: 200, Body: make([]byte, 100_000)}, nil)
	if v := wait(t, v); v.Decision != auth.Deny {
		t.Errorf("%+v", v)
	}
	if v := answer(t, p, "allow"); v.Decision != auth.Allow || len(p.Stats().Faults) != 0 {
		t.Errorf("%+v", v)
	}
}

func TestDecodeHTTPRequest(t *testing.T) {
	for name, text := range map[string]string{
		"cut":            "\x0a\x05au",
		"method of type": "\x10\x01",
		"NUL in path":    "\x1a\x01\x00",
		"header":         "\x22\x02\x0a\x05",
		"long name":      "\x0a\x81\x02" + strings.Repeat("x", 257),
		"many headers":   strings.Repeat("\x22\x00", maxHTTPHeaders+1),
		"timeout":        "\x30\xff\xff\xff\xff\x7f",
		"huge":           "\x2a\x80\x80\x40" + strings.Repeat("x", 1<<20),
	} {
		if to, r, err := decodeHTTPRequest([]byte(text), nil); err == nil {
			t.Errorf("%s: %q %+v", name, to, r)
		}
	}
}

// A header that is the same as that of the request before is not copied; one that
// differs anywhere is the request's own.
func TestDecodedHeadersAreShared(t *testing.T) {
	h := func(pairs ...string) (list []upstream.Header, b []byte) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, upstream.Header{Name: pairs[i], Value: pairs[i+1]})
			b = appendProperty(b, 4, pairs[i], pairs[i+1])
		}
		return list, b
	}
	like, _ := h("a", "1", "b", "2")
	for name, pairs := range map[string][]string{
		"the same": {"a", "1", "b", "2"}, "fewer": {"a", "1"}, "none": {}, "more": {"a", "1", "b", "2", "c", "3"},
		"another value": {"a", "1", "b", "3"}, "another name": {"x", "1", "b", "2"}, "another order": {"b", "2", "a", "1"},
	} {
		want, b := h(pairs...)
		_, r, err := decodeHTTPRequest(b, like)
		clear(b)
		if err != nil || !slices.Equal(r.Header, want) {
			t.Errorf("%s: %v %v", name, r.Header, err)
		}
		if shared := len(r.Header) > 0 && &r.Header[0] == &like[0]; shared != (name == "the same" || name == "fewer") {
			t.Errorf("%s: shared %v", name, shared)
		}
		if _ = append(r.Header, upstream.Header{Name: "more"}); like[1].Name != "b" {
			t.Fatalf("%s: what was shared has changed", name)
		}
	}
}

func FuzzHTTPRequest(f *testing.F) {
	f.Add([]byte("\x0a\x04auth\x1a\x02/p\x22\x06\x0a\x01a\x12\x01b\x2a\x02xy\x30\xd0\x0f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		keep := string(b)
		to, r, err := decodeHTTPRequest(b, nil)
		to = strings.Clone(to)
		clear(b) // the guest's memory goes on to change
		if err != nil {
			return
		}
		again, r2, err := decodeHTTPRequest([]byte(keep), r.Header)
		if err != nil || to != again || !reflect.DeepEqual(r, r2) || len(r.Header) > maxHTTPHeaders {
			t.Errorf("%q %+v, then %q %+v %v", to, r, again, r2, err)
		}
	})
}
