package login

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

const (
	hashA = "$7$101$H+C5K34+8ylzLbgN$Ywq/4sxW0JCbSsHNLIWDpwHGIT45HwBc+SOg7jNNNzHp/zr/SjtYJrjlegKMaQo/WS4YWP0tgEV/gWvdvfcvQw=="
	hashB = "$2y$05$AWYJ8p68vOu8F4QFYBXJ5uzDMMdDKTpSueI7H3.gtsmgtVrr6.9NS"
	hashC = "$2y$05$BWYJ8p68vOu8F4QFYBXJ5uzDMMdDKTpSueI7H3.gtsmgtVrr6.9NS"
	file  = "alice:" + hashA + "\n  superuser\nbob:" + hashB + "\n  allow publish a/#\n  deny subscribe b\ncarol:" + hashC + "\n"
)

// broker verifies that the password is "right", and records what was asked.
type broker struct {
	asked []string
	err   error
}

func (b *broker) VerifyPassword(hash string, password []byte) (bool, error) {
	b.asked = append(b.asked, hash)
	return string(password) == "right" && b.err == nil, b.err
}

func (b *broker) Certificate(wicket.CertField, int) (string, bool) { return "", false }

func connect(name, password string) *wicket.Connect {
	return &wicket.Connect{Username: name, HasUsername: true, Password: []byte(password), HasPassword: true}
}

func TestAuthenticate(t *testing.T) {
	book, err := New([]byte(file), ByUsername, Rest{})
	if err != nil {
		t.Fatal(err)
	}
	decoy := strings.Replace(hashC, "zDMMdDKTpSueI7H3.gtsmgtVrr6.9NS", strings.Repeat(".", 31), 1)
	refused := wire.Decision{Reason: 0x87}
	for _, test := range []struct {
		name   string
		c      *wicket.Connect
		code   wicket.Code
		detail wire.Decision
		asked  string
	}{
		{"superuser", connect("alice", "right"), wicket.CodeAllow, wire.Decision{Superuser: true}, hashA},
		{"rules", connect("bob", "right"), wicket.CodeAllow, wire.Decision{Rules: []wire.Rule{
			{Permit: true, Actions: wire.Publish, Filter: "a/#"}, {Actions: wire.Subscribe, Filter: "b"}}}, hashB},
		{"no rules", connect("carol", "right"), wicket.CodeAllow, wire.Decision{Default: wire.Allow, Rules: []wire.Rule{
			{Actions: wire.Publish, Filter: "$SYS/#"}}}, hashC},
		{"wrong password", connect("alice", "wrong"), wicket.CodeDeny, refused, hashA},
		{"empty password", connect("alice", ""), wicket.CodeDeny, refused, hashA},
		{"unknown user", connect("mallory", "wrong"), wicket.CodeDeny, refused, decoy},
		{"unknown user whose decoy matched", connect("mallory", "right"), wicket.CodeDeny, refused, decoy},
		{"case matters", connect("Alice", "right"), wicket.CodeDeny, refused, decoy},
		{"no password", &wicket.Connect{Username: "alice", HasUsername: true}, wicket.CodeNext, wire.Decision{}, ""},
		{"no user name", &wicket.Connect{Password: []byte("right"), HasPassword: true}, wicket.CodeNext, wire.Decision{}, ""},
		{"password alone", &wicket.Connect{Username: "alice", Password: []byte("right"), HasPassword: true}, wicket.CodeNext, wire.Decision{}, ""},
		{"empty user name", connect("", "right"), wicket.CodeNext, wire.Decision{}, ""},
		{"nothing", &wicket.Connect{}, wicket.CodeNext, wire.Decision{}, ""},
		{"authentication method", &wicket.Connect{Username: "alice", HasUsername: true, Password: []byte("right"), HasPassword: true,
			AuthMethod: "SCRAM-SHA-256"}, wicket.CodeNext, wire.Decision{}, ""},
	} {
		var b broker
		v := book.Authenticate(wicket.TestContext(&b), test.c)
		if v.Code() != test.code || !reflect.DeepEqual(v.Detail(), test.detail) {
			t.Errorf("%s: %v %+v", test.name, v.Code(), v.Detail())
		}
		if got := strings.Join(b.asked, " "); got != test.asked {
			t.Errorf("%s: asked to verify %q, want %q", test.name, got, test.asked)
		}
	}
}

// Where names are client ids, the user name says nothing (ADB-01).
func TestAuthenticateByClientID(t *testing.T) {
	book, err := New([]byte(file+"d0:4f:7e:2a:00:01:"+hashA+"\n"), ByClientID, Rest{})
	if err != nil {
		t.Fatal(err)
	}
	as := func(id, username string) *wicket.Connect {
		c := connect(username, "right")
		c.ClientID = id
		return c
	}
	for _, test := range []struct {
		name string
		c    *wicket.Connect
		code wicket.Code
		asks int
	}{
		{"client id", as("alice", "whoever"), wicket.CodeAllow, 1},
		{"with colons", as("d0:4f:7e:2a:00:01", ""), wicket.CodeAllow, 1},
		{"password alone", &wicket.Connect{ClientID: "alice", Password: []byte("right"), HasPassword: true}, wicket.CodeAllow, 1},
		{"wrong password", &wicket.Connect{ClientID: "alice", Password: []byte("wrong"), HasPassword: true}, wicket.CodeDeny, 1},
		{"user name of somebody", as("mallory", "alice"), wicket.CodeDeny, 1},
		{"no client id", as("", "alice"), wicket.CodeNext, 0},
		{"no password", &wicket.Connect{ClientID: "alice", Username: "alice", HasUsername: true}, wicket.CodeNext, 0},
	} {
		var b broker
		if v := book.Authenticate(wicket.TestContext(&b), test.c); v.Code() != test.code || len(b.asked) != test.asks {
			t.Errorf("%s: %v, asked %q", test.name, v.Code(), b.asked)
		}
	}
	for text, want := range map[string]Key{"": ByUsername, "username": ByUsername, "clientid": ByClientID} {
		if got, err := ParseKey(text); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := ParseKey("client_id"); err == nil {
		t.Error("client_id is taken")
	}
}

func TestAuthenticateWhenTheBrokerCannot(t *testing.T) {
	book, err := New([]byte(file), ByUsername, Rest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alice", "mallory"} {
		for _, test := range []struct {
			err    error
			reason uint32
		}{{wicket.ErrBusy, 0x89}, {wicket.ErrTimeout, 0x88}, {wicket.ErrNotGranted, 0x88}, {errors.New("?"), 0x88}} {
			v := book.Authenticate(wicket.TestContext(&broker{err: test.err}), connect(name, "right"))
			if v.Code() != wicket.CodeDeny || v.Detail().Reason != test.reason {
				t.Errorf("%s, %v: %v %+v", name, test.err, v.Code(), v.Detail())
			}
		}
	}
}

// An empty file lets nobody in, and a broken one is refused (what went wrong
// in CVE-2018-12551).
func TestEmptyAndBrokenFiles(t *testing.T) {
	book, err := New(nil, ByUsername, Rest{})
	if err != nil || book.Len() != 0 {
		t.Fatal(book, err)
	}
	var b broker
	if v := book.Authenticate(wicket.TestContext(&b), connect("alice", "right")); v.Code() != wicket.CodeDeny || len(b.asked) != 1 {
		t.Errorf("empty file: %v, asked %q", v.Code(), b.asked)
	}
	for _, content := range []string{"alice\n", "alice:\n", ":\n", "alice:right\n", file + "x\n", "\x00"} {
		if _, err := New([]byte(content), ByUsername, Rest{}); err == nil {
			t.Errorf("%q: no error", content)
		}
	}
}

// The operator says what holds where a user's rules say nothing.
func TestRest(t *testing.T) {
	for text, want := range map[string]struct{ plain, ruled wicket.Code }{
		"":      {wicket.CodeAllow, wicket.CodeDeny},
		"allow": {wicket.CodeAllow, wicket.CodeAllow},
		"deny":  {wicket.CodeDeny, wicket.CodeDeny},
		"next":  {wicket.CodeNext, wicket.CodeNext},
	} {
		rest, err := ParseRest(text)
		if err != nil {
			t.Fatal(err)
		}
		book, err := New([]byte(file), ByUsername, rest)
		if err != nil {
			t.Fatal(err)
		}
		for name, e := range book.entries {
			d := e.verdict.Detail()
			got, n := wicket.Code(d.Default), len(d.Rules)
			switch {
			case d.Superuser:
			case n == 0 && got != want.plain, n == 1 && d.Rules[0] == wicket.DenyPublish("$SYS/#") && got != want.plain,
				n > 0 && d.Rules[0] != wicket.DenyPublish("$SYS/#") && got != want.ruled:
				t.Errorf("%q: %s has %+v", text, name, d)
			case n == 0 && got == wicket.CodeAllow:
				t.Errorf("%q: %s may publish below $SYS", text, name)
			}
		}
	}
	if _, err := ParseRest("maybe"); err == nil {
		t.Error("maybe is taken")
	}
}

// Hashes that are found by trying are counted (ADB-01).
func TestWeak(t *testing.T) {
	digest := ":$emqx-sha256-suffix$salt$" + strings.Repeat("0a", 32) + "\n"
	for text, want := range map[string]int{"": 0, file: 0, "dave" + digest: 1, file + "dave" + digest + "erin" + digest: 2} {
		book, err := New([]byte(text), ByUsername, Rest{})
		if err != nil {
			t.Fatal(err)
		}
		if book.Weak() != want {
			t.Errorf("%d of %q, want %d", book.Weak(), text, want)
		}
	}
}
