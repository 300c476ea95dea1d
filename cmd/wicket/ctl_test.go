package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/engine/alarm"
	"github.com/wicketmq/wicket/engine/control"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A broker with something of everything.
var (
	listeners = []control.Listener{
		{Name: "tcp:default", Transport: "tcp", Bind: "127.0.0.1:1883", Running: true, Connections: 3, Connected: 2, Accepted: 10, Closed: 7},
		{Name: "tls:default", Transport: "tls", Bind: "0.0.0.0:8883", Running: true, Connections: 5, Connected: 4, MaxConnections: 100, Accepted: 20, Closed: 15,
			Handshakes: 12, Refused: map[string]uint64{"unknown_ca": 2, "eof": 1}, Shed: map[string]uint64{"max_conn_rate": 4}},
	}
	alarms = []alarm.Alarm{
		{Name: "crl", Object: "http://crl.example/a\x1b[31m", Level: alarm.Critical, Text: "it is out of date", Since: noon.Add(-time.Hour)},
		{Name: "certificate_expiry", Object: "tls:default", Level: alarm.Notice, Text: "replace the file", Since: noon.Add(-48 * time.Hour)},
	}
	status = control.Status{
		Version: "1.2.3 go1.26.8 linux/amd64", PID: 4711, Started: noon.Add(-3*time.Hour - 5*time.Minute), DataDir: "/var/lib/wicket",
		Clients: control.Clients{Connected: 6, Sessions: 9, Connects: 20, Refused: 3},
		Messages: control.Messages{Received: 1000, Sent: 5000, Denied: 7, Retained: 12,
			Dropped: map[string]int64{"queue_full": 3, "expired": 1}},
		Process:   control.Process{Goroutines: 17, HeapBytes: 900, MemoryBytes: 35 << 20},
		Reload:    &control.Reload{At: noon.Add(-time.Minute), Error: "wicket.yaml:3: no such key\nwicket.yaml:9: nor this"},
		Listeners: listeners, Alarms: alarms,
	}
	served = []control.Certificate{
		{Listener: "tls:default", File: "/etc/wicket/server.pem", Subject: "CN=broker", Serial: "01ff", Staple: "good",
			NotAfter: noon.Add(90 * 24 * time.Hour), Expires: noon.Add(20 * 24 * time.Hour), ExpiresSubject: "CN=intermediate"},
		{Listener: "tls:default", Name: "*.tenant.example", File: "tenant.pem", Subject: "CN=tenant", Serial: "02",
			NotAfter: noon.Add(-time.Hour), Expires: noon.Add(-time.Hour)},
	}
	lists = []control.CRL{
		{Source: "http://crl.example/ca.crl", State: "current", Issuer: "CN=ca", Number: "4", Entries: 2, ThisUpdate: noon, NextUpdate: noon.Add(time.Hour), Fetched: noon},
		{Source: "/etc/wicket/other.crl", State: "missing", Local: true, Error: "no such file"},
	}
	upstreams = []control.Upstream{
		{Name: "auth", URL: "https://auth.example:8443/v1", State: "connected", Breaker: "closed", Protocol: "HTTP/2", Connections: 2, OnWire: 100, Queued: 7, Answered: 12345},
		{Name: "down", URL: "http://down.example", State: "disconnected", Breaker: "open", Failed: map[string]uint64{"timeout": 2, "refused": 3, "tls": 0}, Error: "connection refused", FailedAt: noon},
	}
	staples = []control.Staple{
		{Listener: "tls:default", Subject: "CN=broker", Serial: "01ff", Status: "good", Stapled: true, Responder: "http://ocsp.example/", NextUpdate: noon.Add(time.Hour), NextAsk: noon},
		{Listener: "tls:default", Name: "*.tenant.example", Subject: "CN=tenant", Error: "it answers HTTP 500"},
	}
	loaded = []control.Plugin{
		{Name: "password", File: "builtin:password", Asked: []string{"clients"}, SHA256: "0123456789abcdef0123", ABI: "1.1", Loaded: noon, Breaker: "closed", Workers: 2, Up: 2,
			Requests: 100, Calls: 200, Seconds: 0.0042, Failures: map[string]uint64{"timeout": 1, "busy": 2}},
		{Name: "new", File: "new.wasm", Asked: []string{"clients", "topics"}, SHA256: "ab", ABI: "1.0", Loaded: noon, Breaker: "open", Workers: 1},
	}
)

func TestTables(t *testing.T) {
	fine := status
	fine.Reload, fine.Alarms = &control.Reload{At: noon}, nil
	for name, print := range map[string]func(io.Writer){
		"status":      func(w io.Writer) { printStatus(w, &status, noon) },
		"status-fine": func(w io.Writer) { printStatus(w, &fine, noon) },
		"certs":       func(w io.Writer) { printCertificates(w, served, noon) },
		"crl":         func(w io.Writer) { printCRLs(w, lists) },
		"ocsp":        func(w io.Writer) { printStaples(w, staples) },
		"upstreams":   func(w io.Writer) { printUpstreams(w, upstreams) },
		"plugins":     func(w io.Writer) { printPlugins(w, loaded) },
		"nothing": func(w io.Writer) {
			printStatus(w, &control.Status{}, time.Time{})
			printCertificates(w, nil, noon)
			printCRLs(w, nil)
			printStaples(w, nil)
			printUpstreams(w, nil)
			printPlugins(w, nil)
			printAlarms(w, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			print(&got)
			golden := filepath.Join("testdata", "operate", name+".txt")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("go test ./cmd/wicket -update writes\n%s", &got)
			}
		})
	}
}

func TestAhead(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", time.Minute + 5*time.Second: "1m05s", 25*time.Hour + time.Minute: "25h01m",
		48 * time.Hour: "2 days", -time.Hour: "1h00m ago",
	} {
		if got := ahead(d); got != want {
			t.Errorf("%d: %q, want %q", d, got, want)
		}
	}
}

// brokerWith answers on a socket in a new directory, which is returned; done
// lists what it was told to do.
func brokerWith(t *testing.T, fail error) (dir string, done *[]string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket, err := control.Listen(filepath.Join(dir, "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	done = new([]string)
	do := func(what string) func(context.Context) error {
		return func(context.Context) error { *done = append(*done, what); return fail }
	}
	s := control.Serve(socket, control.Broker{
		Status: func() control.Status { return status }, Certificates: func() []control.Certificate { return served },
		CRLs: func() []control.CRL { return lists }, Staples: func() []control.Staple { return staples }, Plugins: func() []control.Plugin { return loaded },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "wicket_info 1\n") }),
		Reload:  do("reload"), RefreshCertificates: do("certs"), RefreshCRLs: do("crl"), ClearCRLs: do("clear"), RefreshStaples: do("ocsp"),
	}, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return dir, done
}

// wicket runs a command line and returns the exit code with what is printed,
// the error included.
func wicket(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(t.Context())
	if err == nil {
		return exitOK, out.String()
	}
	return exitCode(err), out.String() + err.Error()
}

func TestControlCommands(t *testing.T) {
	dir, done := brokerWith(t, nil)
	for _, test := range []struct{ line, says, does string }{
		{"status", "6 connected", ""},
		{"ctl listeners", "127.0.0.1:1883", ""},
		{"ctl alarms", "certificate_expiry", ""},
		{"ctl certs list", "CN=intermediate", ""},
		{"ctl crl list", "http://crl.example/ca.crl", ""},
		{"ctl ocsp list", "http://ocsp.example/", ""},
		{"ctl metrics", "wicket_info 1", ""},
		{"plugin list", "builtin:password", ""},
		{"ctl reload", "reloaded", "reload"},
		{"ctl certs refresh", "CN=intermediate", "certs"},
		{"ctl crl refresh", "http://crl.example/ca.crl", "crl"},
		{"ctl crl clear", "http://crl.example/ca.crl", "clear"},
		{"ctl ocsp refresh", "the responders are asked", "ocsp"},
	} {
		*done = nil
		code, out := wicket(t, append(strings.Fields(test.line), "--data", dir)...)
		if code != exitOK || !strings.Contains(out, test.says) || strings.Join(*done, " ") != test.does {
			t.Errorf("wicket %s: exit code %d, does %q\n%s", test.line, code, *done, out)
		}
	}
	for line, into := range map[string]any{
		"status": &control.Status{}, "ctl certs list": &[]control.Certificate{}, "plugin list": &[]control.Plugin{}, "ctl alarms": &[]alarm.Alarm{},
	} {
		code, out := wicket(t, append(strings.Fields(line), "-o", "json", "--socket", filepath.Join(dir, "control.sock"))...)
		decoder := json.NewDecoder(strings.NewReader(out))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(into); code != exitOK || err != nil || !strings.HasSuffix(out, "\n") {
			t.Errorf("wicket %s -o json: exit code %d, %v\n%s", line, code, err, out)
		}
	}
}

func TestControlCommandsFail(t *testing.T) {
	dir, _ := brokerWith(t, errors.New("wicket.yaml:3: no such key"))
	empty := t.TempDir()
	config := func(name, text string) string {
		name = filepath.Join(empty, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	listen := "listeners: { tcp: { default: { bind: 127.0.0.1:0 } } }\n"
	elsewhere := config("elsewhere.yaml", listen+"data_dir: "+dir+"\n")
	closed := config("closed.yaml", listen+"control: { enable: false }\n")
	own := config("own.yaml", listen+"control: { socket: own.sock }\n")
	bad := config("bad.yaml", "listenrs: {}\n")
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"status", "-c", elsewhere}, exitOK, "6 connected"},
		{[]string{"status", "-c", own, "--data", dir}, exitRuntime, `no broker answers on "` + filepath.Join(empty, "own.sock")},
		{[]string{"status", "--data", empty}, exitRuntime, `no broker answers on "` + filepath.Join(empty, "control.sock") + `"; start one with "wicket run"`},
		{[]string{"ctl", "reload", "--data", empty}, exitRuntime, "no broker answers"},
		{[]string{"status", "-c", closed}, exitRuntime, "control.enable is false"},
		{[]string{"status", "-c", bad}, exitConfig, "listenrs"},
		{[]string{"ctl", "reload", "--data", dir}, exitRuntime, "wicket.yaml:3: no such key"},
		{[]string{"ctl", "certs", "refresh", "--data", dir}, exitRuntime, "wicket.yaml:3: no such key"},
		{[]string{"status", "--data", dir, "-o", "xml"}, exitUsage, `"xml"`},
		{[]string{"status", "now"}, exitUsage, "now"},
		{[]string{"ctl", "explode"}, exitUsage, `unknown command "explode"; see wicket ctl --help`},
		{[]string{"ctl", "crl", "explode"}, exitUsage, `unknown command "explode"; see wicket ctl crl --help`},
		{[]string{"plugin", "explode"}, exitUsage, "explode"},
		{[]string{"ctl"}, exitOK, "Look into a running broker and steer it"},
		{[]string{"plugin"}, exitOK, "list"},
	} {
		if code, out := wicket(t, test.args...); code != test.code || !strings.Contains(out, test.says) {
			t.Errorf("%q: exit code %d, want %d with %q\n%s", test.args, code, test.code, test.says, out)
		}
	}
}

// docs/operate.md lists each command about a running broker, and none that
// there is not.
func TestPageKnowsEveryCommand(t *testing.T) {
	page, err := os.ReadFile("../../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(wicket [a-z ]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		listed[m[1]] = true
	}
	there := map[string]bool{"wicket plugin list": true}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if !c.HasSubCommands() {
			there[c.CommandPath()] = true
		}
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	root := rootCommand()
	for _, c := range root.Commands() {
		if c.Name() == "ctl" {
			walk(c)
		}
	}
	if !maps.Equal(listed, there) {
		t.Errorf("docs/operate.md lists %v, and there are %v", slices.Sorted(maps.Keys(listed)), slices.Sorted(maps.Keys(there)))
	}
}
