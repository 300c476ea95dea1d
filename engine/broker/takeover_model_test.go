package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const modelLoops = 3

// One persistent client that hops between loops while messages are published
// on all of them, and the loops run in any order: there is never more than one
// connection, every message with QoS 1 or 2 arrives exactly once, nothing is
// left behind.
func TestTakeoverModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newTakeoverModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"connect":   m.connect,
			"lose":      m.lose,
			"publish":   m.publish,
			"publish 2": m.publish,
			"drain":     func(t *rapid.T) { m.w.drain(rapid.IntRange(0, modelLoops-1).Draw(t, "loop")) },
			"feed": func(t *rapid.T) {
				if len(m.hops) > 0 {
					rapid.SampledFrom(m.hops).Draw(t, "who").feed()
				}
			},
			"read": func(*rapid.T) { m.listen() },
		})
		m.w.settle() // those who came at the same time have settled who is the last
		m.onlyOne(t)
		m.connect(t)
		for range 20 {
			m.w.settle()
			m.listen()
		}
		m.onlyOne(t)
		if last := m.hops[len(m.hops)-1]; last.reason != "" {
			t.Fatalf("the last connection is closed: %s", last.reason)
		}
		for i := uint16(1); i <= m.next; i++ {
			if n := m.got[fmt.Sprintf("%q", fmt.Sprint(i))]; n != 1 {
				t.Errorf("message %d came %d times", i, n)
			}
		}
		m.leave()
	})
}

type takeoverModel struct {
	w          *world
	publishers [modelLoops]*peer
	hops       []*peer // the connections of the client that hops
	next       uint16
	got        map[string]int // how often a payload came for the first time
}

func newTakeoverModel(t *rapid.T) *takeoverModel {
	w := newWorld(t, Options{Shards: modelLoops, MaxQueued: 10_000, MaxInflight: 10_000})
	m := &takeoverModel{w: w, got: map[string]int{}}
	w.joined(0, "a", persistent).subscribed("x/y", 2).subscribed("x/+", 2).lose()
	for i := range m.publishers {
		m.publishers[i] = w.joined(i, fmt.Sprint("p", i))
	}
	w.joined(1, "other").subscribed("x/y", 0)
	w.manual = true
	return m
}

func (m *takeoverModel) connect(t *rapid.T) {
	p := m.w.dial(rapid.IntRange(0, modelLoops-1).Draw(t, "loop"))
	m.hops = append(m.hops, p)
	p.send(connect("a", persistent, receives(10_000)))
	p.feed()
}

func (m *takeoverModel) lose(t *rapid.T) {
	if len(m.hops) == 0 {
		t.Skip("nobody is there")
	}
	p := rapid.SampledFrom(m.hops).Draw(t, "who")
	m.listen() // what is on the wire arrives
	p.lose()
}

func (m *takeoverModel) publish(t *rapid.T) {
	p := m.publishers[rapid.IntRange(0, modelLoops-1).Draw(t, "loop")]
	m.next++
	p.send(publish("x/y", fmt.Sprint(m.next), qos(1+byte(m.next%2), m.next)))
	p.feed()
}

// listen takes what has been sent on all connections and answers it.
func (m *takeoverModel) listen() {
	for _, p := range m.hops {
		for _, line := range p.said() {
			p.acknowledge(line)
			if f := strings.Fields(line); f[0] == "PUBLISH" && !slices.Contains(f, "dup") {
				m.got[f[2]]++
			}
		}
	}
}

func (m *takeoverModel) onlyOne(t *rapid.T) {
	open := 0
	for _, h := range m.hops {
		if h.reason == "" {
			open++
		}
	}
	if open > 1 {
		t.Fatalf("%d connections are open", open)
	}
}

// leave ends every session and checks that nothing remains.
func (m *takeoverModel) leave() {
	m.w.manual = false
	m.w.joined(0, "a").send(disconnect())
	for _, p := range m.publishers {
		p.lose()
	}
	m.w.joined(1, "other").send(disconnect())
	m.w.empty()
}

// acknowledge answers a line as a good client would.
func (p *peer) acknowledge(line string) {
	var x packet
	var topic, payload string
	var q byte
	var id uint16
	switch {
	case p.reason != "":
		return
	case strings.HasPrefix(line, "PUBREL"):
		fmt.Sscanf(line, "PUBREL %d", &id)
		x = pubcomp(id)
	default:
		if n, _ := fmt.Sscanf(line, "PUBLISH %s %q q%d #%d", &topic, &payload, &q, &id); n < 4 {
			return
		}
		x = puback(id)
		if q == 2 {
			x = pubrec(id)
		}
	}
	p.in = x.Append(p.in, p.version)
	p.hungry = true
}
