package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What is published to $delayed/1/t comes to t a second later, to who may have it, and
// is permitted as t is (AUTHZ-12). What waits when the broker ends is counted.
func TestDelayedPublish(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "acl.rules"), "deny publish secret/#\nallow all #\n")
	p := run(t, dir, `data_dir: data
listeners: { tcp: { default: { bind: "127.0.0.1:0" } } }
plugins: { acl: { file: "builtin:acl", config: { rules_file: acl.rules } } }
auth: { chain: [acl], anonymous: allow }
mqtt: { delayed: { max_delayed_messages: 10 } }
`)
	host, port := hostPort(t, p.addr("tcp:default"))
	s := startSub(t, "-h", host, "-p", port, "-t", "#", "-t", "$delayed/#")
	s.hear("received SUBACK")
	pub := func(topic, message string, more ...string) result {
		t.Helper()
		return tool(t, "", "", "mosquitto_pub", append([]string{"-h", host, "-p", port, "-t", topic, "-m", message, "-q", "1"}, more...)...)
	}
	began := time.Now()
	for topic, message := range map[string]string{"$delayed/1/secret/t": "hidden", "$delayed/x/t": "malformed", "$delayed/1/t": "later"} {
		for _, version := range []string{"mqttv311", "mqttv5"} {
			r := pub(topic, message, "-V", version)
			if denied := strings.Contains(r.errOut, "ot authorized") || strings.Contains(strings.ToLower(r.errOut), "topic name invalid"); denied != (version == "mqttv5" && message != "later") {
				t.Errorf("%s, %s: %d, %s", topic, version, r.code, r.errOut)
			}
		}
	}
	s.expect(message{Topic: "t", Payload: "later"})
	if waited := time.Since(began); waited < time.Second {
		t.Errorf("it comes after %s", waited)
	}
	s.expect(message{Topic: "t", Payload: "later"})
	if r := pub("t", "now"); r.code != 0 {
		t.Fatal(r.errOut)
	}
	s.expect(message{Topic: "t", Payload: "now"}) // nothing of the others was there before
	if r := pub("$delayed/3600/t", "never"); r.code != 0 {
		t.Fatal(r.errOut)
	}
	p.end()
	if n := p.wait("delayed messages are lost", patience)["count"]; n != float64(1) {
		t.Errorf("%v messages are lost", n)
	}
}
