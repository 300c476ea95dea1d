package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// TestTags holds the rules for the tags of the structs.
func TestTags(t *testing.T) {
	schema().walk(nil, exampleName, func(path []string, f *field) {
		key := JoinKey(path...)
		if f.key == "" || f.key != strings.ToLower(f.key) || strings.ContainsAny(f.key, ".-\"") || strings.Contains(f.key, "__") {
			t.Errorf("%s: the key %q is not lower case with single underscores", key, f.key)
		}
		if !strings.HasSuffix(f.doc, ".") || strings.Contains(f.doc, "|") {
			t.Errorf("%s: the sentence %q does not end in a full stop, or breaks a table", key, f.doc)
		}
		if f.kind == named && f.example == "" {
			t.Errorf("%s: a map needs an example", key)
		}
		if f.def != "" {
			if _, err := f.parse(fromText(f, f.def)); err != nil {
				t.Errorf("%s: default %q: %v", key, f.def, err)
			}
		}
		if f.required && f.def != "" {
			t.Errorf("%s: required, and yet a default", key)
		}
		isNumber := f.typ == durationType || f.typ == sizeType || f.typ.Kind() == reflect.Int
		if (f.min == "" && f.infinity == "" || f.max == "" && f.infinity == "") && isNumber && f.kind == leaf {
			t.Errorf("%s: a number needs bounds", key)
		}
		for _, bound := range []string{f.min, f.max} {
			if bound != "" {
				f.bound(bound) // panics when it is not a number
			}
		}
		if f.infinity != "" && f.min == "" || f.infinity != "" && f.bound(f.min) <= 0 {
			t.Errorf("%s: 0 means infinity, so it must be out of bounds", key)
		}
	})
}

// TestEnvNamesAreUnique: no two keys have one environment name.
func TestEnvNamesAreUnique(t *testing.T) {
	seen := map[string]string{}
	schema().walk(nil, exampleName, func(path []string, f *field) {
		env, key := EnvName(path...), JoinKey(path...)
		if other, dup := seen[env]; dup {
			t.Errorf("%s and %s are both %s", key, other, env)
		}
		seen[env] = key
		if kubernetes.MatchString(env) {
			t.Errorf("%s: %s is taken by Kubernetes", key, env)
		}
	})
}

// TestKeyRoundTrip reads back what JoinKey writes.
func TestKeyRoundTrip(t *testing.T) {
	for _, path := range [][]string{{"a"}, {"a", "b"}, {"plugins", "my.plugin", "file"}, {"a.b", "c.d"}} {
		if got, err := SplitKey(JoinKey(path...)); err != nil || !reflect.DeepEqual(got, path) {
			t.Errorf("%q: got %q, %v", path, got, err)
		}
	}
	for _, key := range []string{"", ".", "a.", ".a", "a..b", `a."b`, `"a"b`, `""`} {
		if got, err := SplitKey(key); err == nil {
			t.Errorf("%q: got %q, want an error", key, got)
		}
	}
}

// TestJSONSchema compares the schema with the loader: an independent
// validator accepts the files that we do, and refuses those whose mistake a
// schema can express.
func TestJSONSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("wicket.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("wicket.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(text string) error {
		var tree any
		if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
			t.Fatal(err)
		}
		js, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(js)))
		if err != nil {
			t.Fatal(err)
		}
		return compiled.Validate(value)
	}
	const listener = "listeners: { tcp: { default: { bind: 1883 } } }\n"
	for _, text := range []string{
		Sample(), Development, listener, "{}", "mqtt:\n",
		listener + "mqtt: { idle_timeout: 1d12h, max_session_expiry: infinity, max_packet_size: 64 KB, retained: { max_bytes: 2048 } }",
		"listeners: { tcp: { a.b: { bind: '[::1]:1883', max_connections: infinity } } }",
		"plugins: { p: { file: x.wasm, config: { any: [1, { a: b }] }, grants: [password] } }",
	} {
		if err := check(text); err != nil {
			t.Errorf("refused: %s\n%v", text, err)
		}
	}
	for _, text := range []string{
		"nonsense: 1", "listeners: { tcp: { default: {} } }", "listeners: { tcp: { '-x': { bind: 1 } } }",
		"mqtt: { idle_timeout: 15 }", "mqtt: { idle_timeout: '' }", "mqtt: { idle_timeout: 15 sec }", "mqtt: { idle_timeout: infinity }",
		"mqtt: { max_inflight: 0 }", "mqtt: { max_inflight: 65536 }", "mqtt: { max_packet_size: 1.5MB }",
		"auth: { anonymous: maybe }", "auth: { chain: [1] }", "listeners: { tls: { a: { bind: 1, tls: { versions: [tlsv1.4] } } } }",
		"listeners: { tcp: { a: { bind: 1, tls: {} } } }", "listeners: { tcp: { a: { bind: 1, enable: 'yes' } } }",
	} {
		if err := check(text); err == nil {
			t.Errorf("accepted: %s", text)
		}
	}
}

// TestSampleIsDevelopment: the sample file means what the built-in
// configuration means, also when every default in it is made explicit.
func TestSampleIsDevelopment(t *testing.T) {
	t.Chdir(t.TempDir())
	want, _, err := Load(Sources{Base: Development})
	if err != nil {
		t.Fatal(err)
	}
	var explicit []string
	for _, line := range strings.Split(Sample(), "\n") {
		text := strings.TrimLeft(line, " ")
		if strings.HasPrefix(text, "#") && !strings.HasPrefix(text, "##") && !strings.HasPrefix(text, "# ") {
			line = strings.Replace(line, "#", "", 1)
		}
		explicit = append(explicit, line)
	}
	for name, text := range map[string]string{"sample.yaml": Sample(), "explicit.yaml": strings.Join(explicit, "\n")} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, report, err := Load(Sources{Files: []string{name}})
		if err != nil || len(report.Warnings) > 0 {
			t.Fatalf("%s: %v %v", name, err, report.Warnings)
		}
		if d := Diff(want, got); len(d) > 0 {
			t.Errorf("%s differs from the built-in configuration: %+v", name, d)
		}
	}
}

// TestExplain asks for every key.
func TestExplain(t *testing.T) {
	cfg, report, err := Load(Sources{Base: Development})
	if err != nil {
		t.Fatal(err)
	}
	schema().walk(nil, exampleName, func(path []string, f *field) {
		x, err := Explain(JoinKey(path...), cfg, report)
		if err != nil {
			t.Error(err)
			return
		}
		value := f.kind != section && f.kind != named
		set := value && !slices.Contains(path, "bundles") && path[0] != "upstreams" // the built-in configuration has none
		if x.Doc == "" || x.Type == "" || x.Set != set || (x.Env != "") != value || (len(x.Below) > 0) == value {
			t.Errorf("%s: %+v", x.Key, x)
		}
	})
	for key, want := range map[string]string{
		"mqtt.idle_timout": `did you mean "idle_timeout"?`, "nonsense": "at the top", "": "empty", "listeners.tcp.x.y": "in listeners.tcp.x",
	} {
		if _, err := Explain(key, cfg, report); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", key, err)
		}
	}
	x, err := Explain("listeners.tls.other.bind", cfg, report)
	if err != nil || x.Set {
		t.Errorf("a listener that is not there: %+v, %v", x, err)
	}
	if x, err := Explain("mqtt.idle_timeout", nil, nil); err != nil || x.Set || x.Default != "15s" {
		t.Errorf("without a configuration: %+v, %v", x, err)
	}
}

func TestNearest(t *testing.T) {
	words := []string{"bind", "enable", "max_connections", "tls"}
	for word, want := range map[string]string{
		"bnd": "bind", "bidn": "bind", "Bind": "bind", "enabel": "enable", "max_conn": "max_connections", "max-connections": "max_connections",
		"tsl": "tls", "xyz": "", "q": "", strings.Repeat("x", 1000): "",
	} {
		if got, _ := nearest(word, words); got != want {
			t.Errorf("%.20s: got %q, want %q", word, got, want)
		}
	}
}

// TestDirOfPlugin: relative paths inside the settings of a plugin start at
// the directory of its file.
func TestDirOfPlugin(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("etc", 0o755); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("etc", "wicket.yaml")
	if err := os.WriteFile(name, []byte(Development), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, src := range map[string]Sources{
		"etc":  {Files: []string{name}},
		"/d":   {Base: Development, Overrides: []Override{{"data_dir", "/d", "--data"}}},
		"data": {Base: Development},
		".":    {Overrides: []Override{{"plugins.password.file", "x", "--set"}, {"listeners.tcp.a.bind", "127.0.0.1:1", "--set"}}},
	} {
		cfg, _, err := Load(src)
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.Plugins["password"].Dir; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
