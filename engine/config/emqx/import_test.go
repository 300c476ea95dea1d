package emqx

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/wicketmq/wicket/engine/config"
	acl "github.com/wicketmq/wicket/plugins/acl/rules"
	"github.com/wicketmq/wicket/plugins/certmap/identity"
	"github.com/wicketmq/wicket/plugins/http/backend"
	"github.com/wicketmq/wicket/plugins/jwt/token"
	"github.com/wicketmq/wicket/plugins/password/login"
	"github.com/wicketmq/wicket/plugins/scram/exchange"
	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

var update = flag.Bool("update", false, "write golden files and generated pages instead of comparing with them")

// TestImport runs the dialogues of testdata/import: the first file of an
// archive is imported, beside the others, and what comes out is compared with
// its last two, "yaml" and "report". The comment may hold "env NAME=VALUE",
// "base DIRECTORY" and "secret TEXT".
func TestImport(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "import", "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			name, err := filepath.Abs(name)
			if err != nil {
				t.Fatal(err)
			}
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			n := len(archive.Files) - 2
			if n < 1 || archive.Files[n].Name != "yaml" || archive.Files[n+1].Name != "report" {
				t.Fatal("the last two files must be called yaml and report")
			}
			yaml, report := dialogue(t, archive)
			if *update {
				archive.Files[n].Data, archive.Files[n+1].Data = []byte(yaml), []byte(report)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			for i, got := range []string{yaml, report} {
				if want := archive.Files[n+i]; string(want.Data) != got {
					t.Errorf("%s:\n%s\nwant:\n%s", want.Name, got, want.Data)
				}
			}
		})
	}
}

// dialogue imports the first file of an archive in a directory of its own.
func dialogue(t *testing.T, archive *txtar.Archive) (yaml, report string) {
	t.Chdir(t.TempDir())
	for _, f := range archive.Files[:len(archive.Files)-2] {
		if err := os.MkdirAll(filepath.Dir(f.Name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{}
	o := Options{Base: ".", Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	for line := range strings.Lines(string(archive.Comment)) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb {
		case "env":
			name, value, _ := strings.Cut(rest, "=")
			env[name] = value
		case "secret":
			o.Secret = func() string { return rest }
		case "base":
			o.Base = rest
		case "", "#":
		default:
			t.Fatalf("unknown directive %q", line)
		}
	}
	first := archive.Files[0]
	r := Import(first.Name, first.Data, o)
	if len(r.Errors) == 0 {
		yaml = string(r.YAML)
		loads(t, r)
	}
	return yaml, told(r)
}

// loads checks that the YAML is a configuration, with a place for each line.
func loads(t *testing.T, r *Result) {
	t.Helper()
	if err := os.WriteFile("wicket.yaml", r.YAML, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := config.Load(config.Sources{Files: []string{"wicket.yaml"}})
	if err != nil {
		t.Errorf("the YAML is not good: %v\n%s", err, r.YAML)
	} else {
		loadsPlugins(t, cfg)
	}
	if n := strings.Count(string(r.YAML), "\n"); n != len(r.Lines) {
		t.Errorf("%d lines of YAML, %d places", n, len(r.Lines))
	}
}

// loadsPlugins checks that plugins take the settings that were made for them.
func loadsPlugins(t *testing.T, cfg *config.Config) {
	t.Helper()
	for name, p := range cfg.Plugins {
		settings, err := json.Marshal(p.Config)
		if err != nil {
			t.Fatal(err)
		}
		l := &wicket.LoadInfo{}
		l.Plugin, l.Config, l.Upstreams = name, string(settings), p.Upstreams
		switch p.File {
		case "builtin:http":
			_, _, err = backend.New(l)
		case "builtin:acl":
			_, _, err = acl.New(l)
		case "builtin:certmap":
			_, _, err = identity.New(string(settings))
		case "builtin:scram":
			_, _, err = exchange.New(l)
		case "builtin:password":
			by, _ := p.Config["user_id_type"].(string)
			_, err = login.ParseKey(by)
		case "builtin:jwt":
			if f := p.Config["public_key_file"]; f != nil {
				l.Files = append(l.Files, wire.File{Key: "public_key_file", Path: f.(string), Content: []byte("-----BEGIN PUBLIC KEY-----")})
			}
			_, err = token.New(l)
		}
		if err != nil && !errors.Is(err, wicket.ErrKeys) {
			t.Errorf("plugin %s: %v\n%s", name, err, settings)
		}
	}
}

// told is the report as a text.
func told(r *Result) string {
	var b strings.Builder
	for _, list := range []struct {
		kind string
		of   []Finding
	}{{"error", r.Errors}, {"shut", r.Closed}, {"lost", r.Lost}, {"note", r.Notes}} {
		for _, f := range list.of {
			fmt.Fprintf(&b, "%s: %s\n", list.kind, f)
		}
	}
	fmt.Fprintf(&b, "%s: %d carried over, %d lost\n", r.Grammar, r.Carried, r.Count())
	return b.String()
}
