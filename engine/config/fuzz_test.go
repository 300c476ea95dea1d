package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzLoad feeds any text in any format, and as a variable. Whatever comes,
// there is either a configuration that passes its own rules, or a list of
// problems, each with a text.
func FuzzLoad(f *testing.F) {
	names, err := filepath.Glob(filepath.Join("testdata", "load", "*.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if format, err := formatOf(file.Name); err == nil {
				f.Add(format, string(file.Data), "WICKET_MQTT__MAX_INFLIGHT=1")
			}
		}
	}
	f.Add("toml", strings.Repeat("[", 100), "WICKET_PLUGINS__X__CONFIG=[[[[[[{")
	f.Add("json", strings.Repeat(`{"a":`, 100), "WICKET_PLUGINS__X__CONFIG__Y={}{}")
	f.Add("yaml", strings.Repeat("- ", 100)+Development, "WICKET_AUTH__CHAIN=,,,")
	f.Fuzz(func(t *testing.T, format, text, env string) {
		if format != "json" && format != "toml" {
			format = "yaml"
		}
		if strings.Contains(env, "\x00") {
			return // cannot be in an environment
		}
		src := Sources{Files: []string{"wicket." + format}, Env: []string{env}}
		cfg, report, err := load(src, func(string) ([]byte, error) { return []byte(text), nil })
		if report == nil {
			t.Fatal("no report")
		}
		if err == nil {
			accepted(t, cfg, report)
			return
		}
		list, ok := err.(Errors)
		if !ok || len(list) == 0 || cfg != nil {
			t.Fatalf("%T with %d problems, configuration %v", err, len(list), cfg)
		}
		for _, p := range list {
			if p.Text == "" || strings.Contains(p.Text, "BUG") || strings.ContainsAny(p.String(), "\x00") {
				t.Fatalf("problem %q", p)
			}
		}
	})
}

// accepted checks what holds for each configuration that Load returns.
func accepted(t *testing.T, cfg *Config, report *Report) {
	if len(cfg.open()) == 0 || cfg.DataDir == "" {
		t.Fatalf("accepted: %+v", cfg)
	}
	if d := Diff(cfg, cfg); len(d) > 0 {
		t.Fatalf("differs from itself: %v", d)
	}
	for _, name := range cfg.Auth.Chain {
		if _, ok := cfg.Plugins[name]; !ok {
			t.Fatalf("chain names %q", name)
		}
	}
	for name, l := range cfg.Listeners.TLS {
		if l.Enable && l.TLS.FailIfNoPeerCert && l.TLS.Verify != VerifyPeer {
			t.Fatalf("listener %s breaks TLS-05", name)
		}
	}
	CheckFiles(cfg, report)
}
