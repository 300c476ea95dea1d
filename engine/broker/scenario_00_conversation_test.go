package broker

import (
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
)

func TestConversation(t *testing.T) {
	for _, shards := range []int{1, 2} {
		w := newWorld(t, Options{Shards: shards})
		a, b := w.dial(0), w.dial(shards-1)
		a.send(connect("a"))
		a.expect("CONNACK 0x0")
		b.send(connect("b", v311))
		b.expect("CONNACK 0x0")
		b.send(subscribe(1, "sport/+", 2))
		b.expect("SUBACK 1 [0x2]")

		a.send(publish("sport/tennis", "0"))
		a.silent()
		b.expect(`PUBLISH sport/tennis "0"`)

		a.send(publish("sport/tennis", "1", qos(1, 7)))
		a.expect("PUBACK 7")
		b.expect(`PUBLISH sport/tennis "1" q1 #1`)
		b.send(puback(1))
		b.silent()

		a.send(publish("sport/tennis", "2", qos(2, 8)))
		a.expect("PUBREC 8")
		a.send(pubrel(8))
		a.expect("PUBCOMP 8")
		b.expect(`PUBLISH sport/tennis "2" q2 #2`)
		b.send(pubrec(2))
		b.expect("PUBREL 2")
		b.send(pubcomp(2))
		b.silent()

		a.send(publish("other", "", qos(1, 9)))
		a.expect("PUBACK 9 0x10")
		b.send(unsubscribe(2, "sport/+"))
		b.expect("UNSUBACK 2 []")
		a.send(publish("sport/tennis", "3", qos(1, 9)))
		a.expect("PUBACK 9 0x10")

		a.send(pingPacket{})
		a.expect("PINGRESP") // [MQTT-3.12.4-1]
		a.send(disconnect())
		a.ended("disconnect")
		b.send(&mqtt.Disconnect{})
		b.ended("disconnect")
		if n := w.b.Stats(); n.Connections != 0 || n.Sessions != 0 || n.Panics != 0 {
			t.Errorf("left behind: %+v", n)
		}
	}
}
