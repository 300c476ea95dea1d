package wasm

import (
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

func TestAnswers(t *testing.T) {
	p := open(t, newHost(t, HostOptions{}), Options{Workers: 1})
	for _, tc := range []struct {
		client string
		want   auth.Verdict
	}{
		{"deny", auth.Verdict{}},
		{"allow", auth.Verdict{Decision: auth.Allow}},
		{"next", auth.Verdict{Decision: auth.Next}},
		{"host", auth.Verdict{Decision: auth.Allow}},
		{"2 resolve twice", auth.Verdict{Decision: auth.Allow}},
		{"x foreign", auth.Verdict{}},
		{"verify", auth.Verdict{Decision: auth.Allow}},
		{"Wrong", auth.Verdict{}},
		{"-1", auth.Verdict{Reason: mqtt.ServerUnavailable}},
		{"continue", auth.Verdict{Reason: mqtt.ServerUnavailable}},
	} {
		v := answer(t, p, tc.client)
		if v.Decision != tc.want.Decision || v.Reason != tc.want.Reason || v.Default != tc.want.Default {
			t.Errorf("%q: %+v, want %+v", tc.client, v, tc.want)
		}
	}
	s := p.Stats()
	if len(s.Faults) > 0 || s.Ignored != 5 || s.InFlight != 0 || s.Requests != 10 {
		t.Errorf("%+v", s)
	}

	v := answer(t, p, "rules")
	want := auth.Rule{Permit: true, Actions: auth.Publish | auth.Subscribe, Filter: "a/#"}
	if v.Decision != auth.Allow || len(v.Rules) != 1 || v.Rules[0] != want || v.Default != auth.Allow || v.TTL != time.Second {
		t.Errorf("%+v", v)
	}
}
