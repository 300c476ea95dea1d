package e2e

import (
	"testing"
)

// Every client program holds the same conversations, over TCP and over TLS
// (A3). The sentences are below; who speaks them is in family_test.go.

func TestClients(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := start(t, "--listen", "tcp://127.0.0.1:0", "--listen", "tls://127.0.0.1:0", "--anonymous", "allow", "--data", data)
	places := []struct{ name, addr, cafile string }{
		{"tcp", p.addr("tcp:default"), ""},
		{"tls", p.addr("tls:default"), data + "/dev/ca.pem"},
	}
	conversations := []struct {
		name string
		hold func(t *testing.T, c talker)
	}{
		{"QoS", talkQoS},
		{"retained", talkRetained},
		{"will", talkWill},
		{"takeover", talkTakeover},
		{"session", talkSession},
	}
	t.Run("all", func(t *testing.T) {
		for _, d := range dialects {
			for _, place := range places {
				t.Run(d.program+"/"+d.version+"/"+place.name, func(t *testing.T) {
					t.Parallel()
					c := d.talker(t, place.addr, place.cafile)
					for _, conversation := range conversations {
						t.Run(conversation.name, func(t *testing.T) { conversation.hold(t, c.with(t)) })
					}
				})
			}
		}
	})
}

// A message arrives with the QoS of the subscription or its own, whichever is
// less [MQTT-3.8.4-8].
func talkQoS(t *testing.T, c talker) {
	topic := unique("qos") + "/x"
	exact := c.listen(subscriber{id: unique("s"), filter: topic, qos: 2})
	wild := c.listen(subscriber{id: unique("s"), filter: topic[:len(topic)-1] + "+", qos: 1})
	for _, m := range []message{
		{Topic: topic, Payload: "at most once", QoS: 0},
		{Topic: topic, Payload: "at least once", QoS: 1},
		{Topic: topic, Payload: "exactly once", QoS: 2},
	} {
		c.publish(m)
		exact.expect(m)
		m.QoS = min(m.QoS, 1)
		wild.expect(m)
	}
	exact.leave()
	wild.leave()
}

// A retained message is given to who subscribes later, with the flag set, and
// to those there without it [MQTT-3.3.1-8], [MQTT-3.3.1-12]; an empty one
// clears it [MQTT-3.3.1-6].
func talkRetained(t *testing.T, c talker) {
	topic := unique("retained")
	stays := message{Topic: topic, Payload: "stays", QoS: 1, Retain: true}
	there := c.listen(subscriber{id: unique("s"), filter: topic, qos: 1})
	c.publish(stays)
	live := stays
	live.Retain = false
	there.expect(live)
	late := c.listen(subscriber{id: unique("s"), filter: topic, qos: 1})
	late.expect(stays)

	c.publish(message{Topic: topic, QoS: 1, Retain: true})
	cleared := message{Topic: topic, QoS: 1}
	there.expect(cleared)
	late.expect(cleared)
	last := c.listen(subscriber{id: unique("s"), filter: topic, qos: 1})
	fresh := message{Topic: topic, Payload: "nothing was retained before this"}
	c.publish(fresh)
	last.expect(fresh)
	for _, l := range []listener{there, late, last} {
		l.leave()
	}
}

// The will of a client that is killed is published [MQTT-3.1.2-8], that of one
// that disconnects is not [MQTT-3.1.2-10].
func talkWill(t *testing.T, c talker) {
	topic := unique("will")
	watcher := c.listen(subscriber{id: unique("s"), filter: topic, qos: 1})
	orderly := c.listen(subscriber{id: unique("s"), filter: unique("unused"), will: &message{Topic: topic, Payload: "wrong", QoS: 1}})
	orderly.leave()
	will := message{Topic: topic, Payload: "killed", QoS: 1}
	killed := c.listen(subscriber{id: unique("s"), filter: unique("unused"), will: &will})
	killed.kill()
	watcher.expect(will)
	watcher.leave()
}

// A second connection of the same client identifier ends the first
// [MQTT-3.1.4-3], which hears Session taken over if it speaks 5.0.
func talkTakeover(t *testing.T, c talker) {
	id, topic := unique("same"), unique("takeover")
	first := c.listen(subscriber{id: id, filter: topic, qos: 1})
	second := c.listen(subscriber{id: id, filter: topic, qos: 1})
	first.gone(0x8e)
	m := message{Topic: topic, Payload: "to the second only", QoS: 1}
	c.publish(m)
	second.expect(m)
	second.leave()
}

// A session that outlives its connection keeps the subscription and what was
// published meanwhile, in order [MQTT-4.5.0-1], [MQTT-4.6.0-5].
func talkSession(t *testing.T, c talker) {
	s := subscriber{id: unique("away"), filter: unique("session"), qos: 2, keep: true}
	l := c.listen(s)
	l.leave()
	meanwhile := []message{
		{Topic: s.filter, Payload: "first", QoS: 1},
		{Topic: s.filter, Payload: "second", QoS: 1},
		{Topic: s.filter, Payload: "third", QoS: 2},
	}
	for _, m := range meanwhile {
		c.publish(m)
	}
	s.resume = true
	l = c.listen(s)
	for _, m := range meanwhile {
		l.expect(m)
	}
	l.leave()
	s.keep, s.resume = false, false // clean: the broker forgets it [MQTT-3.1.2-4]
	l = c.listen(s)
	fresh := message{Topic: s.filter, Payload: "fresh", QoS: 1}
	c.publish(fresh)
	l.expect(fresh)
	l.leave()
}
