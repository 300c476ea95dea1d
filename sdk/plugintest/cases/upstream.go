package cases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wicketmq/wicket/engine/upstream"
)

// Answer is what a stand-in for an upstream answers to the requests that it
// fits; the first that fits answers. All of the first four keys have to fit, as
// far as they are there.
type Answer struct {
	Method      string            `yaml:"method,omitempty"`
	Path        string            `yaml:"path,omitempty"` // with the query; a * at the end stands for anything
	Request     *string           `yaml:"request,omitempty"`
	RequestJSON any               `yaml:"request_json,omitempty"` // what the body has at least
	Header      map[string]string `yaml:"request_header,omitempty"`

	Status  int               `yaml:"status,omitempty"` // 200 unless said
	Headers map[string]string `yaml:"headers,omitempty"`
	Body    string            `yaml:"body,omitempty"`
	JSON    any               `yaml:"json,omitempty"`  // a body, and its Content-Type
	Fail    string            `yaml:"fail,omitempty"`  // no answer: timeout, refused, tls, broken, busy, breaker_open, too_large or canceled
	After   time.Duration     `yaml:"after,omitempty"` // the clock is turned by this; more than the request has is a timeout
	Times   int               `yaml:"times,omitempty"` // it answers that many requests; 0: all
}

// check finds what is wrong with an answer.
func (a *Answer) check() error {
	if _, ok := failure(a.Fail); a.Fail != "" && !ok {
		return fmt.Errorf("fail %q: write %s", a.Fail, strings.Trim(fmt.Sprint(upstream.Kinds), "[]"))
	}
	if a.Status != 0 && (a.Status < 100 || a.Status > 599) {
		return fmt.Errorf("status %d is none of HTTP", a.Status)
	}
	return nil
}

func failure(name string) (upstream.Kind, bool) {
	for _, k := range upstream.Kinds {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

func (a *Answer) fits(r *upstream.Request, used int) bool {
	return (a.Times == 0 || used < a.Times) &&
		(a.Method == "" || a.Method == r.Method) &&
		pathFits(a.Path, r.Path) &&
		(a.Request == nil || *a.Request == string(r.Body)) &&
		(a.RequestJSON == nil || jsonFits(a.RequestJSON, r.Body)) &&
		headerFits(a.Header, r.Header)
}

func pathFits(pattern, path string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(path, prefix)
	}
	return pattern == "" || pattern == path
}

func headerFits(want map[string]string, have []upstream.Header) bool {
	for name, value := range want {
		if !slices.ContainsFunc(have, func(h upstream.Header) bool { return strings.EqualFold(h.Name, name) && h.Value == value }) {
			return false
		}
	}
	return true
}

// jsonFits reports whether a body has all that a value has.
func jsonFits(want any, body []byte) bool {
	text, err := json.Marshal(want)
	if err != nil {
		return false
	}
	var least, have any
	return json.Unmarshal(text, &least) == nil && json.Unmarshal(body, &have) == nil && within(least, have)
}

func within(least, have any) bool {
	object, ok := least.(map[string]any)
	if !ok {
		return reflect.DeepEqual(least, have)
	}
	of, ok := have.(map[string]any)
	if !ok {
		return false
	}
	for key, value := range object {
		if got, there := of[key]; !there || !within(value, got) {
			return false
		}
	}
	return true
}

func (a *Answer) response() (upstream.Response, error) {
	r := upstream.Response{Status: or(a.Status, http.StatusOK), Body: []byte(a.Body)}
	header := maps.Clone(a.Headers)
	if a.JSON != nil {
		text, err := json.Marshal(a.JSON)
		if err != nil {
			return r, err
		}
		r.Body = text
		if header == nil {
			header = map[string]string{}
		}
		if _, there := header["Content-Type"]; !there {
			header["Content-Type"] = "application/json"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		r.Header = append(r.Header, upstream.Header{Name: http.CanonicalHeaderKey(name), Value: header[name]})
	}
	return r, nil
}

// network is all upstreams of a case, and what they were asked.
type network struct {
	clock  *clock
	forget bool // requests are not kept; set before they are made

	mu       sync.Mutex
	requests []string
	problems []string // requests that nobody has an answer for
}

// since returns the requests from a number on.
func (n *network) since(from int) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.requests[from:])
}

// standIn is one upstream. Its Send is called by the plugin's worker.
type standIn struct {
	name    string
	net     *network
	answers []*Answer
	used    []int
}

// Send implements wasm.Sender. It is as strict as an upstream is.
func (s *standIn) Send(_ context.Context, r upstream.Request, done func(upstream.Response, error)) {
	if err := r.Check(); err != nil {
		done(upstream.Response{}, &upstream.Error{Upstream: s.name, Kind: upstream.BadRequest, Err: err})
		return
	}
	r.Method = or(r.Method, http.MethodGet)
	done(s.answer(&r))
}

func (s *standIn) answer(r *upstream.Request) (upstream.Response, error) {
	fail := func(k upstream.Kind, err error) (upstream.Response, error) {
		return upstream.Response{}, &upstream.Error{Upstream: s.name, Kind: k, Err: err}
	}
	n := s.net
	n.mu.Lock()
	defer n.mu.Unlock()
	asked := strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.Method, s.name, r.Path, r.Body))
	if !n.forget {
		n.requests = append(n.requests, asked)
	}
	for i, a := range s.answers {
		if !a.fits(r, s.used[i]) {
			continue
		}
		s.used[i]++
		if r.Timeout > 0 && a.After > r.Timeout {
			n.clock.turn(r.Timeout)
			return fail(upstream.Timeout, errors.New("no answer in time"))
		}
		n.clock.turn(a.After)
		if kind, ok := failure(a.Fail); ok {
			return fail(kind, errors.New(a.Fail))
		}
		return a.response()
	}
	if n.forget {
		return fail(upstream.Refused, errors.New("the case has no answer for this request"))
	}
	n.problems = append(n.problems, fmt.Sprintf("upstream %q has no answer for %s", s.name, asked))
	return fail(upstream.Refused, errors.New("the case has no answer for this request"))
}

// clock is the time that a plugin sees.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
