package wasm

import (
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

func greet(p *Plugin, h *auth.ClientHello) <-chan auth.Verdict {
	c := make(chan auth.Verdict, 1)
	p.Hello(h, func(v auth.Verdict) { c <- v })
	return c
}

func openHello(t *testing.T, o Options) *Plugin {
	t.Helper()
	o.Module, o.Workers = guest(t, "hello"), 1
	p := open(t, newHost(t, HostOptions{}), o)
	if !p.Hears(auth.Hello) || p.Hears(auth.Authentication) || p.Hears(auth.Authorization) {
		t.Fatal("hears something else")
	}
	return p
}

func TestHello(t *testing.T) {
	p := openHello(t, Options{})
	for _, tt := range []struct {
		listener string
		want     auth.Decision
		text     string
		failed   uint64
	}{
		{"allow", auth.Allow, "", 0},
		{"deny", auth.Deny, "", 0},
		{"next", auth.Next, "", 0},
		{"resolve", auth.Deny, "go on", 0},
		{"error", auth.Deny, "", 1},
		{"continue", auth.Deny, "", 1},
		{"allow", auth.Allow, "", 0},
	} {
		before := p.Stats().Failed
		v := wait(t, greet(p, &auth.ClientHello{Listener: tt.listener}))
		if v.Decision != tt.want || v.ReasonText != tt.text || p.Stats().Failed-before != tt.failed {
			t.Errorf("%s: %+v, %d failed", tt.listener, v, p.Stats().Failed-before)
		}
	}
}

// A fault costs the instance, and is answered by on_error.
func TestHelloFaults(t *testing.T) {
	for name, kind := range map[string]FaultKind{"trap": FaultAbort, "unknown code": FaultMalformed, "malformed": FaultMalformed} {
		for _, policy := range []auth.Decision{auth.Deny, auth.Next} {
			p := openHello(t, Options{OnError: policy})
			if v := wait(t, greet(p, &auth.ClientHello{Listener: name})); v.Decision != policy {
				t.Errorf("%s: %+v, want %v", name, v, policy)
			}
			until(t, name+": the fault is counted", func() bool { return p.Stats().Faults[kind] == 1 })
		}
	}
}

// The time of a question ends with that of the handshake, or with the plugin's
// when that is shorter.
func TestHelloDeadline(t *testing.T) {
	p := openHello(t, Options{OnError: auth.Next, Limits: Limits{Wall: time.Minute}})
	begin := time.Now()
	v := wait(t, greet(p, &auth.ClientHello{Listener: "pending", Deadline: begin.Add(50 * time.Millisecond)}))
	if took := time.Since(begin); v.Decision != auth.Next || took < 50*time.Millisecond || took > 20*time.Second {
		t.Errorf("%+v after %v", v, took)
	}
	p = openHello(t, Options{Limits: Limits{Wall: 50 * time.Millisecond}})
	v = wait(t, greet(p, &auth.ClientHello{Listener: "pending", Deadline: time.Now().Add(time.Hour)}))
	if v.Decision != auth.Deny || p.Stats().Expired != 1 {
		t.Errorf("%+v, %d expired", v, p.Stats().Expired)
	}
}

// Hellos leave half of the room to those who have come further.
func TestHellosLeaveRoom(t *testing.T) {
	p := openHello(t, Options{Limits: Limits{InFlight: 10, Wall: time.Minute}})
	for range 5 {
		greet(p, &auth.ClientHello{Listener: "pending"})
	}
	if v := wait(t, greet(p, &auth.ClientHello{Listener: "allow"})); v.Decision != auth.Deny || v.Reason != mqtt.ServerBusy {
		t.Errorf("beyond the half: %+v", v)
	}
	if r := (&request{auth: &auth.Request{}}); p.room(r) != 10 {
		t.Errorf("room for a CONNECT: %d", p.room(r))
	}
	if s := p.Stats(); s.Busy != 1 || s.InFlight != 5 {
		t.Errorf("%+v", s)
	}
}

// What a host sends is what an SDK reads.
func TestHelloThroughTheSDK(t *testing.T) {
	p := open(t, newHost(t, HostOptions{CacheDir: goCache}), Options{Module: goGuest(t), Workers: 1})
	v := wait(t, greet(p, fullHello()))
	if want := "192.0.2.7:51234 tls:default mqtt,h2 t13d 772 3 10.0.0.1:2"; v.Decision != auth.Deny || v.ReasonText != want {
		t.Errorf("%+v, want %q", v, want)
	}
}
