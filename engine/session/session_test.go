package session

import (
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/wicketmq/wicket/engine/mqtt"
)

func TestSizes(t *testing.T) {
	for _, tt := range []struct {
		name      string
		size, max uintptr
	}{
		{"Session", unsafe.Sizeof(Session{}), 72},
		{"Subscription", unsafe.Sizeof(Subscription{}), 24},
		{"Delivery", unsafe.Sizeof(Delivery{}), 40},
		{"slot", unsafe.Sizeof(slot{}), 48},
		{"Message", unsafe.Sizeof(Message{}), 64},
	} {
		t.Logf("%-12s %d bytes", tt.name, tt.size)
		if tt.size > tt.max {
			t.Errorf("%s has %d bytes, want at most %d", tt.name, tt.size, tt.max)
		}
	}
}

func delivery(n int, qos byte) Delivery {
	return Delivery{Msg: &Message{Payload: []byte(fmt.Sprint(n)), QoS: qos}, QoS: qos}
}

func TestPacketIDsWrap(t *testing.T) {
	var p Pool
	s := Session{lastID: ids - 1}
	for _, want := range []uint16{65535, 1, 2} { // never 0 [MQTT-2.2.1-3]
		if id := s.Send(&p, delivery(0, 1)); id != want {
			t.Errorf("packet id %d, want %d", id, want)
		}
	}
	for _, id := range []uint16{1, 65535, 2} {
		if got := s.Puback(&p, id); got != Done {
			t.Errorf("PUBACK %d: %v", id, got)
		}
	}
	if !s.Idle() {
		t.Error("the window is not given back")
	}
	if id := s.Send(&p, delivery(0, 1)); id != 3 {
		t.Errorf("packet id %d, want 3", id)
	}
}

// A client that never acknowledges its oldest message stops the window before
// the packet ids run out, and gets on as soon as it does.
func TestStuckOldest(t *testing.T) {
	var p Pool
	s := Session{lastID: 100}
	first := s.Send(&p, delivery(0, 1))
	n := 0
	for s.CanSend(10) {
		if got := s.Puback(&p, s.Send(&p, delivery(n, 1))); got != Done {
			t.Fatal(got)
		}
		if n++; n > ids {
			t.Fatal("the window grows without end")
		}
	}
	if got := s.Puback(&p, first); got != Done || !s.CanSend(10) || !s.Idle() {
		t.Errorf("after the oldest: %v, idle %v", got, s.Idle())
	}
}

func TestAnswers(t *testing.T) {
	var p Pool
	var s Session
	one, two := s.Send(&p, delivery(1, 1)), s.Send(&p, delivery(2, 2))
	steps := []struct {
		name string
		got  Answer
		want Answer
	}{
		{"PUBACK of 0", s.Puback(&p, 0), Unknown},
		{"PUBACK of a QoS 2 message", s.Puback(&p, two), Unexpected},
		{"PUBREC of a QoS 1 message", s.Pubrec(&p, one, false), Unexpected},
		{"PUBCOMP before PUBREC", s.Pubcomp(&p, two), Unexpected},
		{"PUBREC", s.Pubrec(&p, two, false), Release},
		{"PUBREC again", s.Pubrec(&p, two, false), Release},
		{"PUBCOMP", s.Pubcomp(&p, two), Done},
		{"PUBCOMP again", s.Pubcomp(&p, two), Unknown},
		{"PUBACK", s.Puback(&p, one), Done},
		{"PUBACK again", s.Puback(&p, one), Unknown},
	}
	for _, st := range steps {
		if st.got != st.want {
			t.Errorf("%s: %v, want %v", st.name, st.got, st.want)
		}
	}
}

// The session against a plain model: messages are sent in order, at most
// limit at a time, never lost, and repeated only after Resume.
func TestSessionModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{
			s:        Session{lastID: uint16(rapid.IntRange(0, ids).Draw(t, "last id"))},
			limit:    uint16(rapid.IntRange(1, 5).Draw(t, "limit")),
			released: map[uint16]bool{},
			sent:     map[uint16]bool{},
		}
		t.Repeat(map[string]func(*rapid.T){
			"publish":     m.publish,
			"acknowledge": m.acknowledge,
			"complete":    m.complete,
			"reconnect": func(t *rapid.T) {
				m.limit = uint16(rapid.IntRange(1, 5).Draw(t, "limit"))
				m.s.Resume()
				clear(m.sent)
				m.pump(t)
			},
			"": m.check,
		})
	})
}

// model is a session, and what it should hold.
type model struct {
	p        Pool
	s        Session
	limit    uint16
	next     int
	queue    []string        // not sent yet
	open     []uint16        // sent and not done, in order
	released map[uint16]bool // PUBREC has come
	sent     map[uint16]bool // in this connection
}

func (m *model) publish(t *rapid.T) {
	m.next++
	d := delivery(m.next, byte(rapid.IntRange(1, 2).Draw(t, "qos")))
	if !m.s.CanSend(m.limit) {
		m.s.Enqueue(&m.p, d, 1<<20)
		m.queue = append(m.queue, string(d.Msg.Payload))
		return
	}
	id := m.s.Send(&m.p, d)
	if slices.Contains(m.open, id) {
		t.Fatalf("packet id %d is in use", id)
	}
	m.open = append(m.open, id)
	m.sent[id] = true
}

func (m *model) pump(t *rapid.T) {
	var expired uint64
	for {
		x, ok := m.s.Next(&m.p, m.limit, 1, &expired)
		if !ok {
			break
		}
		if x.Dup {
			i := slices.IndexFunc(m.open, func(id uint16) bool { return !m.sent[id] })
			if i < 0 || m.open[i] != x.ID || x.Release != m.released[x.ID] {
				t.Fatalf("repeats %d (release %v), open %v", x.ID, x.Release, m.open)
			}
		} else {
			if len(m.queue) == 0 || string(x.Msg.Payload) != m.queue[0] {
				t.Fatalf("sends %q, queue %v", x.Msg.Payload, m.queue)
			}
			m.queue = m.queue[1:]
			m.open = append(m.open, x.ID)
		}
		m.sent[x.ID] = true
	}
	if len(m.sent) < int(m.limit) && len(m.queue) > 0 {
		t.Fatalf("%d wait although only %d of %d are sent", len(m.queue), len(m.sent), m.limit)
	}
}

func (m *model) any(t *rapid.T) uint16 {
	if len(m.open) == 0 {
		t.Skip("nothing is open")
	}
	return rapid.SampledFrom(m.open).Draw(t, "id")
}

func (m *model) acknowledge(t *rapid.T) {
	id := m.any(t)
	switch m.s.Puback(&m.p, id) {
	case Done:
		m.finish(t, id)
	case Unexpected:
		if m.s.Pubrec(&m.p, id, false) != Release {
			t.Fatal("PUBREC is not answered")
		}
		m.released[id] = true
	default:
		t.Fatalf("%d is unknown", id)
	}
}

func (m *model) complete(t *rapid.T) {
	id := m.any(t)
	got := m.s.Pubcomp(&m.p, id)
	if m.released[id] != (got == Done) {
		t.Fatalf("PUBCOMP %d: %v", id, got)
	}
	if got == Done {
		m.finish(t, id)
	}
}

func (m *model) finish(t *rapid.T, id uint16) {
	m.open = slices.DeleteFunc(m.open, func(o uint16) bool { return o == id })
	delete(m.sent, id)
	delete(m.released, id)
	m.pump(t)
}

func (m *model) check(t *rapid.T) {
	if m.s.Inflight() != len(m.open) || m.s.Queued() != len(m.queue) {
		t.Fatalf("in flight %d, queued %d; want %d, %d", m.s.Inflight(), m.s.Queued(), len(m.open), len(m.queue))
	}
	if m.s.Idle() != (len(m.open)+len(m.queue) == 0) {
		t.Fatalf("idle is %v", m.s.Idle())
	}
}

// The oldest message makes room.
func TestEnqueueDropsOldest(t *testing.T) {
	var p Pool
	var s Session
	for i := range 5 {
		if dropped := s.Enqueue(&p, delivery(i, 1), 3); dropped != (i >= 3) {
			t.Errorf("%d: dropped is %v", i, dropped)
		}
	}
	var expired uint64
	x, ok := s.Next(&p, 1, 1, &expired)
	if !ok || string(x.Msg.Payload) != "2" || s.Queued() != 2 {
		t.Errorf("got %q, %d wait", x.Msg.Payload, s.Queued())
	}
}

func TestSubscriptionsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Subscriptions
		model := map[string]Subscription{}
		filter := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "filter")) })
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				x := Subscription{Filter: filter.Draw(t, "filter"), QoS: byte(rapid.IntRange(0, 2).Draw(t, "qos"))}
				s.Put(x)
				model[x.Filter] = x
			},
			"remove": func(t *rapid.T) {
				f := filter.Draw(t, "filter")
				got, ok := s.Remove([]byte(f))
				want, there := model[f]
				if got != want || ok != there {
					t.Fatalf("removed %v %v, want %v %v", got, ok, want, there)
				}
				delete(model, f)
			},
			"": func(t *rapid.T) {
				n := 0
				for x := range s.All() {
					if n++; model[x.Filter] != x || s.Find([]byte(x.Filter)) == nil || *s.Find([]byte(x.Filter)) != x {
						t.Fatalf("%v differs", x)
					}
				}
				if n != len(model) || s.Len() != n {
					t.Fatalf("%d subscriptions, want %d", n, len(model))
				}
			},
		})
	})
}

func TestReceived(t *testing.T) {
	var s Session
	for _, id := range []uint16{5, 1, 65535, 3} {
		if !s.Receive(id) || s.Receive(id) {
			t.Errorf("%d", id)
		}
	}
	if s.Received() != 4 || !s.Receiving(3) || s.Receiving(4) || s.Release(4) || !s.Release(3) || s.Release(3) {
		t.Errorf("received %v", s.received)
	}
}

// A message owns its bytes, and says what is left of its expiry interval
// [MQTT-3.3.2-6].
func TestMessage(t *testing.T) {
	in := []byte("topic payload text")
	p := mqtt.Publish{
		QoS: 1, Retain: true, PacketID: 7, Dup: true, Topic: in[:5], Payload: in[6:13],
		Properties: mqtt.PublishProperties{
			HasMessageExpiry: true, MessageExpiry: 10, HasTopicAlias: true, TopicAlias: 3, ContentType: in[14:], ResponseTopic: []byte{},
		},
	}
	m := NewMessage(&p, 100)
	clear(in)
	var out mqtt.Publish
	m.Fill(&out, 121)
	if string(out.Topic) != "topic" || string(out.Payload) != "payload" || string(out.Properties.ContentType) != "text" {
		t.Errorf("got %q %q %q", out.Topic, out.Payload, out.Properties.ContentType)
	}
	if out.Properties.ResponseTopic == nil || out.Properties.CorrelationData != nil {
		t.Error("empty and absent are mixed up")
	}
	if out.Properties.MessageExpiry != 8 || Expired(m.ExpireAt, 199) || !Expired(m.ExpireAt, 200) {
		t.Errorf("expires at %d, %d s left", m.ExpireAt, out.Properties.MessageExpiry)
	}
	if out.Dup || out.PacketID != 0 || out.Properties.HasTopicAlias || out.QoS != 1 || !out.Retain {
		t.Errorf("got %+v", out)
	}
}

func TestPoolReuse(t *testing.T) {
	var p Pool
	s := Session{ClientID: "a"}
	if n := testing.AllocsPerRun(1000, func() {
		s.Puback(&p, s.Send(&p, delivery0))
	}); n != 0 {
		t.Errorf("%v allocations per acknowledged message", n)
	}
}

var delivery0 = delivery(0, 1)
