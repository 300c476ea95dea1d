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

// cert check gives the listener's verdict step by step, and an exit code.
func TestCertCheck(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"ca", "--dir", dir}, {"server", "--dir", dir, "localhost"}, {"client", "--dir", dir, "pump"},
		{"ca", "--dir", filepath.Join(dir, "other")}, {"client", "--dir", filepath.Join(dir, "other"), "stranger"},
	} {
		_ = os.MkdirAll(filepath.Join(dir, "other"), 0o700)
		if out, err := runCert(args...); err != nil {
			t.Fatalf("%v: %q, %v", args, out, err)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	configuration := func(name, tls string) string {
		text := "data_dir: " + in("data") + "\nlisteners:\n  tls:\n    default:\n      bind: 127.0.0.1:8883\n      tls:\n        certfile: " + in("localhost.pem") +
			"\n        keyfile: " + in("localhost.key") + "\n" + tls
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return in(name)
	}
	mutual := configuration("mutual.yaml", "        verify: verify_peer\n        cacertfile: "+in("ca.pem")+"\n")
	oneWay := configuration("one-way.yaml", "")
	broken := configuration("broken.yaml", "        verify: sometimes\n")
	noFile := configuration("no-file.yaml", "        verify: verify_peer\n        cacertfile: "+in("no.pem")+"\n")
	for _, tt := range []struct {
		name string
		args []string
		code int
		want []string // in the output and the error
	}{
		{"admitted", []string{"-c", mutual, in("pump.pem")}, exitOK, []string{"certificate  ok       CN=pump, serial ", "path         ok       CN=pump < CN=Wicket CA", "revocation   skipped  the listener has neither", "admitted\n"}},
		{"named in full", []string{"-c", mutual, "--listener", "tls:default", in("pump.pem")}, exitOK, []string{"admitted\n"}},
		{"named in short", []string{"-c", mutual, "--listener", "default", in("pump.pem")}, exitOK, []string{"admitted\n"}},
		{"foreign", []string{"-c", mutual, in("other/stranger.pem")}, exitRuntime, []string{"path         failed   no path leads to an anchor of cacertfile (CN=Wicket CA)", "names        skipped  the handshake ends before it", "is refused: unknown_ca"}},
		{"a server's", []string{"-c", mutual, in("localhost.pem")}, exitRuntime, []string{"usage        failed   its extended key usages", "is refused: bad_usage"}},
		{"a key", []string{"-c", mutual, in("pump.key")}, exitRuntime, []string{"certificate  failed", "holds no certificate but a private key", "is refused: bad_cert"}},
		{"nobody asks", []string{"-c", oneWay, in("pump.pem")}, exitOK, []string{"verify_none", "admitted\n"}},
		{"no such listener", []string{"-c", mutual, "--listener", "other", in("pump.pem")}, exitUsage, []string{`there is no TLS listener "other"; the names are default`}},
		{"no file named", []string{"-c", mutual}, exitUsage, nil},
		{"bad configuration", []string{"-c", broken, in("pump.pem")}, exitConfig, []string{"verify"}},
		{"listener's own files", []string{"-c", noFile, in("pump.pem")}, exitRuntime, []string{"cannot check by the rules of listener", "no.pem"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := runCert(append([]string{"check"}, tt.args...)...)
			code := exitOK
			if err != nil {
				code = exitCode(err)
				out += err.Error()
			}
			if code != tt.code {
				t.Errorf("exit code %d, want %d: %s", code, tt.code, out)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("does not say %q:\n%s", want, out)
				}
			}
		})
	}
}
