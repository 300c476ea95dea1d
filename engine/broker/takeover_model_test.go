package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// One persistent client that hops between loops while messages are published
// on all of them, and the loops run in any order: there is never more than one
// connection, every QoS 2 message arrives exactly once, nothing is left
// behind.
func TestTakeoverModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const loops = 3
		w := newWorld(t, Options{Shards: loops, MaxQueued: 10_000, MaxInflight: 10_000})
		w.joined(0, "a", persistent).subscribed("x/y", 2).subscribed("x/+", 2).lose()
		var publishers [loops]*peer
		for i := range publishers {
			publishers[i] = w.joined(i, fmt.Sprint("p", i))
		}
		w.joined(1, "other").subscribed("x/y", 0)
		var (
			hops []*peer
			next uint16
			got  = map[string]int{}
		)
		listen := func() {
			for _, p := range hops {
				for _, line := range p.said() {
					p.acknowledge(line)
					if f := strings.Fields(line); f[0] == "PUBLISH" && !slices.Contains(f, "dup") {
						got[f[2]]++
					}
				}
			}
		}
		w.manual = true
		t.Repeat(map[string]func(*rapid.T){
			"connect": func(t *rapid.T) {
				p := w.dial(rapid.IntRange(0, loops-1).Draw(t, "loop"))
				hops = append(hops, p)
				p.send(connect("a", persistent, receives(10_000)))
				p.feed()
			},
			"lose": func(t *rapid.T) {
				if len(hops) == 0 {
					t.Skip("nobody is there")
				}
				p := rapid.SampledFrom(hops).Draw(t, "who")
				listen() // what is on the wire arrives
				p.lose()
			},
			"publish": func(t *rapid.T) {
				p := publishers[rapid.IntRange(0, loops-1).Draw(t, "loop")]
				next++
				p.send(publish("x/y", fmt.Sprint(next), qos(1+byte(next%2), next)))
				p.feed()
			},
			"publish 2": func(t *rapid.T) {
				p := publishers[rapid.IntRange(0, loops-1).Draw(t, "loop")]
				next++
				p.send(publish("x/y", fmt.Sprint(next), qos(1+byte(next%2), next)))
				p.feed()
			},
			"drain": func(t *rapid.T) { w.drain(rapid.IntRange(0, loops-1).Draw(t, "loop")) },
			"feed": func(t *rapid.T) {
				if len(hops) > 0 {
					rapid.SampledFrom(hops).Draw(t, "who").feed()
				}
			},
			"read": func(*rapid.T) { listen() },
		})
		w.settle() // those who came at the same time have settled who is the last
		open := 0
		for _, h := range hops {
			if h.reason == "" {
				open++
			}
		}
		if open > 1 {
			t.Fatalf("%d connections are open", open)
		}
		p := w.dial(rapid.IntRange(0, loops-1).Draw(t, "last loop"))
		hops = append(hops, p)
		p.send(connect("a", persistent, receives(10_000)))
		for range 20 {
			w.settle()
			listen()
		}
		for i, h := range hops {
			if h.reason == "" && h != p {
				t.Fatalf("connection %d is still open", i)
			}
		}
		if p.reason != "" {
			t.Fatalf("the last connection is closed: %s", p.reason)
		}
		for i := uint16(1); i <= next; i++ {
			if n := got[fmt.Sprintf("%q", fmt.Sprint(i))]; n != 1 {
				t.Errorf("message %d came %d times", i, n)
			}
		}
		w.manual = false
		last := w.joined(0, "a")
		last.send(disconnect())
		for _, x := range publishers {
			x.lose()
		}
		w.joined(1, "other").send(disconnect())
		w.empty()
	})
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
