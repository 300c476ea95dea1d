package crl

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestStateString(t *testing.T) {
	until := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		health Health
		err    string
		want   string
	}{
		{Current, "", `is in force with 3 entries, until 2026-01-02T03:04:05Z`},
		{Loading, "", `is loading`},
		{Unreachable, "no route", `cannot be refreshed: no route; the old one stays in force, until 2026-01-02T03:04:05Z`},
		{Expiring, "", `is soon out of date, until 2026-01-02T03:04:05Z; publish a newer one`},
		{Expiring, "no route", `is soon out of date, until 2026-01-02T03:04:05Z and cannot be refreshed: no route; publish a newer one`},
		{Stale, "no route", `is out of date since 2026-01-02T03:04:05Z and cannot be refreshed: no route; publish a newer one`},
		{Missing, "no route", `cannot be had: no route; correct that at the server or the file`},
		{Gone, "", `is gone`},
	} {
		s := State{Source: "http://a/", Issuer: "CN=root", Health: tc.health, Entries: 3, NextUpdate: until, LastError: tc.err}
		want := `revocation list "http://a/" of "CN=root" ` + tc.want
		if got := s.String(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", tc.health, got, want)
		}
	}
	if got := (State{Source: "/x", Health: Missing, LastError: "it is empty"}).String(); !strings.HasPrefix(got, `revocation list "/x" cannot be had`) {
		t.Error(got)
	}
}

func TestStateJSON(t *testing.T) {
	b, err := json.Marshal(State{Source: "/x", Local: true, Health: Missing})
	if want := `{"source":"/x","local":true,"issuer":"","health":"missing","entries":0,"bytes":0}`; err != nil || string(b) != want {
		t.Errorf("%s, %v; want %s", b, err, want)
	}
}
