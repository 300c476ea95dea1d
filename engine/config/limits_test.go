package config

import (
	"os"
	"strings"
	"testing"
)

// TestLimits feeds files that are large, deep or no files at all. Each gets a
// problem, soon and in few words.
func TestLimits(t *testing.T) {
	t.Chdir(t.TempDir())
	deep := func(s string, n int) string { return strings.Repeat(s, n) }
	for name, test := range map[string]struct{ format, text, want string }{
		"huge":             {"yaml", "# " + deep("x", maxFileSize), "larger than 1MB"},
		"many values":      {"yaml", "plugins: { p: { file: x, config: { list: [" + deep("1,", maxNodes+1) + "1] } } }", "more than 100000 values"},
		"deep YAML flow":   {"yaml", deep("[", 300_000), "exceeded max depth"},
		"deep YAML map":    {"yaml", deep("{a: ", 5000) + deep("}", 5000), "nested more than 32 deep"},
		"deep YAML lists":  {"yaml", "a: " + deep("[", 5000) + deep("]", 5000), "nested more than 32 deep"},
		"deep TOML lists":  {"toml", "a = " + deep("[ ", 300_000), "nested more than 256 deep"},
		"deep TOML tables": {"toml", "a = " + deep("{a=", 300_000), "nested more than 256 deep"},
		"deep TOML mix":    {"toml", "a = " + deep("[{a=", 200_000), "nested more than 256 deep"},
		"deep TOML key":    {"toml", "a" + deep(".a", 20_000) + " = 1", "nested more than 32 deep"},
		"deep JSON":        {"json", deep(`{"a":`, 200_000), "too large or nested too deep"},
		"deep JSON lists":  {"json", `{"a":` + deep(`[`, 900_000), "too large or nested too deep"},
		"NUL key":          {"json", `{"mqtt": {"a\u0000b": 1}}`, "control characters"},
		"empty key":        {"toml", `"" = 1`, "empty"},
		"not UTF-8":        {"yaml", "mqtt: \xff\xfe", "not YAML"},
		"control":          {"yaml", "mqtt: \x00", "not YAML"},
		"binary tag":       {"yaml", "data_dir: !!binary aGk=", "!!binary is not supported"},
		"loop of aliases":  {"yaml", "plugins: &a { p: *a }", "nested more than 32 deep"},
		"float bounds":     {"json", `{"mqtt": {"max_inflight": 1e300}}`, "not a whole number"},
		"big number":       {"yaml", "mqtt: { max_inflight: 99999999999999999999 }", "not a whole number"},
		"NaN":              {"yaml", "mqtt: { max_inflight: .nan }", "not a whole number"},
	} {
		t.Run(name, func(t *testing.T) {
			file := "wicket." + test.format
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err := Load(Sources{Files: []string{file}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%.300v: want %q", err, test.want)
			}
			if len(err.Error()) > 4096 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

// TestBOM: editors on Windows start files with a byte order mark.
func TestBOM(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"a.yaml": "loops: 2", "a.toml": "loops = 2", "a.json": `{"loops": 2}`,
	} {
		if err := os.WriteFile(name, []byte("\xef\xbb\xbf"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, _, err := Load(Sources{Files: []string{name}, Overrides: []Override{{"listeners.tcp.a.bind", "127.0.0.1:1", "--set"}}})
		if err != nil || cfg.Loops != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
