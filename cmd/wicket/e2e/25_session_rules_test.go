package e2e

import (
	"path/filepath"
	"testing"
	"time"

	operate "github.com/wicketmq/wicket/engine/control"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// Publishes of a session that was given rules ask no plugin: the number of calls
// into guests, as "wicket plugin list" shows it, stays what it was (D6).
func TestSessionRulesMakeNoGuestCalls(t *testing.T) {
	t.Parallel()
	const publishes = 10_000
	dir := t.TempDir()
	write(t, filepath.Join(dir, "acl.rules"), "allow publish up/${clientid}\ndeny publish #\n")
	p := run(t, dir, `data_dir: data
listeners: { tcp: { default: { bind: 127.0.0.1:0 } } }
plugins: { acl: { file: "builtin:acl", config: { rules_file: acl.rules } } }
auth: { chain: [acl], anonymous: allow }
`)
	calls := func() (n uint64) {
		t.Helper()
		list, err := operate.Look[[]operate.Plugin](t.Context(), operate.NewClient(filepath.Join(dir, "data", "control.sock")), "/v1/plugins")
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		return list[0].Calls
	}
	before := calls()
	c := dial(t, p.addr("tcp:default"), "")
	_ = c.SetDeadline(time.Now().Add(2 * patience))
	c.says(connectC)
	c.welcome()
	first := mqtt.Publish{QoS: 1, PacketID: 1, Topic: []byte("up/c"), Payload: []byte("x")}
	if _, err := c.Write(first.Append(nil, mqtt.V50)); err != nil {
		t.Fatal(err)
	}
	c.hears(`40 03 00 01 10`)
	asked := calls() // for the rules of the session
	if asked == before {
		t.Error("no call for the rules; is this the counter?")
	}
	began := time.Now()
	const burst = 20 // below the broker's Receive Maximum [MQTT-3.3.4-9]
	var out, wants []byte
	for i := range publishes {
		topic, want := "up/c", byte(0x10)
		if i%2 == 1 { // not permitted
			topic, want = "up/d", 0x87
		}
		m := mqtt.Publish{QoS: 1, PacketID: uint16(i + 1), Topic: []byte(topic), Payload: []byte("x")}
		out = m.Append(out, mqtt.V50)
		wants = append(wants, want)
		if len(wants) < burst {
			continue
		}
		if _, err := c.Write(out); err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if ack := c.packet(); len(ack) < 5 || ack[0] != 0x40 || ack[4] != want {
				t.Fatalf("one of the publishes up to %d was answered by % x, want %#x", i, ack, want)
			}
		}
		out, wants = out[:0], wants[:0]
	}
	after := calls()
	t.Logf("%d publishes in %s; calls into the guest: %d before the session, %d once it has its rules, %d after the publishes", publishes, time.Since(began).Round(time.Millisecond), before, asked, after)
	if after != asked {
		t.Errorf("%d publishes made %d calls into the guest", publishes, after-asked)
	}
}
