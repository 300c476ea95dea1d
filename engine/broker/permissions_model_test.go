package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/topic"
	"pgregory.net/rapid"
)

// Nothing that is denied is accepted or delivered, on any path: publishes, wills,
// retained messages, plain, wildcard and shared subscriptions, what has waited
// for a session that is resumed, what was put off by $delayed/ (by permission of the
// time at which it was accepted), before and after permissions change live. The
// model is the rules themselves, tried one after the other.
func TestNothingDeniedPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newPermissions(t)
		for _, id := range modelClients {
			m.come(t, id)
		}
		t.Repeat(map[string]func(*rapid.T){
			"connect":   m.connect,
			"lose":      m.lose,
			"subscribe": m.subscribe,
			"publish":   m.publish,
			"change":    m.change,
			"wait":      m.wait,
			"":          m.check,
		})
	})
}

// permissions is the world of the model: each client has an ordered list of
// rules, and what no rule covers is denied.
type permissions struct {
	w     *world
	own   map[string][]auth.Rule // given with the verdict
	shown map[string][]auth.Rule // given in answers about topics
	host  []auth.Rule
	peers map[string]*peer
	next  int
	from  map[string]string // payload → who has published it
	late  bool              // answers come from other goroutines
	open  []func()
	wills map[string]*mqtt.Will // of those who are connected
}

var (
	modelClients = []string{"a", "b"}
	modelTopics  = []string{"a", "a", "b", "a/x", "$z/x"}
	modelFilters = []string{"#", "#", "+", "a", "a/#", "+/x", "$z/#", "$delayed/#"}
	modelPlace   = append([]string{"${clientid}", "${clientid}/#", "b", "+/#"}, modelFilters...)
)

func newPermissions(t *rapid.T) *permissions {
	m := &permissions{
		wills: map[string]*mqtt.Will{},
		own:   map[string][]auth.Rule{}, shown: map[string][]auth.Rule{}, peers: map[string]*peer{}, from: map[string]string{},
		late: rapid.Bool().Draw(t, "late answers"),
	}
	m.w = newWorld(t, Options{Shards: 2})
	m.draw(t)
	return m
}

func drawModelRules(t *rapid.T, label string, least int) []auth.Rule {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) auth.Rule {
		r := auth.Rule{
			Permit:  rapid.IntRange(0, 3).Draw(t, "permit") > 0,
			Actions: auth.Action(rapid.SampledFrom([]int{1, 2, 3, 3}).Draw(t, "actions")),
			Filter:  rapid.SampledFrom(modelPlace).Draw(t, "filter"),
			QoS:     rapid.SampledFrom([]uint8{0, 0, 0, 1, 6}).Draw(t, "qos"),
			Retain:  rapid.SampledFrom([]auth.Retain{auth.RetainAny, auth.RetainAny, auth.RetainOnly, auth.RetainNever}).Draw(t, "retain"),
		}
		if r.Actions&auth.Subscribe != 0 {
			// A permission for one QoS says nothing of a delivery at another.
			r.QoS = 0
		}
		return r
	}), least, 4).Draw(t, label)
}

// draw makes new rules for everybody, and the gate that has them.
func (m *permissions) draw(t *rapid.T) {
	m.host = nil
	for _, r := range drawModelRules(t, "host rules", 0) {
		if !r.Permit {
			m.host = append(m.host, r)
		}
	}
	for _, id := range modelClients {
		m.shown[id] = drawModelRules(t, "rules of "+id, 2)
	}
	shown := map[string][]auth.Rule{}
	for id, rules := range m.shown {
		shown[id] = rules
	}
	d := &decider{
		authenticate: func(r *auth.Request, done func(auth.Verdict)) {
			m.answer(func() { done(auth.Verdict{Decision: auth.Allow, Default: auth.Next, Rules: m.own[r.ClientID]}) })
		},
		authorize: func(a *auth.Access, done func(auth.Verdict)) {
			v := auth.Verdict{Decision: auth.Next, Rules: shown[a.ClientID]}
			m.answer(func() { done(v) })
		},
	}
	g, err := auth.NewGate(auth.Options{
		Chain: []auth.Decider{d}, Rules: m.host, DenyDisconnects: rapid.IntRange(0, 3).Draw(t, "disconnects") == 0,
	})
	if err != nil {
		t.Fatal(err)
	}
	m.w.gate = g
}

func (m *permissions) answer(f func()) {
	if !m.late {
		f()
		return
	}
	m.open = append(m.open, f)
}

// settle lets all answers come.
func (m *permissions) settle() {
	m.w.settle()
	for len(m.open) > 0 {
		f := m.open[0]
		m.open = m.open[1:]
		f()
		m.w.settle()
	}
}

// first is the first of the rules that covers an access of the client.
func (m *permissions) first(rules []auth.Rule, id string, action auth.Action, name string, qos byte, retain bool) (found, permit bool) {
	for _, r := range rules {
		filter := strings.ReplaceAll(r.Filter, "${clientid}", id)
		switch {
		case r.Actions&action == 0, r.QoS != 0 && r.QoS&(1<<qos) == 0:
		case action == auth.Publish && (r.Retain == auth.RetainOnly && !retain || r.Retain == auth.RetainNever && retain):
		case topic.Covers(filter, name):
			return true, r.Permit
		}
	}
	return false, false
}

// permits is what the rules say of an access.
func (m *permissions) permits(id string, action auth.Action, name string, qos byte, retain bool) bool {
	if found, permit := m.first(m.host, id, action, name, qos, retain); found && !permit {
		return false
	}
	for _, rules := range [][]auth.Rule{m.own[id], m.shown[id]} {
		if found, permit := m.first(rules, id, action, name, qos, retain); found {
			return permit
		}
	}
	return false
}

// receives is what the rules say of a delivery: the session may have a
// subscription that matches the topic, and no rule forbids the topic itself.
func (m *permissions) receives(id, name string, qos byte) bool {
	return !m.forbids(id, name, qos) && slices.ContainsFunc(modelFilters, func(f string) bool {
		return topic.Match(f, name) && (m.permits(id, auth.Subscribe, f, 0, false) || m.permits(id, auth.Subscribe, f, 1, false) ||
			m.permits(id, auth.Subscribe, f, 2, false))
	})
}

func (m *permissions) forbids(id, name string, qos byte) bool {
	if found, permit := m.first(m.host, id, auth.Subscribe, name, qos, false); found && !permit {
		return true
	}
	for _, rules := range [][]auth.Rule{m.own[id], m.shown[id]} {
		if found, permit := m.first(rules, id, auth.Subscribe, name, qos, false); found {
			return !permit
		}
	}
	return false
}

// bequeath says what becomes of the will of a connection that has ended: one
// that is not permitted now goes to nobody.
func (m *permissions) bequeath(id string) {
	w := m.wills[id]
	if w == nil {
		return
	}
	delete(m.wills, id)
	if !m.permits(id, auth.Publish, inTime(string(w.Topic)), w.QoS, w.Retain) {
		delete(m.from, string(w.Payload))
	}
}

// inTime is the topic that a message comes to in the end.
func inTime(name string) string {
	if rest, is := strings.CutPrefix(name, "$delayed/"); is {
		_, name, _ = strings.Cut(rest, "/")
	}
	return name
}

// drawTopic is a topic to publish to, one in three with a delay.
func drawTopic(t *rapid.T, label string) string {
	name := rapid.SampledFrom(modelTopics).Draw(t, label)
	if rapid.IntRange(0, 2).Draw(t, "put off") == 0 {
		name = fmt.Sprintf("$delayed/%d/%s", rapid.IntRange(0, 2).Draw(t, "seconds"), name)
	}
	return name
}

// wait lets what is put off come.
func (m *permissions) wait(t *rapid.T) {
	m.check(t)
	m.w.pass(rapid.Float64Range(0.5, 3).Draw(t, "time"))
	m.check(t)
}

func (m *permissions) connect(t *rapid.T) {
	m.come(t, rapid.SampledFrom(modelClients).Draw(t, "client"))
}

// come connects a client, with new rules of its own.
func (m *permissions) come(t *rapid.T, id string) {
	m.check(t)
	before, will := m.own[id], m.wills[id] // of the connection that ends, if this one is let in
	lost := will != nil && !m.permits(id, auth.Publish, inTime(string(will.Topic)), will.QoS, will.Retain)
	m.own[id] = drawModelRules(t, "own rules of "+id, 0)
	p := m.w.dial(rapid.IntRange(0, 1).Draw(t, "loop"))
	c := connect(id, persistent)
	if rapid.Bool().Draw(t, "will") {
		withWill(drawTopic(t, "will topic"), m.payload(id))(c)
		c.Will.QoS = rapid.ByteRange(0, 2).Draw(t, "will qos")
		c.Will.Retain = rapid.Bool().Draw(t, "will retained")
	}
	p.send(c)
	m.settle()
	if p.reason != "" { // for its will; the connection before stays
		m.own[id] = before
		return
	}
	m.peers[id] = p
	delete(m.wills, id)
	if lost {
		delete(m.from, string(will.Payload))
	}
	if c.Will != nil {
		if !m.permits(id, auth.Publish, inTime(string(c.Will.Topic)), c.Will.QoS, c.Will.Retain) {
			t.Fatalf("%s comes in with a will that is not permitted", id)
		}
		m.wills[id] = c.Will
	}
}

func (m *permissions) payload(id string) string {
	m.next++
	payload := fmt.Sprint(m.next)
	m.from[payload] = id
	return payload
}

func (m *permissions) live(t *rapid.T) (string, *peer) {
	id := rapid.SampledFrom(modelClients).Draw(t, "client")
	p := m.peers[id]
	if p == nil || p.reason != "" {
		t.Skip("not connected")
	}
	return id, p
}

func (m *permissions) lose(t *rapid.T) {
	_, p := m.live(t)
	p.lose()
	m.settle()
}

func (m *permissions) subscribe(t *rapid.T) {
	id, p := m.live(t)
	filter := rapid.SampledFrom(modelFilters).Draw(t, "filter")
	q := rapid.ByteRange(0, 2).Draw(t, "qos")
	sent := filter
	if rapid.IntRange(0, 3).Draw(t, "shared") == 0 {
		sent = "$share/g/" + filter
	}
	m.check(t)
	p.send(subscribe(1, sent, q))
	m.settle()
	permitted := m.permits(id, auth.Subscribe, filter, q, false)
	for _, line := range m.read(t, id, p) {
		if code, ok := strings.CutPrefix(line, "SUBACK 1 "); ok && permitted == (code == "[0x87]") {
			t.Fatalf("%s subscribes to %q at QoS %d, permitted %v: %s", id, filter, q, permitted, line)
		}
	}
}

func (m *permissions) publish(t *rapid.T) {
	id, p := m.live(t)
	name := drawTopic(t, "topic")
	q := rapid.ByteRange(0, 2).Draw(t, "qos")
	keep := rapid.Bool().Draw(t, "retain")
	m.check(t)
	x := publish(name, m.payload(id), qos(q, 7))
	x.Retain = keep
	p.send(x)
	m.settle()
	permitted := m.permits(id, auth.Publish, inTime(name), q, keep)
	if !permitted {
		delete(m.from, string(x.Payload)) // nobody may ever get it
	}
	for _, line := range m.read(t, id, p) {
		code, acked := strings.CutPrefix(line, map[byte]string{1: "PUBACK 7", 2: "PUBREC 7"}[q])
		if q > 0 && acked && permitted != (code != " 0x87") {
			t.Fatalf("%s publishes to %q, permitted %v: %s", id, name, permitted, line)
		}
		if q == 2 && acked && permitted {
			p.send(pubrel(7))
			m.settle()
		}
	}
}

// change is a reload with other rules.
func (m *permissions) change(t *rapid.T) {
	m.check(t)
	m.draw(t)
	m.w.b.Rejudge("")
	m.settle()
}

// check reads what everybody has got: it must be permitted now.
func (m *permissions) check(t *rapid.T) {
	m.settle()
	for _, id := range modelClients {
		if p := m.peers[id]; p != nil {
			if p.reason != "" {
				m.bequeath(id)
			}
			m.read(t, id, p)
		}
	}
}

func (m *permissions) read(t *rapid.T, id string, p *peer) []string {
	lines := p.said()
	for _, line := range lines {
		p.acknowledge(line)
		f := strings.Fields(line)
		if f[0] != "PUBLISH" {
			continue
		}
		if payload := strings.Trim(f[2], `"`); m.from[payload] == "" {
			t.Fatalf("%s gets what nobody may publish: %s", id, line)
		}
		qos := byte(0)
		if len(f) > 3 && f[3][0] == 'q' {
			qos = f[3][1] - '0'
		}
		if !m.receives(id, f[1], qos) {
			t.Fatalf("%s gets what it may not have: %s", id, line)
		}
	}
	p.feed()
	m.settle()
	return lines
}
