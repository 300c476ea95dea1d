package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/plugins"
	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

var update = flag.Bool("update", false, "write the answers of the golden cases")

func open(tb testing.TB, config string) *harness.Guest {
	tb.Helper()
	module, _ := plugins.Builtin("certmap")
	g := harness.Open(tb, module)
	if code := g.Load(&wire.Load{Plugin: "certmap", Config: config, ABIMinor: 1}); code != 0 {
		tb.Fatalf("load: %d, %q", code, g.Logs)
	}
	return g
}

// golden is one file of testdata: a configuration, and clients with what becomes
// of them.
type golden struct {
	Config json.RawMessage `json:"config"`
	Logs   []string        `json:"logs,omitempty"` // while it is loaded
	Cases  []struct {
		Name        string            `json:"name"`
		Connect     wire.Authenticate `json:"connect"`
		Certificate map[string]string `json:"certificate,omitempty"` // what cert_field gives
		Answer      answer            `json:"answer"`
	} `json:"cases"`
}

type answer struct {
	Code     string         `json:"code"`
	Decision *wire.Decision `json:"decision,omitempty"`
}

var codes = map[int32]string{wire.Deny: "deny", wire.Allow: "allow", wire.Next: "next"}

// fields are the names of cert_field that the golden cases use.
var fields = map[string]wicket.CertField{
	"cn": wicket.CertCommonNames, "dn": wicket.CertSubject, "san_uri": wicket.CertSANURI, "md5": wicket.CertMD5, "serial": wicket.CertSerial, "sha256": wicket.CertSHA256,
}

// TestGolden runs the module itself: what a client is named after, from the
// bytes of the event to those of the decision.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var doc golden
			decoder := json.NewDecoder(bytes.NewReader(text))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&doc); err != nil {
				t.Fatal(err)
			}
			g := open(t, string(doc.Config))
			if *update {
				doc.Logs = g.Logs
			} else if !reflect.DeepEqual(g.Logs, doc.Logs) {
				t.Errorf("logged %q, want %q", g.Logs, doc.Logs)
			}
			for i := range doc.Cases {
				c := &doc.Cases[i]
				g.Fields = map[[2]int32]string{}
				for name, value := range c.Certificate {
					field, ok := fields[name]
					if !ok {
						t.Fatalf("no field %q", name)
					}
					g.Fields[[2]int32{int32(field), 0}] = value
				}
				got := ask(g, int64(i+1), &c.Connect)
				if *update {
					c.Answer = got
				} else if !reflect.DeepEqual(got, c.Answer) {
					t.Errorf("%s: %+v %+v, want %+v %+v", c.Name, got, got.Decision, c.Answer, c.Answer.Decision)
				}
			}
			if *update {
				write(t, file, &doc)
			}
		})
	}
}

func ask(g *harness.Guest, req int64, c *wire.Authenticate) answer {
	code := g.Authenticate(req, c)
	if a, ok := g.Answers[req]; ok {
		return answer{codes[a.Code], &a.Decision}
	}
	return answer{Code: codes[code]}
}

func write(t *testing.T, file string, doc *golden) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A config with a fault refuses the plugin, and the operator is told all of it.
func TestLoadRefuses(t *testing.T) {
	module, _ := plugins.Builtin("certmap")
	for config, log := range map[string]string{
		``:                    `3 the config maps nothing: give username, client_id, attributes or checks, such as username: cn`,
		`{"client_id":"crt"}`: `3 client_id: crt is the certificate in DER, which no client id can be: take "pem" (its Base64), "md5" or "sha256"`,
		`{"username":"cn","required":1,"listeners":{"tls":{}}}`: `3 required: want true or false, not a number; listeners.tls: want a listener's type and name, such as tls:default`,
	} {
		g := harness.Open(t, module)
		if code := g.Load(&wire.Load{Plugin: "certmap", Config: config}); code == 0 || strings.Join(g.Logs, "\n") != log {
			t.Errorf("%s: %d, %q, want %q", config, code, g.Logs, log)
		}
	}
}

// The module asks for nothing that is granted, and hears of no topics.
func TestNeedsNoGrants(t *testing.T) {
	if g := plugins.Grants("certmap"); g != nil {
		t.Errorf("is granted %q", g)
	}
	if g := open(t, `{"username":"cn"}`); g.Hears != 1 {
		t.Errorf("hears %b", g.Hears)
	}
}
