package auth

import "testing"

func TestCheckSmoke(t *testing.T) {
	g := admitted(t, Options{}, Verdict{Rules: []Rule{{Permit: true, Actions: Publish, Filter: "devices/${clientid}/#"}}}, alice())
	if got := g.Check(Publish, []byte("devices/c1/t"), 1, false); got != Allowed {
		t.Error(got)
	}
	if got := g.Check(Subscribe, []byte("devices/c1/t"), 1, false); got != Denied {
		t.Error(got)
	}
}
