package broker

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// The log tells who came, who left and who was refused and why, and never a
// password.
func TestLog(t *testing.T) {
	var out bytes.Buffer
	w := newWorld(t, Options{Log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	secret := func(p *mqtt.Connect) {
		p.HasUsername, p.Username, p.HasPassword, p.Password = true, []byte("u"), true, []byte("hunter2")
	}
	w.joined(0, "good", secret).send(disconnect())
	w.joined(0, "rude").raw([]byte{0xFF, 0})
	w.gate = (&decider{authenticate: func(r *auth.Request, done func(auth.Verdict)) {
		done(auth.Verdict{ReasonText: map[string]string{"named": "not on Sundays"}[r.ClientID]})
	}}).gate(t)
	w.dial(0).send(connect("bad", secret))
	w.dial(0).send(connect("named", secret))
	for _, want := range []string{
		`level=DEBUG msg="client connected" username=u session_present=false client_id=good listener=tcp:test peer=127.0.0.1:40000`,
		`level=DEBUG msg="client disconnected" because=disconnect client_id=good`,
		`level=DEBUG msg="client broke the protocol" error=`,
		`level=INFO msg="client refused" client_id=bad reason="Not authorized" because=denied by=test`,
		`level=INFO msg="client refused" client_id=named reason="Not authorized" because="not on Sundays"`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log does not say %s", want)
		}
	}
	if strings.Contains(out.String(), "hunter2") {
		t.Error("the log has the password")
	}
	if t.Failed() {
		t.Log(out.String())
	}
}
