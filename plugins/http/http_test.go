package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/plugins"
	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

const config = `{"method":"post","path":"/auth?clientid=${clientid}","body":{"username":"${username}","password":"${password}"},
	"authorization":{"method":"get","path":"/acl?topic=${topic}"}}`

func open(tb testing.TB, config string) *harness.Guest {
	tb.Helper()
	module, _ := plugins.Builtin("http")
	g := harness.Open(tb, module)
	if code := g.Load(&wire.Load{Plugin: "http", Config: config, Upstreams: []string{"auth"}}); code != 0 {
		tb.Fatalf("load: %d, %q", code, g.Logs)
	}
	return g
}

func connect(client string) *wire.Authenticate {
	return &wire.Authenticate{ClientID: client, Username: "alice", HasUsername: true, Password: []byte("s3cret"), HasPassword: true, Peer: "192.0.2.7:51234"}
}

func says(body string) *wire.HTTPResponse {
	return &wire.HTTPResponse{Status: 200, Headers: []wire.Property{{Key: "Content-Type", Value: "application/json"}}, Body: []byte(body)}
}

// A CONNECT and a SUBSCRIBE through the module that the broker has built in.
func TestModule(t *testing.T) {
	g := open(t, config)
	if g.Hears != 3 {
		t.Errorf("hears %b", g.Hears)
	}
	if code := g.Authenticate(1, connect("c 1")); code != wire.Pending || len(g.Requests) != 1 {
		t.Fatalf("%d, asked %+v", code, g.Requests)
	}
	if r := g.Requests[0]; r.Req != 1 || r.Upstream != "auth" || r.Method != "POST" || r.Path != "/auth?clientid=c%201" ||
		string(r.Body) != `{"username":"alice","password":"s3cret"}` {
		t.Errorf("%+v", r)
	}
	g.Respond(g.Requests[0].ID, says(`{"result":"allow","is_superuser":true,"expire_at":1700000003,"client_attrs":{"role":"admin"},"acl":[{"permission":"deny","action":"all","topic":"t/3"}]}`))
	if a := g.Answers[1]; a.Code != wire.Allow || !a.Superuser || a.ExpireAt != 1700000003 || len(a.Attributes) != 1 || len(a.Rules) != 1 || a.Default != wire.Next {
		t.Errorf("%+v", a)
	}
	e := &wire.Authorize{ClientID: "c1", Action: wire.Subscribe}
	for range 12 {
		e.Topics = append(e.Topics, wire.Topic{Topic: "a/#"})
	}
	g.Requests = nil
	if code := g.Authorize(2, e); code != wire.Pending || len(g.Requests) != 8 {
		t.Fatalf("%d, asked %d times", code, len(g.Requests))
	}
	for i := 0; i < len(g.Requests); i++ { // each answer brings the next question
		g.Respond(g.Requests[i].ID, &wire.HTTPResponse{Status: 204})
	}
	if a := g.Answers[2]; len(g.Requests) != 12 || a.Code != wire.Allow || len(a.Codes) != 12 || a.Codes[11] != wire.Allow {
		t.Errorf("asked %d times, %+v", len(g.Requests), a)
	}
}

func TestNothingSecretIsLogged(t *testing.T) {
	g := open(t, strings.Replace(config, `"/auth?`, `"/auth?password=${password}&`, 1))
	g.Authenticate(1, connect("c1"))
	g.Respond(g.Requests[0].ID, says(`{"result":"allow","acl":1}`))
	g.Authenticate(2, connect("c1\n"))
	g.Respond(g.Requests[1].ID, says(`{"broken s3cret`))
	g.Authenticate(3, connect("c1"))
	g.Complete(g.Requests[2].ID, wire.Failed, "connection refused")
	log := strings.Join(g.Logs, "\n")
	if len(g.Logs) != 3 || strings.Contains(log, "s3cret") || !strings.Contains(log, `client "c1\n"`) || !strings.Contains(log, "connection refused") {
		t.Errorf("%s", log)
	}
}

// AHTTP-14: somebody whose server is made for EMQX 4 learns what to write.
func TestOldServerIsRecognized(t *testing.T) {
	g := open(t, config)
	const hint = "; a server made for EMQX 4 needs compat: v4"
	for i, c := range []struct {
		response *wire.HTTPResponse
		hint     bool
	}{
		{&wire.HTTPResponse{Status: 200}, true},
		{&wire.HTTPResponse{Status: 200, Headers: []wire.Property{{Key: "content-type", Value: "text/plain"}}, Body: []byte("ok")}, true},
		{&wire.HTTPResponse{Status: 401}, true},
		{&wire.HTTPResponse{Status: 403}, true},
		{&wire.HTTPResponse{Status: 404}, false},
		{&wire.HTTPResponse{Status: 500}, false},
		{says(`{}`), false},
		{says(`{`), false},
	} {
		g.Authenticate(int64(i+1), connect("c1"))
		g.Respond(g.Requests[i].ID, c.response)
		if len(g.Logs) != i+1 || strings.Contains(g.Logs[i], hint) != c.hint {
			t.Errorf("%+v: %q", c.response, g.Logs)
		}
	}
}

// Thousands of clients wait on one instance. What that takes of its memory is a
// function for the answer and the client id, and as much again for the garbage
// collector (D2).
func TestManyWait(t *testing.T) {
	const n = 5000
	g := open(t, config)
	before := g.Memory()
	for i := range n {
		g.Authenticate(int64(i+1), connect("c1"))
	}
	each := (g.Memory() - before) / n
	t.Logf("%d bytes for each", each)
	if each > 2<<10 {
		t.Errorf("%d bytes for each client that waits", each)
	}
	for i := range g.Requests {
		g.Respond(g.Requests[n-1-i].ID, &wire.HTTPResponse{Status: 204})
	}
	for i := range n {
		if g.Answers[int64(i+1)].Code != wire.Allow {
			t.Fatalf("request %d: %+v", i+1, g.Answers[int64(i+1)])
		}
	}
}

// AHTTP-13: a crowd with the same request waits for one answer in the module too, and
// those who come after it are asked about again.
func TestCrowd(t *testing.T) {
	g := open(t, strings.Replace(config, "{", `{"share_requests":"5s","remember_denials":"5s",`, 1))
	const n = 50
	for i := range int64(n) {
		c := connect("c1")
		if i%10 == 9 {
			c.Password = []byte("wrong")
		}
		if code := g.Authenticate(i, c); code != wire.Pending {
			t.Fatalf("client %d: %d", i, code)
		}
	}
	if len(g.Requests) != 2 {
		t.Fatalf("%d requests", len(g.Requests))
	}
	g.Respond(g.Requests[1].ID, says(`{"result":"deny"}`))
	g.Respond(g.Requests[0].ID, says(`{"result":"allow","acl":[{"permission":"allow","action":"all","topic":"t"}]}`))
	for i := range int64(n) {
		a, ok := g.Answers[i]
		if want := map[bool]int32{true: wire.Deny, false: wire.Allow}[i%10 == 9]; !ok || a.Code != want || len(a.Rules) != int(want) {
			t.Errorf("client %d: %+v", i, a)
		}
	}
	g.Authenticate(n, connect("c1"))
	if len(g.Requests) != 3 {
		t.Errorf("%d requests", len(g.Requests))
	}
}

// AHTTP-13: so many wait for one request, and the next one sends another, so that all
// of them are answered within the time that the broker gives the plugin. Of a long
// answer each has its own, as if nothing were shared.
func TestLargeCrowd(t *testing.T) {
	g := open(t, strings.Replace(config, "{", `{"share_requests":"5s",`, 1))
	const n, each = 200, 65 // who sends it, and those who wait with it
	for i := range int64(n) {
		g.Authenticate(i, connect("c1"))
	}
	if len(g.Requests) != (n+each-1)/each {
		t.Fatalf("%d requests", len(g.Requests))
	}
	rules := func(n int) string {
		return `{"result":"allow","acl":[` + strings.Repeat(`{"permission":"allow","action":"all","topic":"devices/${clientid}/#"},`, n-1) + `{"permission":"deny","action":"all","topic":"#"}]}`
	}
	sent := g.Requests
	g.Requests = nil
	g.Respond(sent[1].ID, says(rules(50)))
	if len(g.Answers) != each || len(g.Requests) != 0 {
		t.Errorf("%d answers, %d requests", len(g.Answers), len(g.Requests))
	}
	g.Respond(sent[0].ID, says(rules(500)))
	if len(g.Answers) != each+1 || len(g.Requests) != each-1 {
		t.Fatalf("%d answers, %d requests", len(g.Answers), len(g.Requests))
	}
	for _, r := range g.Requests {
		if r.Path != sent[0].Path || r.Method != sent[0].Method || string(r.Body) != string(sent[0].Body) || len(r.Headers) != len(sent[0].Headers) {
			t.Fatalf("%+v is not %+v", r, sent[0])
		}
		g.Respond(r.ID, says(rules(500)))
	}
	g.Complete(sent[2].ID, wire.Failed, "connection refused")
	g.Respond(sent[3].ID, &wire.HTTPResponse{Status: 204})
	for i := range int64(n) {
		a, ok := g.Answers[i]
		want, rules := int32(wire.Allow), 0
		switch i / each {
		case 0:
			rules = 500
		case 1:
			rules = 50
		case 2:
			want = wire.Next
		}
		if !ok || a.Code != want || len(a.Rules) != rules {
			t.Errorf("client %d: %t, code %d, %d rules", i, ok, a.Code, len(a.Rules))
		}
	}
}

// BenchmarkConnect is a CONNECT through the module: the event, the request, the
// answer with two rules, the verdict.
func BenchmarkConnect(b *testing.B) {
	g := open(b, config)
	answer := says(`{"result":"allow","is_superuser":false,"acl":[{"permission":"allow","action":"all","topic":"devices/${clientid}/#"},{"permission":"deny","action":"all","topic":"#"}]}`)
	for i := 0; b.Loop(); i++ {
		g.Authenticate(int64(i+1), connect("c1"))
		g.Respond(g.Requests[0].ID, answer)
		g.Requests = g.Requests[:0]
		delete(g.Answers, int64(i+1))
	}
}

// The module lives in the memory of one event: what it asks later, and what it says
// of a client that has waited, is that client's, whoever came in between.
func TestClientsInBetween(t *testing.T) {
	g := open(t, `{"compat":"v4","method":"post","path":"/auth","params":"clientid=%c,username=%u,password=%P",
		"superuser":{"method":"post","path":"/super","params":"clientid=%c,password=%P"},
		"authorization":{"method":"get","path":"/acl?client=${clientid}&topic=${topic}"}}`)
	const clients = 5
	for i := range clients {
		c := connect("client-" + strconv.Itoa(i))
		c.Password = []byte("secret-" + strconv.Itoa(i))
		g.Authenticate(int64(i), c)
	}
	first := g.Requests
	g.Requests = nil
	for i := clients - 1; i >= 0; i-- {
		if want := "clientid=client-" + strconv.Itoa(i) + "&username=alice&password=secret-" + strconv.Itoa(i); string(first[i].Body) != want {
			t.Errorf("%s, want %s", first[i].Body, want)
		}
		g.Respond(first[i].ID, &wire.HTTPResponse{Status: 200})
	}
	for k, r := range g.Requests {
		i := strconv.Itoa(clients - 1 - k)
		if want := "clientid=client-" + i + "&password=secret-" + i; r.Path != "/super" || string(r.Body) != want {
			t.Errorf("%s %s, want %s", r.Path, r.Body, want)
		}
		g.Respond(r.ID, &wire.HTTPResponse{Status: uint32(200 + k%2)})
		if a := g.Answers[r.Req]; a.Code != wire.Allow || a.Superuser != (k%2 == 0) {
			t.Errorf("%d: %+v", r.Req, a)
		}
	}
	g.Requests = nil
	for i := range clients { // ten topics: two of them are asked about later
		a := &wire.Authorize{ClientID: "client-" + strconv.Itoa(i), Action: wire.Subscribe}
		for k := range 10 {
			a.Topics = append(a.Topics, wire.Topic{Topic: strconv.Itoa(i) + "-" + strconv.Itoa(k)})
		}
		g.Authorize(int64(100+i), a)
	}
	for n := 0; n < len(g.Requests); n++ {
		r := g.Requests[n]
		i := strconv.Itoa(int(r.Req - 100))
		topic, ok := strings.CutPrefix(r.Path, "/acl?client=client-"+i+"&topic="+i+"-")
		if !ok {
			t.Errorf("request %d asks %s", r.Req, r.Path)
		}
		odd := topic[len(topic)-1]%2 == 1
		g.Respond(r.ID, &wire.HTTPResponse{Status: map[bool]uint32{true: 403, false: 200}[odd]})
	}
	for i := range clients {
		for k, code := range g.Answers[int64(100+i)].Codes {
			if code != map[bool]uint32{true: wire.Deny, false: wire.Allow}[k%2 == 1] {
				t.Errorf("client %d, topic %d: %d", i, k, code)
			}
		}
		if len(g.Answers[int64(100+i)].Codes) != 10 {
			t.Errorf("client %d: %+v", i, g.Answers[int64(100+i)])
		}
	}
}
