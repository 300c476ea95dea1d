package emqx

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/wicketmq/wicket/engine/config"
)

// FuzzImport feeds any text. Whatever comes, there are either reasons why it
// cannot be used, or YAML that the loader of configurations understands, in
// which a door that was shut is shut.
func FuzzImport(f *testing.F) {
	names, err := filepath.Glob(filepath.Join("testdata", "import", "*.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(archive.Files[0].Data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		o := Options{
			Getenv: func(string) (string, bool) { return "", false },
			ReadFile: func(name string) ([]byte, error) {
				if filepath.Base(name) == "acl.conf" && len(text)%2 == 0 {
					return []byte("{allow, {username, {re, \"^(a)\"}}, all, [\"x\"]}.\n{deny, {zone, z}, publish, [\"x/#\"]}.\n{allow, all}.\n"), nil
				}
				return nil, fs.ErrNotExist
			},
			Secret: func() string { return "some random text that is kept" },
		}
		r := Import("/emqx/etc/emqx.conf", []byte(text), o)
		for _, list := range [][]Finding{r.Errors, r.Closed, r.Lost, r.Notes} {
			for _, f := range list {
				if f.Text == "" || f.File == "" {
					t.Fatalf("finding %+v", f)
				}
			}
		}
		if len(r.Errors) > 0 {
			return
		}
		if n := strings.Count(string(r.YAML), "\n"); n != len(r.Lines) {
			t.Fatalf("%d lines, %d places:\n%s", n, len(r.Lines), r.YAML)
		}
		cfg, err := loadYAML(t, r.YAML)
		if err != nil {
			understood(t, r.YAML, err)
			return
		}
		shut(t, r, cfg)
	})
}

// unasked reports whether a listener lets everybody in.
func unasked(cfg *config.Config) bool {
	for _, l := range cfg.Listeners.TCP {
		if l.EnableAuthn == config.AuthnOff {
			return true
		}
	}
	for _, l := range cfg.Listeners.TLS {
		if l.EnableAuthn == config.AuthnOff {
			return true
		}
	}
	return false
}

// loadYAML loads what was made by way of the hook for files of EMQX, so that
// nothing is written.
func loadYAML(t *testing.T, yaml []byte) (*config.Config, error) {
	t.Helper()
	cfg, _, err := config.Load(config.Sources{Base: string(yaml)})
	return cfg, err
}

// understood fails when the loader refuses the form of the YAML and not a value
// in it.
func understood(t *testing.T, yaml []byte, err error) {
	t.Helper()
	var list config.Errors
	if !errors.As(err, &list) {
		t.Fatal(err)
	}
	for _, p := range list {
		for _, form := range []string{"YAML", "unknown key", "twice", "not a section", "not a list", "not a text", "control characters"} {
			if strings.Contains(p.Text, form) {
				t.Fatalf("%s\n%s", p, yaml)
			}
		}
	}
}

// shut checks each door that the report says is shut.
func shut(t *testing.T, r *Result, cfg *config.Config) {
	t.Helper()
	for _, f := range r.Closed {
		var bad bool
		switch {
		case strings.HasPrefix(f.Text, "nobody"):
			bad = !slices.Equal(cfg.Auth.Chain, []string{"closed"}) || cfg.Auth.Anonymous != config.AnonymousDeny || unasked(cfg)
		case strings.HasPrefix(f.Text, "clients that it alone"):
			bad = len(cfg.Auth.Chain) == 0 || cfg.Auth.Anonymous != config.AnonymousDeny || unasked(cfg)
		case strings.HasPrefix(f.Text, "it denies more"):
			bad = !slices.Contains(cfg.Auth.Chain, "acl") && !slices.Contains(cfg.Auth.Chain, "closed")
		case strings.HasPrefix(f.Text, "what no rule"):
			bad = cfg.Authz.NoMatch != config.NoMatchDeny || cfg.Auth.Anonymous == config.AnonymousAllow
		default:
			path, err := config.SplitKey(strings.Fields(f.Text)[0])
			if err != nil || len(path) != 3 {
				t.Fatalf("which listener? %s", f)
			}
			bad = cfg.Listeners.TCP[path[2]].Enable && path[1] == "tcp" || cfg.Listeners.TLS[path[2]].Enable && path[1] == "tls"
		}
		if bad {
			t.Fatalf("not shut: %s\n%s", f, r.YAML)
		}
	}
	if cfg.Auth.Anonymous == config.AnonymousAllow && !slices.ContainsFunc(r.Notes, func(f Finding) bool {
		return f.Key == "allow_anonymous" || f.Key == "authentication"
	}) {
		t.Fatalf("open without a word:\n%s", r.YAML)
	}
}
