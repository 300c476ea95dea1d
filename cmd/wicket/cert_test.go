package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func runCert(args ...string) (string, error) {
	c := certCommand()
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(args)
	c.SilenceErrors, c.SilenceUsage = true, true
	err := c.Execute()
	return out.String(), err
}

func TestCertCommands(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"ca", "--dir", dir, "--name", "Test CA"},
		{"server", "--dir", dir, "mqtt.example", "10.0.0.5"},
		{"client", "--dir", dir, "../pump 7"},
	} {
		if out, err := runCert(args...); err != nil || strings.Count(out, "\n") != 2 {
			t.Fatalf("%v: %q, %v", args, out, err)
		}
	}
	for _, name := range []string{"ca", "mqtt.example", "___pump_7"} {
		info, err := os.Stat(filepath.Join(dir, name+".key"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s.key: %v, %v", name, info, err)
		}
	}
	out, err := runCert("show", filepath.Join(dir, "mqtt.example.pem"))
	for _, want := range []string{"CN=mqtt.example", "CN=Test CA", "mqtt.example, 10.0.0.5", "ECDSA", "(824 days left)"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("show says no %q: %v\n%s", want, err, out)
		}
	}
	if _, err := runCert("ca", "--dir", dir); err == nil || !strings.Contains(err.Error(), "nothing is overwritten") {
		t.Errorf("a second authority in the same place: %v", err)
	}
	if _, err := runCert("client", "--dir", t.TempDir(), "x"); err == nil || !strings.Contains(err.Error(), "wicket cert ca makes one") {
		t.Errorf("no authority: %v", err)
	}
	for _, args := range [][]string{{"server"}, {"client", "a", "b"}, {"show"}, {"what"}, {"ca", "x"}} {
		var usage usageError
		if _, err := runCert(args...); !errors.As(err, &usage) {
			t.Errorf("%v: %v is no usage error", args, err)
		}
	}
}
