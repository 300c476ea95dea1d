package broker

import (
	"fmt"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// QoS is that of the subscription at most [MQTT-3.8.4-8].
func TestDowngrade(t *testing.T) {
	for q := byte(0); q <= 2; q++ {
		w := newWorld(t, Options{})
		a := w.joined(0, "a").subscribed("t", q)
		p := w.joined(0, "p")
		p.send(publish("t", "0"), publish("t", "1", qos(1, 1)), publish("t", "2", qos(2, 2)))
		want := []string{`PUBLISH t "0"`}
		switch q {
		case 0:
			want = append(want, `PUBLISH t "1"`, `PUBLISH t "2"`)
		case 1:
			want = append(want, `PUBLISH t "1" q1 #1`, `PUBLISH t "2" q1 #2`)
		case 2:
			want = append(want, `PUBLISH t "1" q1 #1`, `PUBLISH t "2" q2 #2`)
		}
		a.expect(want...)
	}
}

// A QoS 2 message that is sent again is acknowledged again and passed on once
// [MQTT-4.3.3-10].
func TestExactlyOnceIn(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.joined(0, "a").subscribed("t", 2)
	p := w.joined(0, "p", persistent)
	p.send(publish("t", "x", qos(2, 5)))
	p.expect("PUBREC 5")
	p.lose()
	p = w.joined(0, "p", persistent)
	p.send(publish("t", "x", qos(2, 5), dup))
	p.expect("PUBREC 5")
	a.expect(`PUBLISH t "x" q2 #1`)
	p.send(pubrel(5))
	p.expect("PUBCOMP 5")
	p.send(pubrel(5))
	p.expect("PUBCOMP 5 0x92") // Packet Identifier not found
	p.send(publish("t", "y", qos(2, 5)))
	p.expect("PUBREC 5") // the id is free again
	a.expect(`PUBLISH t "y" q2 #2`)
}

// What a client has not acknowledged comes again on reconnect, and only then,
// with DUP and in order [MQTT-4.4.0-1] [MQTT-3.3.1-1]; what has reached PUBREC
// goes on with PUBREL.
func TestRetryOnReconnect(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.joined(0, "a", persistent).subscribed("t", 2)
	p := w.joined(0, "p")
	for i := uint16(1); i <= 4; i++ {
		p.send(publish("t", fmt.Sprint(i), qos(byte(1+i%2), i)))
	}
	a.expect(`PUBLISH t "1" q2 #1`, `PUBLISH t "2" q1 #2`, `PUBLISH t "3" q2 #3`, `PUBLISH t "4" q1 #4`)
	a.send(pubrec(1), puback(4))
	a.expect("PUBREL 1")
	w.pass(1000)
	a.silent() // no retry without a reconnect
	a.lose()
	a = w.dial(0)
	a.send(connect("a", persistent))
	a.expect("CONNACK 0x0 present", "PUBREL 1", `PUBLISH t "2" q1 #2 dup`, `PUBLISH t "3" q2 #3 dup`)
	a.send(pubcomp(1), puback(2), pubrec(3))
	a.expect("PUBREL 3")
	a.send(pubcomp(3))
	if sub := a.Client.sub; !sub.Idle() {
		t.Error("messages are left in the session")
	}
}

// The client's Receive Maximum holds, across reconnects too [MQTT-3.3.4-9].
func TestFlowControlOut(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.joined(0, "a", persistent, receives(2)).subscribed("t", 1)
	p := w.joined(0, "p")
	for i := uint16(1); i <= 5; i++ {
		p.send(publish("t", fmt.Sprint(i), qos(1, i)))
	}
	a.expect(`PUBLISH t "1" q1 #1`, `PUBLISH t "2" q1 #2`)
	a.send(puback(2))
	a.expect(`PUBLISH t "3" q1 #3`)
	a.lose()
	a = w.dial(0)
	a.send(connect("a", persistent, receives(1)))
	a.expect("CONNACK 0x0 present", `PUBLISH t "1" q1 #1 dup`)
	a.send(puback(1))
	a.expect(`PUBLISH t "3" q1 #3 dup`)
	a.send(puback(3))
	a.expect(`PUBLISH t "4" q1 #4`)
	a.send(puback(4), puback(5))
	a.expect(`PUBLISH t "5" q1 #5`)
}

// A v5 client that has more QoS 2 messages open than we take is sent away.
func TestFlowControlIn(t *testing.T) {
	w := newWorld(t, Options{MaxInflight: 2})
	p := w.joined(0, "p")
	p.send(publish("t", "", qos(2, 1)), publish("t", "", qos(2, 2)), publish("t", "", qos(2, 2), dup))
	p.expect("PUBREC 1 0x10", "PUBREC 2 0x10", "PUBREC 2")
	p.send(publish("t", "", qos(2, 3)))
	p.ended("protocol error", "DISCONNECT 0x93")
}

// An acknowledgement that does not fit ends the connection; one for an unknown
// id does not.
func TestStrayAcknowledgements(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.joined(0, "p")
	a := w.joined(0, "a").subscribed("t", 1)
	a.send(puback(9), pubcomp(9))
	a.silent()
	a.send(pubrec(9))
	a.expect("PUBREL 9 0x92")
	p.send(publish("t", "", qos(1, 1)))
	a.expect(`PUBLISH t "" q1 #1`)
	a.send(pubrec(1))
	a.ended("protocol error", "DISCONNECT 0x82")
}

// A PUBREC that refuses the message ends the exchange [MQTT-4.3.3-4].
func TestRefusedByReceiver(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.joined(0, "a", receives(1)).subscribed("t", 2)
	p := w.joined(0, "p")
	p.send(publish("t", "1", qos(2, 1)), publish("t", "2", qos(2, 2)))
	a.expect(`PUBLISH t "1" q2 #1`)
	a.send(&ackPacket{mqtt.Ack{PacketID: 1, Reason: mqtt.QuotaExceeded}, mqtt.TypePubrec})
	a.expect(`PUBLISH t "2" q2 #2`)
}

// Messages wait for an absent client; above the limit the oldest make room.
// QoS 0 does not wait.
func TestQueue(t *testing.T) {
	w := newWorld(t, Options{MaxQueued: 3})
	w.joined(0, "a", persistent).subscribed("t", 1).lose()
	p := w.joined(0, "p")
	for i := uint16(1); i <= 5; i++ {
		p.send(publish("t", fmt.Sprint(i), qos(1, i)), publish("t", "lost"))
	}
	a := w.dial(0)
	a.send(connect("a", persistent))
	a.expect("CONNACK 0x0 present", `PUBLISH t "3" q1 #1`, `PUBLISH t "4" q1 #2`, `PUBLISH t "5" q1 #3`)
	if n := w.b.Stats().DroppedFull; n != 2 {
		t.Errorf("%d dropped, want 2", n)
	}
}

// A message that expires while it waits is not sent, one that does not says
// how long it still has [MQTT-3.3.2-5] [MQTT-3.3.2-6].
func TestMessageExpiry(t *testing.T) {
	w := newWorld(t, Options{})
	w.joined(0, "a", persistent).subscribed("t", 1).lose()
	p := w.joined(0, "p")
	p.send(publish("t", "short", qos(1, 1), expires(5)), publish("t", "long", qos(1, 2), expires(60)))
	w.pass(10)
	a := w.dial(0)
	a.send(connect("a", persistent))
	a.expect("CONNACK 0x0 present", `PUBLISH t "long" q1 #1 expiry=50`)
}

// A packet the client would not take is not sent, and does not hold up what
// follows [MQTT-3.1.2-24] [MQTT-3.1.2-25].
func TestMaximumPacketSizeOut(t *testing.T) {
	small := func(p *mqtt.Connect) { p.Properties.MaximumPacketSize = 30 }
	w := newWorld(t, Options{})
	a := w.joined(0, "a", small, receives(1), persistent).subscribed("t", 1)
	p := w.joined(0, "p")
	long := fmt.Sprintf("%040d", 1)
	p.send(publish("t", long), publish("t", long, qos(1, 1)), publish("t", "1", qos(1, 2)), publish("t", long, qos(1, 3)),
		publish("t", "2", qos(1, 4)))
	a.expect(`PUBLISH t "1" q1 #2`)
	a.send(puback(2))
	a.expect(`PUBLISH t "2" q1 #4`)
	if n := w.b.Stats().DroppedLarge; n != 3 {
		t.Errorf("%d dropped, want 3", n)
	}
}

// Properties travel unchanged [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16]
// [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20], live and from the queue.
func TestPropertiesTravel(t *testing.T) {
	all := func(p *mqtt.Publish) {
		p.Properties = mqtt.PublishProperties{
			PayloadFormat: 1, ContentType: []byte("text"), ResponseTopic: []byte("r"), CorrelationData: []byte("c"),
			User: mqtt.AppendUserProperty(mqtt.AppendUserProperty(nil, "b", "1"), "a", "2"),
		}
	}
	const props = " type=text response=r correlation=c b=1 a=2"
	w := newWorld(t, Options{Shards: 2})
	a := w.joined(0, "a").subscribed("t", 1)
	w.joined(1, "b", persistent).subscribed("t", 1).lose()
	c := w.joined(1, "c", v311).subscribed("t", 1)
	w.joined(0, "p").send(publish("t", "x", all), publish("t", "y", all, qos(1, 1)))
	a.expect(`PUBLISH t "x"`+props, `PUBLISH t "y" q1 #1`+props)
	c.expect(`PUBLISH t "x"`, `PUBLISH t "y" q1 #1`)
	b := w.dial(0)
	b.send(connect("b", persistent))
	b.expect("CONNACK 0x0 present", `PUBLISH t "y" q1 #1`+props)
}
