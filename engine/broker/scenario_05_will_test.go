package broker

import (
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
)

func delayed(seconds uint32) func(*mqtt.Will) { return func(p *mqtt.Will) { p.Delay = seconds } }

// How a connection ends decides about its will [MQTT-3.1.2-8] [MQTT-3.1.2-10]
// [MQTT-3.14.4-3].
func TestWill(t *testing.T) {
	tests := []struct {
		name string
		end  func(w *world, p *peer)
		want bool
	}{
		{"lost", func(_ *world, p *peer) { p.lose() }, true},
		{"keep-alive", func(w *world, _ *peer) { w.pass(16) }, true},
		{"protocol error", func(_ *world, p *peer) { p.raw([]byte{0xFF, 0}) }, true},
		{"taken over", func(w *world, _ *peer) { w.joined(1, "p") }, true},
		{"server stops", func(w *world, p *peer) { p.Shutdown(); w.settle() }, true},
		{"disconnect", func(_ *world, p *peer) { p.send(disconnect()) }, false},
		{"disconnect with will", func(_ *world, p *peer) {
			p.send(disconnect(func(d *mqtt.Disconnect) { d.Reason = mqtt.DisconnectWithWill }))
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, Options{Shards: 2})
			a := w.joined(1, "a").subscribed("t", 1)
			p := w.joined(0, "p", keepAlive(10), withWill("t", "gone", func(x *mqtt.Will) { x.QoS = 1 }))
			tt.end(w, p)
			if tt.want {
				a.expect(`PUBLISH t "gone" q1 #1`)
			} else {
				a.silent()
			}
		})
	}
}

// A will waits for its delay or the end of the session, whichever comes
// first, and is not sent when the client comes back in time [MQTT-3.1.3-9].
func TestWillDelay(t *testing.T) {
	w := newWorld(t, Options{Shards: 2})
	a := w.joined(0, "a").subscribed("t", 0)
	p := w.joined(0, "p", resumes, expiry(100), withWill("t", "1", delayed(10)))
	p.lose()
	w.pass(9)
	a.silent()
	w.pass(2)
	a.expect(`PUBLISH t "1"`)

	p = w.joined(0, "p", resumes, expiry(100), withWill("t", "2", delayed(10)))
	p.lose()
	w.pass(5)
	p = w.joined(1, "p", resumes, expiry(5), withWill("t", "3", delayed(10)))
	w.pass(20)
	a.silent()
	p.lose()
	w.pass(4)
	a.silent()
	w.pass(2)
	a.expect(`PUBLISH t "3"`) // the session has ended

	p = w.joined(0, "p", resumes, expiry(100), withWill("t", "4", delayed(10)))
	p.lose()
	w.joined(1, "p") // Clean Start ends the session
	a.expect(`PUBLISH t "4"`)
}

// A retained will is retained, with its properties [MQTT-3.1.2-15].
func TestWillRetained(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.joined(0, "p", withWill("t", "gone", func(x *mqtt.Will) {
		x.Retain = true
		x.Properties.ContentType = []byte("text")
		x.Properties.MessageExpiry, x.Properties.HasMessageExpiry = 100, true
	}))
	w.pass(1000) // its expiry counts from the time it is sent
	p.lose()
	w.pass(10)
	a := w.joined(0, "a")
	a.send(subscribe(1, "t", 0))
	a.expect("SUBACK 1 [0x0]", `PUBLISH t "gone" retain expiry=90 type=text`)
}
