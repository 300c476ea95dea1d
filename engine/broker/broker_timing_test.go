package broker

import (
	"fmt"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// bench is a broker with one publisher and subscribers that keep nothing.
type bench struct {
	*world
	publisher *Client
	link      *sinkLink
	clients   []*Client
}

func newBench(t tester, shards, subscribers int, q byte, v func(*mqtt.Connect)) *bench {
	b := &bench{world: newWorld(t, Options{Shards: shards, MaxInflight: 65535}), link: new(sinkLink)}
	b.publisher = b.client(0, "p", v)
	for i := range subscribers {
		c := b.client(shards-1, fmt.Sprint("s", i), v)
		c.Feed(subscribe(1, "bench/topic", q).Append(nil, c.version))
		b.clients = append(b.clients, c)
	}
	b.settle()
	return b
}

func (b *bench) client(shard int, id string, v func(*mqtt.Connect)) *Client {
	c, l := new(Client), b.link
	if id != "p" {
		l = new(sinkLink)
	}
	b.shards[shard].Attach(c, l, &b.info)
	p := connect(id, v)
	c.Feed(p.Append(nil, p.Version))
	return c
}

func payload(n int) string { return fmt.Sprintf("%0*d", n, 1) }

// What must not allocate: a PUBLISH with QoS 0 to subscribers of the same loop
// whatever their version and identifier, PINGREQ, and in the long run a QoS 1
// exchange but for the message itself.
func TestNoAllocations(t *testing.T) {
	any5 := func(*mqtt.Connect) {}
	b := newBench(t, 1, 20, 0, any5)
	for i := range 20 {
		c := b.client(0, fmt.Sprint("v3-", i), v311)
		c.Feed(subscribe(1, "bench/+", 0).Append(nil, mqtt.V311))
		c = b.client(0, fmt.Sprint("id-", i), any5)
		c.Feed(subscribe(1, "bench/+", 0, subID(7)).Append(nil, mqtt.V50))
	}
	for name, p := range map[string]packet{
		"PUBLISH":            publish("bench/topic", payload(100)),
		"PUBLISH with alias": publish("bench/topic", payload(100), alias(1)),
		"PUBLISH to nobody":  publish("nobody", ""),
		"PINGREQ":            pingPacket{},
	} {
		window := p.Append(nil, mqtt.V50)
		if n := testing.AllocsPerRun(200, func() { b.publisher.Feed(window) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if n := b.b.Stats(); n.PublishOut != 60*3*201-60*201 {
		t.Errorf("%d PUBLISH packets were sent", n.PublishOut)
	}
}

// A QoS 1 message costs its copy and nothing else, sent, acknowledged and all.
func TestAcknowledgedAllocations(t *testing.T) {
	b := newBench(t, 1, 10, 1, v311)
	window := publish("bench/topic", payload(100), qos(1, 1)).Append(nil, mqtt.V311)
	ack := puback(1).Append(nil, mqtt.V311)
	if n := testing.AllocsPerRun(200, func() {
		b.publisher.Feed(window)
		for _, c := range b.clients {
			last := c.sub.LastID()
			ack[2], ack[3] = byte(last>>8), byte(last)
			c.Feed(ack)
		}
	}); n > 2 {
		t.Errorf("%v allocations, want 2", n)
	}
	for _, c := range b.clients {
		if !c.sub.Idle() {
			t.Fatal("messages are left in the window")
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, tt := range []struct {
		name        string
		shards      int
		subscribers int
		qos         byte
	}{
		{"QoS0/1to1", 1, 1, 0},
		{"QoS0/1to1000", 1, 1000, 0},
		{"QoS0/1to1/other-loop", 2, 1, 0},
		{"QoS0/1to1000/other-loop", 2, 1000, 0},
		{"QoS1/1to1", 1, 1, 1},
		{"QoS1/1to1000", 1, 1000, 1},
	} {
		b.Run(tt.name, func(b *testing.B) {
			x := newBench(b, tt.shards, tt.subscribers, tt.qos, v311)
			p := publish("bench/topic", payload(100), qos(tt.qos, 0))
			if tt.qos > 0 {
				p.PacketID = 1
			}
			window := p.Append(nil, mqtt.V311)
			ack := puback(1).Append(nil, mqtt.V311)
			b.ReportAllocs()
			for b.Loop() {
				x.publisher.Feed(window)
				if tt.shards > 1 {
					x.shards[1].Drain()
				}
				if tt.qos == 0 {
					continue
				}
				for _, c := range x.clients {
					last := c.sub.LastID()
					ack[2], ack[3] = byte(last>>8), byte(last)
					c.Feed(ack)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(tt.subscribers), "ns/delivery")
		})
	}
}

func BenchmarkPingreq(b *testing.B) {
	x := newBench(b, 1, 0, 0, v311)
	window := mqtt.AppendPingreq(nil)
	b.ReportAllocs()
	for b.Loop() {
		x.publisher.Feed(window)
	}
}

func BenchmarkConnectDisconnect(b *testing.B) {
	w := newWorld(b, Options{})
	window := connect("a", v311).Append(nil, mqtt.V311)
	bye := disconnect().Append(nil, mqtt.V311)
	l := new(sinkLink)
	b.ReportAllocs()
	for b.Loop() {
		var c Client
		w.shards[0].Attach(&c, l, &w.info)
		c.Feed(window)
		c.Feed(bye)
	}
}

// A takeover to another loop and back, with one subscription.
func BenchmarkTakeoverAcrossLoops(b *testing.B) {
	w := newWorld(b, Options{Shards: 2})
	window := connect("a", v311, resumes).Append(nil, mqtt.V311)
	l := new(sinkLink)
	c := new(Client)
	w.shards[0].Attach(c, l, &w.info)
	c.Feed(subscribe(1, "t", 1).Append(window, mqtt.V311))
	window = connect("a", v311, resumes).Append(nil, mqtt.V311)
	b.ReportAllocs()
	for i := 1; b.Loop(); i++ {
		next := new(Client)
		w.shards[i%2].Attach(next, l, &w.info)
		next.Feed(window)
		w.settle()
		if next.state != live {
			b.Fatal("not let in")
		}
	}
}

func BenchmarkRetainedSubscribe(b *testing.B) {
	w := newWorld(b, Options{})
	p := w.joined(0, "p")
	for i := range 100_000 {
		p.Feed(publish(fmt.Sprintf("site/%d/device/%d", i%100, i), "x", retain).Append(nil, mqtt.V50))
	}
	p.out = nil
	for _, filter := range []string{"site/5/device/100005", "site/5/device/5", "site/+/device/5", "site/5/#"} {
		b.Run(filter, func(b *testing.B) {
			l := new(sinkLink)
			c := new(Client)
			w.shards[0].Attach(c, l, &w.info)
			c.Feed(connect("a", v311).Append(nil, mqtt.V311))
			window := subscribe(1, filter, 0).Append(nil, mqtt.V311)
			b.ReportAllocs()
			for b.Loop() {
				c.Feed(window)
				for c.replay != nil {
					w.shards[0].Drain()
				}
			}
		})
	}
}
