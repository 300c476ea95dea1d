package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

const (
	connectC = `10 0e 00 04 "MQTT" 05 02 00 3c 00 00 01 "c"`
	connectD = `10 0e 00 04 "MQTT" 05 02 00 3c 00 00 01 "d"`
)

// welcome reads a CONNACK that lets in.
func (w *wire) welcome() {
	w.t.Helper()
	if p := w.packet(); len(p) < 4 || p[0] != 0x20 || p[3] != 0 {
		w.t.Fatalf("not let in: % x", p)
	}
}

// An operator keeps a client out by command, over a restart too, and a client
// that comes and goes is kept out by itself (BAN-01, BAN-02, FLAP-01).
func TestBans(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	args := []string{"--listen", "tcp://127.0.0.1:0", "--anonymous", "allow", "--data", data,
		"--set", "flapping_detect.enable=true", "--set", "flapping_detect.max_count=5"}
	p := start(t, args...)
	c := dial(t, p.addr("tcp:default"), "")
	c.says(connectC)
	c.welcome()
	must(t, "", binary, "ban", "add", "--client-id", "c", "--for", "1h", "--reason", "floods", "--data", data)
	c.hears(`e0 01 98`) // Administrative action
	c.closed()
	c = dial(t, p.addr("tcp:default"), "")
	c.says(connectC)
	if got := c.packet(); len(got) < 4 || got[3] != 0x8a {
		t.Errorf("a banned client hears % x", got)
	}
	if r := tool(t, "", "", binary, "ban", "add", "--client-id", "c", "--data", data); r.code != 1 || !strings.Contains(r.errOut, "is banned already") {
		t.Errorf("%d, %s", r.code, r.errOut)
	}
	p.end()
	p = start(t, args...)
	c = dial(t, p.addr("tcp:default"), "")
	c.says(connectC)
	if got := c.packet(); len(got) < 4 || got[3] != 0x8a {
		t.Errorf("after a restart a banned client hears % x", got)
	}
	if r := must(t, "", binary, "ban", "list", "--data", data); !strings.Contains(r.out, "floods") {
		t.Errorf("%s", r.out)
	}
	must(t, "", binary, "ban", "remove", "--client-id", "c", "--data", data)
	for range 5 {
		d := dial(t, p.addr("tcp:default"), "")
		d.says(connectD)
		d.welcome()
	}
	d := dial(t, p.addr("tcp:default"), "")
	d.says(connectD)
	if got := d.packet(); len(got) < 4 || got[3] != 0x8a {
		t.Errorf("a client that comes and goes hears % x", got)
	}
	if r := must(t, "", binary, "ban", "list", "--data", data); !strings.Contains(r.out, "flapping_detect") {
		t.Errorf("%s", r.out)
	}
}

// A change of the rules file ends a subscription that is not permitted any more
// (AUTHZ-10, AUTHZ-13, U-48).
func TestRulesChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rules := write(t, filepath.Join(dir, "acl.rules"), "allow all a for address 127.0.0.0/8\n")
	config := write(t, filepath.Join(dir, "wicket.yaml"), `data_dir: data
listeners: { tcp: { default: { bind: 127.0.0.1:0 } } }
plugins: { acl: { file: "builtin:acl", config: { rules_file: acl.rules } } }
auth: { chain: [acl], anonymous: allow }
`)
	p := start(t, "-c", config)
	c := dial(t, p.addr("tcp:default"), "")
	c.says(connectC)
	c.welcome()
	c.says(`82 07 00 01 00 00 01 "a" 00`)
	c.hears(`90 04 00 01 00 00`)
	c.says(`82 07 00 02 00 00 01 "b" 00`)
	c.hears(`90 04 00 02 00 87`)
	c.says(`30 05 00 01 "a" 00 "x"`)
	c.hears(`30 05 00 01 "a" 00 "x"`)
	write(t, rules, "allow publish a\n")
	must(t, "", binary, "ctl", "reload", "-c", config)
	c.hears(`e0 01 87`)
	c.closed()
}
