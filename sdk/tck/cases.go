package tck

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

// Case is one rule of the ABI as a dialogue with the guest of the kit, which
// guests/README.md describes.
type Case struct {
	ID     string // such as "AUTHN-03"; never given to another rule
	Rule   string
	Load   *wire.Load          // nil: a Load of nothing but a name
	Fields map[[2]int32]string // of the client's certificate
	Refuse int64               // when negative, what host calls return

	Export string // of the event
	Event  []byte
	Calls  []Call          // what is asked of the host, in order, and how it ends
	Answer *harness.Answer // returned or given to resolve; nil: the event is an error
	Logs   []string        // "LEVEL TEXT"; nil: none, or that of an error
	anyLog bool
}

// Call is a host call that a guest is to start, and how the host completes it.
type Call struct {
	Verify  *wire.PasswordVerify
	HTTP    *wire.HTTPRequest
	Status  wire.Status
	Payload []byte
}

// Hash is the password hash that the guest of the kit has every password
// verified against.
const Hash = "$7$101$c2FsdA==$aGFzaA=="

// Load is the Load that cases use unless they have their own.
var Load = wire.Load{Plugin: "tck", Features: 3, ABIMinor: 2, Upstreams: []string{"auth"}}

// Run puts every case and every check to a module: the guest of the kit, built
// with the SDK under test. Checks of the features that the SDK lacks are skipped.
func Run(t *testing.T, module []byte, lacks ...string) {
	for _, f := range lacks {
		if !slices.Contains(Features, f) {
			t.Fatalf("there is no feature %q; there are %s", f, strings.Join(Features, ", "))
		}
	}
	for _, c := range Cases() {
		t.Run(c.ID, func(t *testing.T) { c.run(t, module) })
	}
	for _, c := range Checks {
		t.Run(c.ID, func(t *testing.T) {
			if slices.Contains(lacks, c.Feature) {
				t.Skipf("the SDK lacks %s", c.Feature)
			}
			g := harness.Open(t, module)
			if code := g.Load(&Load); code != 0 {
				t.Fatalf("wicket_load = %d, logs %q", code, g.Logs)
			}
			g.Logs = nil
			c.Do(t, g)
			if t.Failed() {
				t.Logf("the rule: %s", c.Rule)
			}
		})
	}
}

func (c *Case) run(t *testing.T, module []byte) {
	t.Helper()
	const req = 1<<40 + 7 // does not fit 32 bits
	g := harness.Open(t, module)
	if c.Export != "wicket_load" {
		load := c.Load
		if load == nil {
			load = &Load
		}
		if code := g.Load(load); code != 0 {
			t.Fatalf("wicket_load = %d, logs %q", code, g.Logs)
		}
		g.Logs = nil
	}
	if c.Fields != nil {
		g.Fields = c.Fields
	}
	g.Refuse = c.Refuse
	code := g.Event(c.Export, req, c.Event)
	for i := range c.Calls {
		c.Calls[i].complete(t, g, req)
	}
	c.judge(t, g, req, code)
	if t.Failed() {
		t.Logf("the rule: %s", c.Rule)
	}
}

// complete finds the one call in flight to be the one wanted, and ends it.
func (c *Call) complete(t *testing.T, g *harness.Guest, req int64) {
	t.Helper()
	if n := len(g.Calls) + len(g.Requests); n != 1 {
		t.Fatalf("%d calls in flight, want 1; logs %q", n, g.Logs)
	}
	if _, early := g.Answers[req]; early {
		t.Fatal("answered before its call has ended")
	}
	var id, of int64
	if c.Verify != nil && len(g.Calls) == 1 {
		id, of = g.Calls[0].ID, g.Calls[0].Req
		equal(t, "password_verify", &g.Calls[0].PasswordVerify, c.Verify)
	} else if c.HTTP != nil && len(g.Requests) == 1 {
		id, of = g.Requests[0].ID, g.Requests[0].Req
		equal(t, "http_send", &g.Requests[0].HTTPRequest, c.HTTP)
	} else {
		t.Fatalf("calls %+v and requests %+v, want %+v", g.Calls, g.Requests, *c)
	}
	if of != req {
		t.Errorf("the call is one of request %d", of)
	}
	g.Calls, g.Requests = nil, nil
	g.Complete(id, c.Status, string(c.Payload))
}

// judge compares what has come of the event, of which the export has returned
// code.
func (c *Case) judge(t *testing.T, g *harness.Guest, req int64, code int32) {
	t.Helper()
	if n := len(g.Calls) + len(g.Requests); n != 0 {
		t.Errorf("%d more calls: %+v %+v", n, g.Calls, g.Requests)
	}
	got, resolved := g.Answers[req]
	switch {
	case c.Export == "wicket_load":
		if (code == 0) != (c.Answer != nil) {
			t.Errorf("returned %d, logs %q", code, g.Logs)
		}
	case c.Answer == nil:
		if code >= 0 || resolved {
			t.Errorf("returned %d and resolved %v, want an error", code, resolved)
		}
	case resolved != (code == wire.Pending), code < 0:
		t.Errorf("returned %d and resolved %v; logs %q", code, resolved, g.Logs)
	case !resolved:
		got.Code = code
		fallthrough
	default:
		equal(t, "answer", &got, c.Answer)
	}
	if c.Logs != nil || c.Answer != nil && !c.anyLog {
		equal(t, "log", append([]string{}, g.Logs...), append([]string{}, c.Logs...))
	}
}

// equal compares as JSON, so that an empty field is an absent one.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	a, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("%s\n got %s\nwant %s", what, a, b)
	}
}

// Connect is an Authenticate event that has the guest of the kit do what its
// user name says.
func Connect(user, clientID string) *wire.Authenticate {
	return &wire.Authenticate{ClientID: clientID, Username: user, HasUsername: true, Password: []byte("pass\x00wörd"), HasPassword: true, Protocol: 5}
}

func authenticate(id, user, rule string, c Case) Case {
	c.ID, c.Rule, c.Export, c.Event = id, rule, "wicket_authenticate", Connect(user, "sensor 1/ä?").Append(nil)
	return c
}

// loaded is the answer to a Load that is accepted.
var loaded = new(harness.Answer)

func answer(code int32, d wire.Decision) *harness.Answer {
	return &harness.Answer{Code: code, Decision: d}
}

func attributes(keysAndValues ...string) wire.Decision {
	var d wire.Decision
	for i := 0; i < len(keysAndValues); i += 2 {
		d.Attributes = append(d.Attributes, wire.Property{Key: keysAndValues[i], Value: keysAndValues[i+1]})
	}
	return d
}

func decision(name string) (d wire.Decision) {
	readTwin(name, &d)
	return d
}

// readTwin reads golden/NAME.json.
func readTwin(name string, m any) {
	twin, err := Golden.ReadFile("golden/" + name + ".json")
	if err == nil {
		err = json.Unmarshal(twin, m)
	}
	if err != nil {
		panic(fmt.Sprintf("golden message %s: %v", name, err))
	}
}

// Cases returns all of them, in their order.
func Cases() []Case {
	all := append(goldenCases(), plainCases()...)
	all = append(all, passwordCases()...)
	return append(all, httpCases()...)
}

// goldenCases have every golden event read, and every malformed one refused.
func goldenCases() (all []Case) {
	files, err := Golden.ReadDir("golden")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		name, isEvent := strings.CutSuffix(f.Name(), ".bin")
		kind, _, _ := strings.Cut(name, "-")
		c := Case{ID: "READ-" + name, Export: "wicket_" + kind, Rule: "every field of an event is read, and what is unknown is skipped"}
		var message any
		switch kind {
		case "load":
			message = new(wire.Load)
		case "authenticate":
			message = new(wire.Authenticate)
		case "authorize":
			message = new(wire.Authorize)
		default:
			continue
		}
		if !isEvent {
			continue
		}
		if c.Event, err = Golden.ReadFile("golden/" + f.Name()); err != nil {
			panic(err)
		}
		if _, err := Golden.ReadFile("golden/" + name + ".json"); err != nil {
			c.Rule = "a malformed event is an error, and nothing is answered"
			all = append(all, c)
			continue
		}
		readTwin(name, message)
		c.expect(message)
		all = append(all, c)
	}
	return all
}

// expect sets what the guest of the kit does with an event that has no command.
func (c *Case) expect(message any) {
	d := attributes("event", Text(message))
	switch m := message.(type) {
	case *wire.Load:
		c.Logs, c.Answer = []string{"1 " + Text(m)}, loaded
		return
	case *wire.Authorize:
		d.TTL = 5000
		for _, t := range m.Topics {
			d.Codes = append(d.Codes, topicCode(t.Topic))
		}
	}
	c.Answer = answer(wire.Allow, d)
}

func topicCode(topic string) uint32 {
	switch topic {
	case "secret":
		return wire.Deny
	case "open":
		return wire.Allow
	}
	return wire.Next
}

func plainCases() []Case {
	topics := &wire.Authorize{ClientID: "c", Action: wire.Subscribe, Topics: []wire.Topic{{Topic: "open"}, {Topic: "secret"}, {Topic: "other"}}}
	perTopic := Case{ID: "AUTHZ-01", Rule: "each topic has a code of its own", Export: "wicket_authorize", Event: topics.Append(nil)}
	perTopic.expect(topics)
	everything := decision("decision-full")
	everything.AuthData = nil // reserved
	settings := Load
	settings.Config = ` {"text": "ä \"\\\/\b\f\n\r\t\u00e9\ud83d\ude00", "block": {"x": [1, -2.5e+3, {}], "key": "k"}, "z": null} `
	return []Case{
		authenticate("AUTHN-01", "allow", "a code needs no more", Case{Answer: answer(wire.Allow, wire.Decision{})}),
		authenticate("AUTHN-02", "deny", "a code needs no more", Case{Answer: answer(wire.Deny, wire.Decision{})}),
		authenticate("AUTHN-03", "next", "a code needs no more", Case{Answer: answer(wire.Next, wire.Decision{})}),
		authenticate("AUTHN-04", "banned", "a denial carries a reason and a text", Case{Answer: answer(wire.Deny, wire.Decision{Reason: 0x8A, ReasonText: "who is sensor 1/ä?"})}),
		authenticate("AUTHN-05", "full", "every field of a Decision can be set", Case{Answer: answer(wire.Allow, everything)}),
		authenticate("AUTHN-06", "named", "a NEXT can name the client", Case{Answer: answer(wire.Next, decision("decision-named"))}),
		authenticate("AUTHN-07", "long", "a Decision is as long as it has to be", Case{Answer: answer(wire.Allow, attributes("long", strings.Repeat("x", 60000)))}),
		authenticate("LOG-01", "log", "a line goes to each level", Case{Answer: answer(wire.Allow, wire.Decision{}),
			Logs: []string{"0 debug sensor 1/ä?", "1 info sensor 1/ä?", "2 warn sensor 1/ä?", "3 error sensor 1/ä?"}}),
		authenticate("CERT-01", "cert", "no certificate, no field", Case{Answer: answer(wire.Allow, wire.Decision{})}),
		authenticate("CERT-02", "cert", "fields have an index, and any length", Case{
			Fields: map[[2]int32]string{{1, 0}: "", {2, 0}: "a.example", {2, 1}: "b.example", {16, 0}: strings.Repeat("MIIB", 1500)},
			Answer: answer(wire.Allow, attributes("cn", "", "dns", "b.example", "pem", strings.Repeat("MIIB", 1500)))}),
		authenticate("CONF-01", "config", "the config is JSON", Case{Load: &settings,
			Answer: answer(wire.Allow, attributes("plugin", "tck", "text", "ä \"\\/\b\f\n\r\té😀", "nested", "k"))}),
		authenticate("CONF-02", "config", "keys may be absent", Case{Load: &wire.Load{Plugin: "tck", Config: `{"text": 5, "block": []}`},
			Answer: answer(wire.Allow, attributes("plugin", "tck"))}),
		{ID: "LOAD-01", Rule: "a plugin can refuse its config, and says why", Export: "wicket_load",
			Event: (&wire.Load{Plugin: "refused"}).Append(nil), Logs: []string{"3 no thanks"}},
		{ID: "LOAD-02", Rule: "a file may be larger than any other event", Export: "wicket_load",
			Event:  (&wire.Load{Plugin: "p", Files: []wire.File{{Key: "f", Content: make([]byte, 3<<20)}}}).Append(nil),
			Answer: loaded, Logs: []string{"1 1=p;3={1=f;3=#3145728;};"}},
		{ID: "LOAD-03", Rule: "a malformed Load refuses the plugin", Export: "wicket_load", Event: []byte{0x0a, 0x05, 'a'}},
		perTopic,
		{ID: "AUTHZ-02", Rule: "a code needs no more", Export: "wicket_authorize",
			Event: (&wire.Authorize{Username: "allow", Topics: topics.Topics}).Append(nil), Answer: answer(wire.Allow, wire.Decision{})},
	}
}

// The sentences of failed calls.
const (
	notGranted = "3 the operator has not granted this to the plugin"
	busy       = "3 too many calls in flight"
	timedOut   = "3 the call took too long"
	unread     = "3 the broker could not read the request"
	failed     = "3 the call failed"
)

var unavailable = answer(wire.Deny, wire.Decision{Reason: 0x88})

func verifyCall(status wire.Status, payload string) Call {
	return Call{Verify: &wire.PasswordVerify{Hash: Hash, Password: []byte("pass\x00wörd")}, Status: status, Payload: []byte(payload)}
}

func passwordCases() []Case {
	allowed := answer(wire.Allow, attributes("client", "sensor 1/ä?"))
	verify := func(id string, status wire.Status, payload, log string) Case {
		return authenticate(id, "verify", "a call that fails denies as Server unavailable, and the log says why",
			Case{Calls: []Call{verifyCall(status, payload)}, Answer: unavailable, Logs: []string{log}})
	}
	refused := func(id string, code int64, log string) Case {
		return authenticate(id, "verify", "a call that does not start ends as one that fails", Case{Refuse: code, Answer: unavailable, Logs: []string{log}})
	}
	return []Case{
		authenticate("PASS-01", "verify", "the right password", Case{Calls: []Call{verifyCall(wire.OK, "")}, Answer: allowed}),
		authenticate("PASS-02", "verify", "a wrong password", Case{Calls: []Call{verifyCall(wire.Mismatch, "")}, Answer: answer(wire.Deny, wire.Decision{Reason: 0x86})}),
		verify("PASS-03", wire.Timeout, "", timedOut),
		verify("PASS-04", wire.Refused, "", busy),
		verify("PASS-05", wire.Malformed, "", unread),
		verify("PASS-06", wire.Failed, "no luck", failed+": no luck"),
		verify("PASS-07", 99, "", failed),
		refused("PASS-08", -1, notGranted),
		refused("PASS-09", -2, busy),
		refused("PASS-10", -3, unread),
		refused("PASS-11", -99, failed),
	}
}

func httpCases() []Case {
	ask := &wire.HTTPRequest{Upstream: "auth", Path: "/auth?clientid=sensor%201%2F%C3%A4%3F"}
	post := new(wire.HTTPRequest)
	readTwin("http_request-post", post)
	full := new(wire.HTTPResponse)
	readTwin("http_response-full", full)
	empty := &wire.HTTPResponse{Status: 204}
	response := func(m *wire.HTTPResponse) []byte { return m.Append(nil) }
	allowed := func(m *wire.HTTPResponse) *harness.Answer {
		return answer(wire.Allow, attributes("client", "sensor 1/ä?", "response", Text(m)))
	}
	bad := answer(wire.Deny, wire.Decision{Reason: 0x86})
	end := func(id string, status wire.Status, payload, log string) Case {
		return authenticate(id, "ask", "a call that fails denies as Server unavailable, and the log says why",
			Case{Calls: []Call{{HTTP: ask, Status: status, Payload: []byte(payload)}}, Answer: unavailable, Logs: []string{log}})
	}
	full.Status = 299
	unknown, err := Golden.ReadFile("golden/http_response-empty-unknown.bin")
	if err != nil {
		panic(err)
	}
	all := []Case{
		authenticate("HTTP-01", "ask", "an answer without anything", Case{Calls: []Call{{HTTP: ask, Payload: response(empty)}}, Answer: allowed(empty)}),
		authenticate("HTTP-02", "ask", "an answer with everything", Case{Calls: []Call{{HTTP: ask, Payload: response(full)}}, Answer: allowed(full)}),
		authenticate("HTTP-03", "ask", "any status is an answer", Case{Calls: []Call{{HTTP: ask, Payload: response(&wire.HTTPResponse{Status: 503})}}, Answer: bad}),
		authenticate("HTTP-04", "ask", "unknown fields are skipped", Case{Calls: []Call{{HTTP: ask, Payload: unknown}}, Answer: allowed(empty)}),
		authenticate("HTTP-05", "post", "every field of an HttpRequest can be set", Case{Calls: []Call{{HTTP: post, Payload: response(empty)}}, Answer: allowed(empty)}),
		authenticate("HTTP-06", "chain", "a completion can start the next call", Case{
			Calls: []Call{verifyCall(wire.OK, ""), {HTTP: ask, Payload: response(empty)}}, Answer: allowed(empty)}),
		authenticate("HTTP-07", "chain", "and need not", Case{Calls: []Call{verifyCall(wire.Mismatch, "")}, Answer: bad}),
		end("HTTP-08", wire.Timeout, "slow", timedOut+": slow"),
		end("HTTP-09", wire.Refused, "open", busy+": open"),
		end("HTTP-10", wire.Failed, "no route", failed+": no route"),
		authenticate("HTTP-11", "ask", "a call that does not start ends as one that fails", Case{Refuse: -1, Answer: unavailable, Logs: []string{notGranted}}),
		authenticate("HTTP-12", "ask", "a malformed answer denies", Case{
			Calls: []Call{{HTTP: ask, Payload: []byte("\x0a\x01a")}}, Answer: unavailable, anyLog: true}),
	}
	return append(append(all, escapeCases()...), resultCases()...)
}

// escapeCases: what a client chooses never changes the form of a request.
func escapeCases() (all []Case) {
	for i, id := range []string{
		"/../admin?x=1#f", "%2e%2e", "a\r\nX-Evil: 1", `","admin":true,"x":"`, `\`, "\x00\x01\x1f\x7f", "${username}", "äß\U0001F600", "a b+c&d=e", "-._~",
	} {
		var path strings.Builder
		for _, c := range []byte(id) {
			if strings.IndexByte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~", c) >= 0 {
				path.WriteByte(c)
			} else {
				fmt.Fprintf(&path, "%%%02X", c)
			}
		}
		var body strings.Builder
		for _, c := range id {
			switch {
			case c == '"' || c == '\\':
				body.WriteString(`\` + string(c))
			case c < ' ' || c == 0x7f:
				fmt.Fprintf(&body, `\u%04x`, c)
			default:
				body.WriteRune(c)
			}
		}
		c := authenticate(fmt.Sprintf("ESC-%02d", i+1), "", "what a client chooses is escaped in a path and in JSON", Case{
			Calls: []Call{{HTTP: &wire.HTTPRequest{Upstream: "auth", Method: "POST", Path: "/" + path.String(), Body: []byte(`{"id":"` + body.String() + `"}`)},
				Status: wire.OK, Payload: (&wire.HTTPResponse{Status: 403}).Append(nil)}},
			Answer: answer(wire.Deny, wire.Decision{Reason: 0x86})})
		c.Event = Connect("escape", id).Append(nil)
		all = append(all, c)
	}
	return all
}

// resultCases: an answer is JSON to its end, or denies.
func resultCases() (all []Case) {
	odd := answer(wire.Deny, wire.Decision{Reason: 0x88})
	for i, r := range []struct {
		body string
		want *harness.Answer
	}{
		{`{"result":"allow"}`, answer(wire.Allow, wire.Decision{})},
		{" {\t\"x\" : [ { } , [ ] , 0 , -0.5e-7 , true , false , null ] ,\r\n\"result\" : \"\\u0061llow\" } ", answer(wire.Allow, wire.Decision{})},
		{`{"result":"deny"}`, answer(wire.Deny, wire.Decision{})},
		{`{"result":"ignore"}`, odd},
		{`{"result":true}`, odd},
		{`{}`, odd},
		{``, odd},
		{`allow`, odd},
		{`"allow"`, odd},
		{`["result","allow"]`, odd},
		{`{"result":"allow"`, odd},
		{`{"result":"allow"}}`, odd},
		{`{"result":"allow",}`, odd},
		{`{"result":"allow" "x":1}`, odd},
		{`{'result':'allow'}`, odd},
		{`{"result":"allow","x":01}`, odd},
		{`{"result":"allow","x":1.}`, odd},
		{`{"result":"allow","x":tru}`, odd},
		{`{"result":"allow","x":"\q"}`, odd},
		{`{"result":"allow","x":"\ud800"}`, odd},
		{"{\"result\":\"allow\",\"x\":\"\n\"}", odd},
		{"{\"result\":\"allow\",\"x\":\"\xff\"}", odd},
		{"{\"result\":\"allow\",\"x\":\"\xed\xa0\x80\"}", odd},
		{`{"result":"deny","result":"allow"}`, odd},
		{`{"result":"allow","x":` + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + `}`, odd},
		{`{"x":{"result":"allow"}}`, odd},
	} {
		c := authenticate(fmt.Sprintf("JSON-%02d", i+1), "result", "an answer in JSON is understood, or denies", Case{
			Calls: []Call{{HTTP: &wire.HTTPRequest{Upstream: "auth", Path: "/result"},
				Payload: (&wire.HTTPResponse{Status: 200, Body: []byte(r.body)}).Append(nil)}}, Answer: r.want})
		if r.want == odd {
			c.Logs = []string{"3 the answer cannot be understood"}
		}
		all = append(all, c)
	}
	return all
}
