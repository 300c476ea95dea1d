package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// deaf is a client on no socket: what it writes is dropped.
func deaf(t *testing.T, s Spec) *client {
	t.Helper()
	if err := s.normalize(); err != nil {
		t.Fatal(err)
	}
	l := &Load{spec: s, latency: newHistogram(), connect: newHistogram()}
	for n := range s.Publishers {
		l.pubs = append(l.pubs, &client{load: l, n: n, stage: closed, pub: s.newPublisher(n)})
	}
	return &client{load: l, stage: closed, done: make(chan error, 1)}
}

// Frames are what engine/mqtt reads, and identifier and stamp are where they
// are patched in.
func TestFramesOfAPublisher(t *testing.T) {
	for _, v := range []mqtt.Version{mqtt.V311, mqtt.V50} {
		for qos := range byte(3) {
			t.Run(fmt.Sprintf("version %d QoS %d", v, qos), func(t *testing.T) {
				s := Spec{Version: v, QoS: qos, Publishers: 3, Fan: 1, Payload: 300, Window: 8, Topics: 11, First: 40, Topic: "b/%r/%i/%k", Sample: 1}
				c := deaf(t, s).load.pubs[2]
				c.load.now = 77
				c.load.spec.Sample = 1
				p := c.pub
				if len(p.ends) != 11 {
					t.Fatalf("%d frames for 11 topics", len(p.ends))
				}
				if qos > 0 {
					p.identify(p.ends[:8], c.load.spec.idAt())
				}
				c.stamp(p.ends[:8])
				from := 0
				for k, end := range p.ends[:8] {
					checkFrame(t, p.burst[from:end], v, qos, k)
					from = end
				}
			})
		}
	}
}

func checkFrame(t *testing.T, frame []byte, v mqtt.Version, qos byte, k int) {
	t.Helper()
	h, err := mqtt.ParseHeader(frame)
	if err != nil || h.Len() != len(frame) {
		t.Fatalf("frame of %d bytes: header %+v, error %v", len(frame), h, err)
	}
	var m mqtt.Publish
	if err := m.Decode(v, h.Flags, frame[h.Size:]); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("b/bench/42/%d", k); string(m.Topic) != want || m.QoS != qos || len(m.Payload) != 300 {
		t.Errorf("topic %q QoS %d, %d bytes; want %q", m.Topic, m.QoS, len(m.Payload), want)
	}
	if qos > 0 && m.PacketID != uint16(k+1) {
		t.Errorf("packet identifier %d, want %d", m.PacketID, k+1)
	}
	if from := binary.BigEndian.Uint32(m.Payload); from != 42 {
		t.Errorf("publisher %d, want 42", from)
	}
	if stamp := binary.BigEndian.Uint64(m.Payload[4:]); stamp != 77 {
		t.Errorf("stamp %d, want 77", stamp)
	}
}

// Deliveries cut anywhere are counted once, answered, and give credit to their
// publisher.
func TestDeliveriesInAnyPieces(t *testing.T) {
	s := Spec{QoS: 2, Publishers: 2, Subscribers: 1, Fan: 1, Payload: 200, Window: 4, Topic: "t/%i"}
	for cut := 1; cut < 300; cut += 7 {
		c := deaf(t, s)
		l := c.load
		stream := l.pubs[1].pub.burst
		l.now, l.pubs[1].pub.pending = 1_000_000, 4
		binary.BigEndian.PutUint64(stream[len(stream)-l.spec.stampAt():], 900_000)
		var rest []byte
		var answers int
		for len(stream) > 0 {
			n := min(cut, len(stream))
			rest = append(rest, stream[:n]...)
			stream = stream[n:]
			used, err := c.packets(rest)
			if err != nil {
				t.Fatal(err)
			}
			answers += len(l.acks) / 4
			rest = rest[used:]
		}
		if l.count.Received != 4 || answers != 4 || l.pubs[1].pub.pending != 0 || l.pubs[0].pub.pending != 0 {
			t.Fatalf("pieces of %d: %d deliveries, %d answers, %d pending", cut, l.count.Received, answers, l.pubs[1].pub.pending)
		}
		if l.latency.TotalCount() != 1 || l.latency.ValueAtQuantile(50)/1000 != 100 {
			t.Fatalf("latencies: %d, %d ns", l.latency.TotalCount(), l.latency.ValueAtQuantile(50))
		}
	}
}

func TestAcknowledgements(t *testing.T) {
	c := deaf(t, Spec{QoS: 2, Publishers: 1, Window: 2, Topic: "t"})
	l, p := c.load, c.load.pubs[0]
	p.pub.identify(p.pub.ends, l.spec.idAt())
	l.running = true
	in := []byte{0x50, 2, 0, 1, 0x70, 2, 0, 1, 0x70, 2, 0, 1, 0x70, 2, 0, 9, 0x62, 2, 0, 5} // PUBREC 1, PUBCOMP 1 twice, PUBCOMP 9, PUBREL 5
	if _, err := p.packets(in); err != nil {
		t.Fatal(err)
	}
	if want := "\x62\x02\x00\x01\x70\x02\x00\x05"; string(l.acks) != want {
		t.Errorf("answers % x, want % x", l.acks, want)
	}
	if p.pub.unacked != 1 || l.count.Acked != 1 || len(l.credited) != 1 {
		t.Errorf("%d not acknowledged, %d acknowledged, %d credited", p.pub.unacked, l.count.Acked, len(l.credited))
	}
}

func TestPacketsThatEndAClient(t *testing.T) {
	for name, in := range map[string][]byte{
		"refused":       {0x20, 2, 0, 5},
		"no filter":     {0x90, 3, 0, 1, 0x80},
		"reserved type": {0x00, 0},
		"short ack":     {0x40, 1, 0},
	} {
		c := deaf(t, Spec{Publishers: 1})
		if _, err := c.packets(in); err == nil || errors.Is(err, mqtt.ErrShort) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// What a closed loop may send: nothing until a quarter of the window is free
// (half without a fan-out), and no message counts as done before all its
// deliveries have come.
func TestWindow(t *testing.T) {
	c := deaf(t, Spec{QoS: 1, Publishers: 1, Fan: 10, Window: 8, Topic: "t"}).load.pubs[0]
	for _, x := range []struct{ pending, unacked, want int }{
		{0, 0, 8}, {40, 0, 4}, {60, 0, 2}, {61, 0, 0}, {0, 4, 4}, {0, 6, 2}, {0, 7, 0}, {31, 4, 4}, {80, 8, 0},
	} {
		c.pub.pending, c.pub.unacked = x.pending, x.unacked
		if got := c.allowed(); got != x.want {
			t.Errorf("%d deliveries and %d acknowledgements missing: may send %d, want %d", x.pending, x.unacked, got, x.want)
		}
	}
}

func TestPatterns(t *testing.T) {
	s := Spec{Run: "r1", ClientID: "%r-%w%i", Username: "u%g", Groups: 3, First: 10}
	for pattern, want := range map[string]string{
		"a/b": "a/b", "%i": "14", "%g/%k": "2/7", "t/%c/x": "t/r1-s14/x", "%u": "u2", "100%": "100%",
	} {
		if got := s.expand(pattern, "s", 4, 7); got != want {
			t.Errorf("%q becomes %q, want %q", pattern, got, want)
		}
	}
}

func TestSpecIsChecked(t *testing.T) {
	for name, s := range map[string]Spec{
		"nobody":  {},
		"QoS 3":   {Publishers: 1, QoS: 3},
		"window":  {Publishers: 1, Window: 70_000},
		"version": {Publishers: 1, Version: 3},
	} {
		if s.normalize() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
