package auth

import (
	"strings"
	"testing"
)

// Spec AUTHZ-09, CVE-2017-7650.
func TestExpand(t *testing.T) {
	who := Identity{
		ClientID: "c1", Username: "alice", CommonName: "cn",
		Attributes: map[string]string{"role": "admin", "path": "a/b", "dollar": "$SYS", "long": strings.Repeat("x", maxValue+1)},
	}
	cases := []struct {
		filter string
		who    Identity
		permit string // the filter of a permitting rule; empty = never matches
		deny   string // and of a denying one
	}{
		{"a/b", who, "a/b", "a/b"},
		{"$SYS/100%/#", who, "$SYS/100%/#", "$SYS/100%/#"},
		{"d/${clientid}/#", who, "d/c1/#", "d/c1/#"},
		{"%c/%u/+", who, "c1/alice/+", "c1/alice/+"},
		{"${username}", who, "alice", "alice"},
		{"x/${cert_common_name}", who, "x/cn", "x/cn"},
		{"x/${client_attrs.role}/y", who, "x/admin/y", "x/admin/y"},
		{"x/${$}{clientid}", who, "x/${clientid}", "x/${clientid}"},
		{"a%c/x%u", who, "a%c/x%u", "a%c/x%u"},
		{"x/${client_attrs.missing}", who, "", "x/+"},
		{"x/${client_attrs.path}/#", who, "", "x/+/#"},
		{"x/${client_attrs.long}", who, "", "x/+"},
		{"${client_attrs.dollar}/x", who, "", "+/x"},
		{"x/${client_attrs.dollar}", who, "x/$SYS", "x/$SYS"},
		{"x/${username}", Identity{}, "", "x/+"},
		{"x/%c", Identity{ClientID: "+"}, "", "x/+"},
		{"x/%c", Identity{ClientID: "#"}, "", "x/+"},
		{"x/%c", Identity{ClientID: "a+b"}, "", "x/+"},
		{"x/%c", Identity{ClientID: "a/b"}, "", "x/+"},
		{"x/%c", Identity{ClientID: "a\x00"}, "", "x/+"},
		{"x/%c", Identity{ClientID: "\xff"}, "", "x/+"},
		{"x/%c", Identity{ClientID: "%u"}, "x/%u", "x/%u"},
		{"x/%c", Identity{ClientID: "${username}", Username: "u"}, "x/${username}", "x/${username}"},
	}
	for _, c := range cases {
		for _, permit := range []bool{true, false} {
			r := Rule{Permit: permit, Actions: Publish, Filter: c.filter}
			want := c.deny
			if permit {
				want = c.permit
			}
			got, ok, err := r.expand(nil, &c.who)
			if err != nil || ok != (want != "") || ok && string(got) != want {
				t.Errorf("%q permit=%v: %q, %v, %v; want %q", c.filter, permit, got, ok, err, want)
			}
		}
	}
}

// "eq" holds no placeholders.
func TestExactIsNotExpanded(t *testing.T) {
	r := Rule{Permit: true, Actions: Publish, Filter: "x/${clientid}/%u/${foo}", Exact: true}
	if got, ok, err := r.expand(nil, &Identity{ClientID: "c1"}); string(got) != r.Filter || !ok || err != nil {
		t.Errorf("%q, %v, %v", got, ok, err)
	}
}

func TestPersonal(t *testing.T) {
	for filter, want := range map[string]bool{
		"$SYS/#": false, "a/%": false, "a/${$}{clientid}": false, "a/+": false,
		"a/%c": true, "${username}/b": true, "a/${client_attrs.x}/#": true,
	} {
		if got := personal([]Rule{{Filter: filter}}); got != want {
			t.Errorf("%q: %v", filter, got)
		}
	}
	if personal([]Rule{{Filter: "a/%c", Exact: true}}) {
		t.Error("an exact filter has no placeholders")
	}
}
