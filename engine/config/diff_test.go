package config

import (
	"reflect"
	"testing"
)

// with loads Development with overrides.
func with(t *testing.T, overrides ...string) *Config {
	t.Helper()
	src := Sources{Base: Development}
	for i := 0; i < len(overrides); i += 2 {
		src.Overrides = append(src.Overrides, Override{overrides[i], overrides[i+1], "--set"})
	}
	cfg, _, err := Load(src)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestDiff(t *testing.T) {
	base := with(t)
	for _, test := range []struct {
		set  []string
		want []Change
	}{
		{nil, nil},
		{[]string{"mqtt.max_inflight", "33"}, []Change{{"mqtt.max_inflight", "32", "33", true}}},
		{[]string{"log.level", "warn"}, []Change{{"log.level", "info", "warn", false}}},
		{[]string{"auth.chain", ""}, []Change{{"auth.chain", "[password]", "[]", false}}},
		{[]string{"listeners.tcp.default.max_connections", "5"}, []Change{{"listeners.tcp.default.max_connections", "infinity", "5", true}}},
		{[]string{"listeners.tcp.new.bind", "127.0.0.1:1884"}, []Change{{"listeners.tcp.new", "", "present", true}}},
		{[]string{"plugins.a.file", "x.wasm"}, []Change{{"plugins.a", "", "present", false}}},
		{[]string{"listeners.tls.default.tls.password", "hunter2"}, []Change{{"listeners.tls.default.tls.password", "", redacted, false}}},
		{[]string{"plugins.password.config.users_file", "hunter2"}, []Change{{"plugins.password.config", "(not shown: may hold secrets)", "(not shown: may hold secrets)", false}}},
		{[]string{"shutdown.grace", "1m", "mqtt.idle_timeout", "20s"}, []Change{{"mqtt.idle_timeout", "15s", "20s", true}, {"shutdown.grace", "10s", "1m", false}}},
	} {
		changed := with(t, test.set...)
		if got := Diff(base, changed); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v: got %+v, want %+v", test.set, got, test.want)
		}
		if back := Diff(changed, base); len(back) != len(test.want) {
			t.Errorf("%v, backwards: %+v", test.set, back)
		}
	}
}

// TestLoadStartsFromNothing: a configuration loaded earlier never changes.
func TestLoadStartsFromNothing(t *testing.T) {
	first := with(t)
	second := with(t)
	if d := Diff(first, second); len(d) > 0 {
		t.Fatalf("the same sources, twice: %+v", d)
	}
	second.Plugins["password"].Config["users_file"] = "changed"
	second.Auth.Chain[0] = "changed"
	second.Listeners.TLS["default"].TLS.Versions[0] = "changed"
	if d := Diff(first, with(t)); len(d) > 0 {
		t.Errorf("configurations share memory: %+v", d)
	}
}
