package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/config"
)

// wicketConfig runs "wicket config ..." and returns its output, the error
// included, and the exit code.
func wicketConfig(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	root := rootCommand()
	root.SetArgs(append([]string{"config"}, args...))
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.Execute()
	if err != nil {
		out.WriteString(err.Error())
		return out.String(), exitCode(err)
	}
	return out.String(), exitOK
}

func TestConfigCommand(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"good.yaml":    config.Development,
		"users":        "",
		"open.yaml":    "listeners: { tcp: { default: { bind: 1883 } } }\nauth: { anonymous: allow }\n",
		"bad.yaml":     "mqtt: { idle_timout: 1s }\nlisteners: { tcp: { default: { bind: nowhere } } }\n",
		"missing.yaml": "listeners: { tcp: { default: { bind: 127.0.0.1:1883 } } }\nplugins: { p: { file: p.wasm } }\nauth: { chain: [p] }\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		args []string
		code int
		want []string // parts of the output
	}{
		{[]string{"check"}, exitOK, []string{"is good"}},
		{[]string{"check", "-c", "good.yaml"}, exitOK, []string{"is good"}},
		{[]string{"check", "-c", "open.yaml"}, exitOK, []string{"warning: open.yaml:2: auth.anonymous", "is good"}},
		{[]string{"check", "-c", "bad.yaml"}, exitConfig, []string{"2 mistakes", `bad.yaml:1: mqtt.idle_timout: unknown key; did you mean "idle_timeout"?`, `bad.yaml:2: listeners.tcp.default.bind: "nowhere"`}},
		{[]string{"check", "-c", "missing.yaml"}, exitConfig, []string{"a mistake", `missing.yaml:2: plugins.p.file: cannot read "p.wasm": no such file`}},
		{[]string{"check", "-c", "nowhere.yaml"}, exitConfig, []string{"nowhere.yaml: cannot read the file: no such file"}},
		{[]string{"check", "good.yaml"}, exitUsage, nil},
		{[]string{"check", "--colour"}, exitUsage, nil},
		{[]string{"default"}, exitOK, []string{"#max_inflight: 32"}},
		{[]string{"default", "more"}, exitUsage, nil},
		{[]string{"schema"}, exitOK, []string{"https://json-schema.org/draft/2020-12/schema"}},
		{[]string{"explain", "mqtt.idle_timeout"}, exitOK, []string{"CONNECT", "duration", "WICKET_MQTT__IDLE_TIMEOUT", "15s", "from         default"}},
		{[]string{"explain", "listeners.tcp.default.bind", "-c", "good.yaml"}, exitOK, []string{"127.0.0.1:1883", "from         good.yaml:4", "at restart"}},
		{[]string{"explain", "mqtt.idle_timout"}, exitUsage, []string{`did you mean "idle_timeout"?`}},
		{[]string{"explain", "mqtt", "-c", "bad.yaml"}, exitConfig, []string{"Protocol limits", "idle_timeout", "unknown key"}},
		{[]string{"explain"}, exitUsage, nil},
		{[]string{"explain", "a", "b"}, exitUsage, nil},
		{[]string{"chekc"}, exitUsage, []string{"chekc"}},
		{nil, exitOK, []string{"explain", "schema"}},
	} {
		out, code := wicketConfig(t, test.args...)
		if code != test.code {
			t.Errorf("%q: exit code %d, want %d\n%s", test.args, code, test.code, out)
		}
		for _, part := range test.want {
			if !strings.Contains(out, part) {
				t.Errorf("%q: %q is not in\n%s", test.args, part, out)
			}
		}
	}
}

// TestConfigCheckReadsTheEnvironment: a misspelt variable is found.
func TestConfigCheckReadsTheEnvironment(t *testing.T) {
	t.Setenv("WICKET_MQTT_IDLE_TIMEOUT", "1s")
	out, code := wicketConfig(t, "check")
	if code != exitConfig || !strings.Contains(out, "did you mean WICKET_MQTT__IDLE_TIMEOUT?") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// TestConfigDefaultIsGood: the file that "default" prints passes "check".
func TestConfigDefaultIsGood(t *testing.T) {
	t.Chdir(t.TempDir())
	text, _ := wicketConfig(t, "default")
	for name, content := range map[string]string{"wicket.yaml": text, "users": ""} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, code := wicketConfig(t, "check", "-c", "wicket.yaml"); code != exitOK {
		t.Errorf("exit code %d\n%s", code, out)
	}
}
