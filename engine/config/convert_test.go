package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A converted file speaks at the lines of the file that it was made from.
func TestConvert(t *testing.T) {
	dir := t.TempDir()
	name, more := filepath.Join(dir, "emqx.conf"), filepath.Join(dir, "more.conf")
	for _, f := range []string{name, more} {
		if err := os.WriteFile(f, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	convert := func(yaml string, problems ...Problem) Sources {
		return Sources{Files: []string{name}, Convert: func(string, []byte) Converted {
			c := Converted{YAML: []byte(yaml), Files: []string{more}, Problems: problems, Warnings: []Problem{{Text: "mind this"}}}
			for i := range strings.Count(yaml, "\n") {
				c.Origins = append(c.Origins, Origin{File: more, Line: 10 * (i + 1)})
			}
			return c
		}}
	}
	_, report, err := Load(convert("listeners: { tcp: { default: { bind: 127.0.0.1:1 } } }\nauth: { anonymous: loopback }\n"))
	if err != nil {
		t.Fatal(err)
	}
	if o := report.Origin("auth.anonymous"); o.File != more || o.Line != 20 {
		t.Errorf("auth.anonymous is from %s", o)
	}
	if len(report.Warnings) != 1 || report.named[0] != more {
		t.Errorf("warnings %v, watched %v", report.Warnings, report.named)
	}
	for _, test := range []struct {
		src  Sources
		want string
	}{
		{convert("listeners: { tcp: { default: { bind: 1 } } }\n\nmqtt: { max_inflight: many }\n"), more + ":30: mqtt.max_inflight: "},
		{convert("listeners: {\n"), "this is not YAML"},
		{convert("listeners: { tcp: { default: { bind: 1 } } }\n", Problem{Origin: Origin{File: name, Line: 7}, Key: "k", Text: "no"}), name + ":7: k: no"},
		{Sources{Files: []string{name}}, "wicket import"},
	} {
		if _, _, err := Load(test.src); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want %q in it", err, test.want)
		}
	}
}
