package auth

import (
	"testing"

	"github.com/wicketmq/wicket/engine/topic"
)

// FuzzCompile: no filter and no value makes the compiler or the matcher panic,
// and no permitting rule reaches further than its own text could.
func FuzzCompile(f *testing.F) {
	f.Add("devices/${clientid}/#", "c1", "alice", "admin", "devices/c1/x", byte(0))
	f.Add("%c/%u/${client_attrs.role}", "+", "#", "a/b", "+/#/a/b", byte(9))
	f.Add("${username}/+/#", "", "$SYS", "", "$SYS/x/#", byte(2))
	f.Add("$share/g/a", "c", "u", "r", "$share/g/a", byte(4))
	f.Add("/", "", "", "", "", byte(255))
	f.Add("a/${$}{clientid}", "\x00", "\xff", "ü", "a/${clientid}", byte(1))
	f.Fuzz(func(t *testing.T, filter, clientID, username, role, name string, flags byte) {
		r := Rule{
			Permit:  flags&1 != 0,
			Exact:   flags&2 != 0,
			Actions: Action(flags >> 2 & 3),
			Retain:  Retain(flags >> 4 & 3),
			QoS:     flags >> 4,
			Filter:  filter,
		}
		who := Identity{ClientID: clientID, Username: username, Attributes: map[string]string{"role": role}}
		rules := []Rule{r}
		few, err := compile(rules, &who)
		many, err2 := compile(padded(rules), &who)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("%v alone, %v with others", err, err2)
		}
		if err != nil {
			return
		}
		for _, c := range few.rules {
			if err := topic.ValidFilter(c.filter); err != nil {
				t.Errorf("%q became %q: %v", filter, c.filter, err)
			}
		}
		if len(name) == 0 {
			return
		}
		found, permit := few.match(publishKinds|subscribeKinds, []byte(name))
		if f2, p2 := many.match(publishKinds|subscribeKinds, []byte(name)); name != "none/of/these" && (f2 != found || p2 != permit) {
			t.Errorf("%q, %q: %v %v alone, %v %v with others", filter, name, found, permit, f2, p2)
		}
	})
}
