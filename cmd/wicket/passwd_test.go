package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/password"
	"github.com/wicketmq/wicket/engine/password/users"
)

// runPasswd runs the command with input on standard input, and returns the
// exit code and the error.
func runPasswd(t *testing.T, input string, args ...string) (int, string) {
	t.Helper()
	root := rootCommand()
	root.SetArgs(append([]string{"passwd"}, args...))
	root.SetIn(strings.NewReader(input))
	root.SetOut(&bytes.Buffer{})
	root.SetErr(&bytes.Buffer{})
	err := root.Execute()
	if err == nil {
		return exitOK, ""
	}
	return exitCode(err), err.Error()
}

func TestPasswd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	for _, step := range []struct {
		input string
		args  []string
		code  int
		err   string
	}{
		{"secret\n", []string{path, "alice", "--password-stdin"}, exitOK, ""},
		{"other\r\n", []string{path, "alice", "--password-stdin", "--algorithm", "bcrypt"}, exitOK, ""},
		{"päss word", []string{path, "bob", "--password-stdin", "-a", "pbkdf2"}, exitOK, ""},
		{"x\n", []string{path, "carol", "--password-stdin"}, exitOK, ""},
		{"", []string{path, "carol", "--delete"}, exitOK, ""},
		{"", []string{path, "carol", "--delete"}, exitRuntime, `there is no user "carol"`},
		{"", []string{path + "x", "carol", "--delete"}, exitRuntime, "there is no file"},
		{"", []string{path, "dave", "--password-stdin"}, exitRuntime, "the password is empty"},
		{"\n", []string{path, "dave", "--password-stdin"}, exitRuntime, "the password is empty"},
		{"a\nb\n", []string{path, "dave", "--password-stdin"}, exitRuntime, "want one line"},
		{strings.Repeat("x", 65536), []string{path, "dave", "--password-stdin"}, exitRuntime, "longer than MQTT allows"},
		{strings.Repeat("x", 73), []string{path, "dave", "--password-stdin", "-a", "bcrypt"}, exitRuntime, "72 bytes"},
		{"secret\n", []string{path, "dave"}, exitRuntime, "not a terminal"},
		{"secret\n", []string{path, "da:$ve", "--password-stdin"}, exitUsage, "colon"},
		{"x\n", []string{path, "00:1b:63", "--password-stdin"}, exitOK, ""}, // a client id
		{"", []string{path, "00:1b:63", "--delete"}, exitOK, ""},
		{"secret\n", []string{path, "dave", "--password-stdin", "-a", "md5"}, exitUsage, `unknown algorithm "md5"`},
		{"", []string{path}, exitUsage, "want FILE and USER"},
		{"", []string{path, "dave", "--nonsense"}, exitUsage, "unknown flag"},
		{"x\n", []string{filepath.Join(path, "in", "file"), "dave", "--password-stdin"}, exitRuntime, "cannot edit"},
	} {
		code, err := runPasswd(t, step.input, step.args...)
		if code != step.code || !strings.Contains(err, step.err) || (err == "") != (step.err == "") {
			t.Errorf("%v: exit code %d, %q, want %d, %q", step.args[1:], code, err, step.code, step.err)
		}
	}

	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	list, err := users.Parse(content)
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	for i, want := range []struct{ name, password, prefix string }{
		{"alice", "other", "$2a$"}, {"bob", "päss word", "$pbkdf2-sha256$"},
	} {
		u := list[i]
		ok, err := password.Verify(u.Hash, []byte(want.password))
		if u.Name != want.name || !strings.HasPrefix(u.Hash, want.prefix) || !ok || err != nil {
			t.Errorf("%s: %s…, %v, %v", u.Name, u.Hash[:16], ok, err)
		}
	}
}

// A file that the broker would refuse is not made worse.
func TestPasswdKeepsBrokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte("alice:plain text\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, err := runPasswd(t, "secret\n", path, "bob", "--password-stdin")
	if code != exitRuntime || !strings.Contains(err, `line 1: user "alice"`) || strings.Contains(err, "plain text") {
		t.Errorf("exit code %d, %q", code, err)
	}
	if content, _ := os.ReadFile(path); string(content) != "alice:plain text\n" {
		t.Errorf("the file is now %q", content)
	}
}

func TestPasswdPrompt(t *testing.T) {
	for _, test := range []struct {
		answers []string
		err     string
	}{
		{[]string{"secret", "secret"}, ""},
		{[]string{"secret", "Secret"}, "not the same"},
		{[]string{"", ""}, "the password is empty"},
		{[]string{"secret"}, "no more"},
	} {
		path := filepath.Join(t.TempDir(), "users")
		var out bytes.Buffer
		p := passwd{file: path, user: "alice", algorithm: "argon2id", out: &out}
		answers := test.answers
		p.terminal = func() ([]byte, error) {
			if len(answers) == 0 {
				return nil, errors.New("no more")
			}
			answer := answers[0]
			answers = answers[1:]
			return []byte(answer), nil
		}
		err := p.run()
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%q: %v, want %q", test.answers, err, test.err)
		}
		if out.String() != "New password: \nOnce more: \n" {
			t.Errorf("%q: printed %q", test.answers, out.String())
		}
		if _, err := os.Stat(path); (err == nil) != (test.err == "") {
			t.Errorf("%q: the file: %v", test.answers, err)
		}
	}
}
