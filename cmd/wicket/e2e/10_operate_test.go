package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/wicketmq/wicket/engine/cert"
	operate "github.com/wicketmq/wicket/engine/control"
)

// A broker that runs is looked into and steered by command.

// statusOf asks the broker whose data directory that is.
func statusOf(t *testing.T, data string) operate.Status {
	t.Helper()
	var s operate.Status
	r := must(t, "", binary, "status", "--data", data, "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &s); err != nil {
		t.Fatalf("%v\n%s", err, r.out)
	}
	return s
}

func listenerOf(t *testing.T, s operate.Status, name string) operate.Listener {
	t.Helper()
	for _, l := range s.Listeners {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("there is no listener %q in %+v", name, s)
	return operate.Listener{}
}

// Transport connections and MQTT clients are counted apart, for each listener
// (DASH-02, DASH-03, T-22), and refused handshakes by reason (TLS-33).
func TestStatusCountsConnections(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := start(t, "--listen", "tcp://127.0.0.1:0", "--listen", "tls://127.0.0.1:0", "--anonymous", "allow", "--data", data,
		"--set", "listeners.tls.default.max_connections=100")
	ca := filepath.Join(data, "dev/ca.pem")
	client := dial(t, p.addr("tls:default"), ca)
	client.says(`10 0d 00 04 "MQTT" 04 02 00 3c 00 01 "c"`)
	client.hears(`20 02 00 00`)
	silent := dial(t, p.addr("tls:default"), "")
	is := func(what string, clients, connections int64) {
		t.Helper()
		eventually(t, what, patience, func() bool {
			s := statusOf(t, data)
			l, other := listenerOf(t, s, "tls:default"), listenerOf(t, s, "tcp:default")
			return l.Connected == clients && l.Connections == connections && s.Clients.Connected == clients &&
				other.Connected == 0 && other.Connections == 0 && l.MaxConnections == 100 && l.Bind == p.addr("tls:default")
		})
	}
	is("one client, and one that says nothing", 1, 2)
	silent.Close()
	is("one client", 1, 1)
	client.Close()
	is("nobody", 0, 0)

	stranger := dial(t, p.addr("tls:default"), "")
	stranger.says(`"GET / HTTP/1.1" 0d 0a 0d 0a`)
	stranger.closed()
	eventually(t, "the refused handshakes", patience, func() bool {
		l := listenerOf(t, statusOf(t, data), "tls:default")
		return l.Handshakes == 1 && l.Refused["not_tls"] == 1
	})
	if r := must(t, "", binary, "status", "--data", data); !strings.Contains(r.out, "not_tls 1") || !strings.Contains(r.out, p.addr("tls:default")) {
		t.Errorf("wicket status prints\n%s", r.out)
	}
}

// What SIGHUP does, with an answer to who asks.
func TestReloadByCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(level string) string {
		return fmt.Sprintf("data_dir: data\nlisteners: { tcp: { default: { bind: 127.0.0.1:0 } } }\nlog: { level: %s }\n", level)
	}
	config := write(t, filepath.Join(dir, "wicket.yaml"), file("info"))
	p := start(t, "-c", config)
	write(t, config, file("loud"))
	r := tool(t, dir, "", binary, "ctl", "reload", "-c", config)
	if r.code != 3 || !strings.Contains(r.errOut, "--data or --socket") {
		t.Errorf("the file that names the broker is broken: exit code %d, %q", r.code, r.errOut)
	}
	r = tool(t, dir, "", binary, "ctl", "reload", "--data", "data")
	if r.code != 1 || !strings.Contains(r.errOut, "wicket.yaml:3: log.level") {
		t.Errorf("a broken file: exit code %d, %q", r.code, r.errOut)
	}
	if s := statusOf(t, filepath.Join(dir, "data")); s.Reload == nil || !strings.Contains(s.Reload.Error, "log.level") {
		t.Errorf("the status does not tell of the failure: %+v", s.Reload)
	}
	write(t, config, file("debug"))
	must(t, dir, binary, "ctl", "reload", "-c", config)
	p.waitFor("configuration changed", patience, func(l line) bool { return l.text("key") == "log.level" })
	if s := statusOf(t, filepath.Join(dir, "data")); s.Reload == nil || s.Reload.Error != "" {
		t.Errorf("the status does not tell of success: %+v", s.Reload)
	}
}

// CERT-05 and CERT-10: certificates are read by command, and the first of all
// that expires is what alarms and figures tell of (U-25).
func TestCertificatesByCommand(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	from, dir := pki(t), t.TempDir()
	put := func(name, as string) { write(t, filepath.Join(dir, as), read(t, filepath.Join(from, name))) }
	put("emqx.pem", "server.pem")
	put("emqx.key", "server.key")
	put("p256.pem", "tenant.pem")
	put("p256.key", "tenant.key")
	config := write(t, filepath.Join(dir, "wicket.yaml"), `
data_dir: data
listeners:
  tls:
    default:
      bind: 127.0.0.1:0
      tls:
        certfile: server.pem
        keyfile: server.key
        bundles: { tenant: { sni: tenant.example, certfile: tenant.pem, keyfile: tenant.key } }
`)
	p := start(t, "-c", config)
	served := func() map[string]operate.Certificate {
		t.Helper()
		var list []operate.Certificate
		r := must(t, dir, binary, "ctl", "certs", "list", "-c", config, "-o", "json")
		if err := json.Unmarshal([]byte(r.out), &list); err != nil {
			t.Fatal(err)
		}
		out := map[string]operate.Certificate{}
		for _, c := range list {
			out[c.Name] = c
		}
		return out
	}
	is := func(what, name, file string) {
		t.Helper()
		certs, err := cert.Certificates(filepath.Join(from, file))
		if err != nil {
			t.Fatal(err)
		}
		if got := served()[name]; got.Serial != cert.Serial(certs[0]) || !got.Expires.Equal(certs[0].NotAfter) {
			t.Errorf("%s: %q is %+v, want serial %s", what, name, got, cert.Serial(certs[0]))
		}
	}
	is("at the start", "", "emqx.pem")
	is("at the start", "tenant.example", "p256.pem")
	tenant := served()["tenant.example"]
	if f := figures(t, dir); f[`wicket_cert_expiry_timestamp_seconds{listener="tls:default"}`] != float64(tenant.NotAfter.Unix()) {
		t.Errorf("the figure is not that of the tenant, who expires first: %v", f)
	}
	p.waitFor("alarm raised", patience, func(l line) bool {
		return l.text("alarm") == "certificate_expiry" && l.text("object") == "tls:default tenant.example" && l.text("alarm_level") == "notice"
	})
	if r := must(t, dir, binary, "ctl", "alarms", "-c", config); !strings.Contains(r.out, "tls:default tenant.example") {
		t.Errorf("wicket ctl alarms prints\n%s", r.out)
	}

	put("p256.key", "server.key") // and the certificate not yet
	r := tool(t, dir, "", binary, "ctl", "certs", "refresh", "-c", config)
	if r.code != 1 || !strings.Contains(r.errOut, "does not belong to certfile") {
		t.Errorf("half a pair: exit code %d, %q", r.code, r.errOut)
	}
	is("half a pair", "", "emqx.pem")
	put("emqx.key", "server.key")
	put("dns.pem", "server.pem")
	put("dns.pem", "tenant.pem")
	put("emqx.key", "tenant.key")
	must(t, dir, binary, "ctl", "certs", "refresh", "-c", config)
	is("a new pair", "", "dns.pem")
	p.wait("alarm cleared", patience)
	if r := must(t, dir, binary, "ctl", "alarms", "-c", config); !strings.Contains(r.out, "no alarm is raised") {
		t.Errorf("wicket ctl alarms prints\n%s", r.out)
	}
}

// figures scrapes the broker in a directory as curl does, and reads the format.
func figures(t *testing.T, dir string) map[string]float64 {
	t.Helper()
	r := must(t, dir, "curl", "-sS", "--fail", "--unix-socket", "data/control.sock", "http://wicket/metrics")
	out := map[string]float64{}
	sample := regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*",?)+\})?) (\S+)$`)
	for text := range strings.Lines(r.out) {
		text = strings.TrimSuffix(text, "\n")
		if strings.HasPrefix(text, "# HELP ") || strings.HasPrefix(text, "# TYPE ") {
			continue
		}
		m := sample.FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("no sample: %q", text)
		}
		value, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		out[m[1]] = value
	}
	return out
}

// Plugins, messages and the process, as Prometheus and "wicket plugin list" see
// them.
func TestFigures(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "users"), "")
	if r := tool(t, dir, "secret\n", binary, "passwd", "users", "alice", "--password-stdin"); r.code != 0 {
		t.Fatal(r.errOut)
	}
	config := write(t, filepath.Join(dir, "wicket.yaml"), `
data_dir: data
listeners: { tcp: { default: { bind: 127.0.0.1:0 } } }
plugins:
  door: { file: "builtin:password", config: { users_file: users } }
auth: { chain: [door] }
`)
	p := start(t, "-c", config)
	host, port := hostPort(t, p.addr("tcp:default"))
	comes := func(secret string) int {
		return tool(t, "", "", "mosquitto_pub", "-h", host, "-p", port, "-u", "alice", "-P", secret, "-t", "a", "-m", "b", "-q", "1").code
	}
	if comes("secret") != 0 || comes("guess") == 0 {
		t.Fatal("alice has to come in with her password only")
	}
	f := figures(t, dir)
	for name, want := range map[string]float64{
		"wicket_connects_total": 1, "wicket_connects_refused_total": 1,
		`wicket_listener_accepted_total{listener="tcp:default"}`:        2,
		`wicket_plugin_decisions_total{decision="allow",plugin="door"}`: 1,
		`wicket_plugin_decisions_total{decision="deny",plugin="door"}`:  1,
		`wicket_plugin_failures_total{plugin="door",reason="timeout"}`:  0,
		`wicket_plugin_breaker_open{plugin="door"}`:                     0,
		`wicket_revocation_fail_open_total`:                             0,
	} {
		if got, ok := f[name]; !ok || got != want {
			t.Errorf("%s is %g (there: %t), want %g", name, got, ok, want)
		}
	}
	for _, name := range []string{"go_goroutines", "go_gc_duration_seconds_count", "process_resident_memory_bytes", "wicket_packets_received_total"} {
		if f[name] <= 0 {
			t.Errorf("%s is %g", name, f[name])
		}
	}
	var plugins []operate.Plugin
	r := must(t, dir, binary, "plugin", "list", "-c", config, "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &plugins); err != nil || len(plugins) != 1 {
		t.Fatalf("%v\n%s", err, r.out)
	}
	if p := plugins[0]; p.Name != "door" || p.File != "builtin:password" || len(p.SHA256) != 64 || !strings.HasPrefix(p.ABI, "1.") ||
		p.Breaker != "closed" || p.Up == 0 || p.Up != p.Workers || p.Requests == 0 || p.Loaded.IsZero() {
		t.Errorf("%+v", p)
	}
}

// One broker for each data directory, and what a killed one leaves behind is
// no hindrance.
func TestOneBrokerForADataDirectory(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	args := []string{"--listen", "tcp://127.0.0.1:0", "--anonymous", "allow", "--data", data}
	first := start(t, args...)
	second := launch(t, args...)
	if code := second.exit(patience); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if said, want := second.transcript(), fmt.Sprintf("process %d, another broker, uses it", first.cmd.Process.Pid); !strings.Contains(said, want) {
		t.Errorf("%q is not said:\n%s", want, said)
	}
	if pid := statusOf(t, data).PID; pid != first.cmd.Process.Pid {
		t.Errorf("process %d answers, want %d", pid, first.cmd.Process.Pid)
	}
	first.signal(syscall.SIGKILL)
	first.exit(patience)
	r := tool(t, "", "", binary, "status", "--data", data)
	if r.code != 1 || !strings.Contains(r.errOut, `no broker answers on "`+data) || !strings.Contains(r.errOut, `start one with "wicket run"`) {
		t.Errorf("after a kill: exit code %d, %q", r.code, r.errOut)
	}
	third := start(t, args...)
	if pid := statusOf(t, data).PID; pid != third.cmd.Process.Pid {
		t.Errorf("process %d answers, want %d", pid, third.cmd.Process.Pid)
	}
	third.signal(syscall.SIGTERM)
	third.exit(patience)
	if _, err := os.Stat(filepath.Join(data, "control.sock")); err == nil {
		t.Error("the socket is left behind")
	}
}

// The socket is for the broker's user and root: by its mode, and should that be
// changed, by what the kernel says of who connects.
func TestControlSocketIsPrivate(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	start(t, "--listen", "tcp://127.0.0.1:0", "--anonymous", "allow", "--data", data)
	socket := filepath.Join(data, "control.sock")
	if info, err := os.Stat(socket); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("mode %v (%v), want a socket of 0600", info.Mode(), err)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	need(t, "setpriv")
	copied := filepath.Join(t.TempDir(), "wicket")
	must(t, "", "cp", binary, copied)
	for _, dir := range []string{filepath.Dir(copied), filepath.Dir(filepath.Dir(copied)), data} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	as := func() result {
		return tool(t, "/", "", "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", copied, "ctl", "reload", "--socket", socket)
	}
	if r := as(); r.code != 1 || !strings.Contains(r.errOut, "belongs to another user") {
		t.Errorf("mode 0600: exit code %d, %q", r.code, r.errOut)
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	if r := as(); r.code != 1 || !strings.Contains(r.errOut, "user 65534 may not control this broker") {
		t.Errorf("mode 0666: exit code %d, %q", r.code, r.errOut)
	}
}

// control.enable and control.socket.
func TestControlSocketByConfiguration(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	start(t, "--listen", "tcp://127.0.0.1:0", "--data", data, "--set", "control.enable=false")
	if r := tool(t, "", "", binary, "status", "--data", data); r.code != 1 {
		t.Errorf("exit code %d although there is no socket", r.code)
	}
	elsewhere := filepath.Join(t.TempDir(), "own", "w.sock")
	start(t, "--listen", "tcp://127.0.0.1:0", "--data", data, "--set", "control.socket="+elsewhere)
	must(t, "", binary, "status", "--socket", elsewhere)
	long := launch(t, "--listen", "tcp://127.0.0.1:0", "--data", filepath.Join(data, strings.Repeat("long", 30)))
	if code, said := long.exit(patience), long.transcript(); code != 1 || !strings.Contains(said, "set control.socket to a shorter path") {
		t.Errorf("exit code %d\n%s", code, said)
	}
}
