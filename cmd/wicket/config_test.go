package main

import (
	"bytes"
	"fmt"
	"net"
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

// TestConfigCheckLoadsPlugins: what a plugin has against its settings is found
// with its place, and nobody is asked for that.
func TestConfigCheckLoadsPlugins(t *testing.T) {
	t.Chdir(t.TempDir())
	issuer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	asked := make(chan struct{})
	go func() {
		if c, err := issuer.Accept(); err == nil {
			close(asked)
			c.Close()
		}
	}()
	write := func(name, plugins, chain string) {
		text := fmt.Sprintf("listeners: { tcp: { default: { bind: 127.0.0.1:1883 } } }\nupstreams: { issuer: { url: http://%s } }\nauth: { chain: %s }\nplugins:\n%s",
			issuer.Addr(), chain, plugins)
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("good.yaml", "  jwt:\n    file: builtin:jwt\n    upstreams: [issuer]\n    config: { use_jwks: true, path: /keys }\n", "[jwt]")
	write("key.yaml", "  jwt:\n    file: builtin:jwt\n    config:\n      secret: abcdefghijklmnopqrstuvwxyz0123456789\n      algorithm: hmac-based\n      verfy_claims: {}\n", "[jwt]")
	write("many.yaml", "  jwt:\n    file: builtin:jwt\n    config:\n      endpoint: /keys\n  door:\n    file: builtin:dor\n", "[jwt, door]")
	write("unused.yaml", "  door: { file: builtin:dor }\n", "[]")
	write("missing.yaml", "  door: { file: door.wasm }\n", "[door]")
	if err := os.WriteFile("noise.wasm", []byte("no module"), 0o644); err != nil {
		t.Fatal(err)
	}
	write("noise.yaml", "  door: { file: noise.wasm }\n", "[door]")
	const own = "upstreams: { own: { url: https://localhost:1, tls: { cacertfile: noise.wasm } } }\n"
	if err := os.WriteFile("upstream.yaml", []byte("listeners: { tcp: { default: { bind: 127.0.0.1:1883 } } }\n"+own), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args string
		code int
		want []string
	}{
		{"upstream.yaml", exitRuntime, []string{"a mistake:\nupstream.yaml:2: upstreams.own: ", "noise.wasm"}},
		{"upstream.yaml --no-plugins", exitOK, []string{"is good"}},
		{"good.yaml", exitOK, []string{"warning: good.yaml:5: plugins.jwt: any token of the issuer lets in any client id", "is good"}},
		{"key.yaml", exitRuntime, []string{"a mistake:\nkey.yaml:10: plugins.jwt.config.verfy_claims: no such key; there are algorithm, "}},
		{"many.yaml", exitRuntime, []string{"3 mistakes", "\nmany.yaml:7: plugins.jwt.config: want exactly one of", "\nmany.yaml:8: plugins.jwt.config.endpoint: the server is an upstream", "\nmany.yaml:9: plugins.door: cannot open plugin", "built-in plugins are acl"}},
		{"noise.yaml", exitRuntime, []string{"noise.yaml:5: plugins.door: cannot open plugin \"door\" (noise.wasm): the module"}},
		{"unused.yaml", exitOK, []string{"is good"}},
		{"missing.yaml", exitConfig, []string{"a mistake:\nmissing.yaml:5: plugins.door.file: cannot read"}},
		{"missing.yaml --no-plugins", exitOK, []string{"is good"}},
		{"key.yaml --no-plugins", exitOK, []string{"is good"}},
	} {
		out, code := wicketConfig(t, append([]string{"check", "-c"}, strings.Fields(test.args)...)...)
		if code != test.code {
			t.Errorf("%s: exit code %d, want %d\n%s", test.args, code, test.code, out)
		}
		for _, part := range test.want {
			if !strings.Contains(out, part) {
				t.Errorf("%s: %q is not in\n%s", test.args, part, out)
			}
		}
	}
	select {
	case <-asked:
		t.Error("the upstream has been asked")
	default:
	}
}
