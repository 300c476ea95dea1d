package users

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/password/encoded"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

const (
	hashA = "$7$101$H+C5K34+8ylzLbgN$Ywq/4sxW0JCbSsHNLIWDpwHGIT45HwBc+SOg7jNNNzHp/zr/SjtYJrjlegKMaQo/WS4YWP0tgEV/gWvdvfcvQw=="
	hashB = "$2y$05$AWYJ8p68vOu8F4QFYBXJ5uzDMMdDKTpSueI7H3.gtsmgtVrr6.9NS"
)

func TestParse(t *testing.T) {
	got, err := Parse([]byte("\ufeff# users\r\n\r\nalice:" + hashA + "\r\n\tsuperuser\r\n" +
		"näme with space:" + hashB + "  \n" +
		"  # what it may do\n" +
		"  allow publish devices/${clientid}/${client_attrs.site}/#\n\n" +
		"  deny   subscribe\t$SYS/#\n" +
		"# still the same user\n" +
		"  allow all \"my \\\"t\\\\/+\" qos 0,2 retain\n" +
		"  allow publish no-retain no-retain\n" +
		"  deny subscribe #/# exact qos 1\n" +
		"d0:4f:7e::1:" + hashB + "\n" + // client ids may have colons
		"last:" + hashB))
	if err != nil {
		t.Fatal(err)
	}
	want := []User{
		{Name: "alice", Hash: hashA, Superuser: true, Line: 3},
		{Name: "näme with space", Hash: hashB, Line: 5, Rules: []wire.Rule{
			{Permit: true, Actions: wire.Publish, Filter: "devices/${clientid}/${client_attrs.site}/#"},
			{Actions: wire.Subscribe, Filter: "$SYS/#"},
			{Permit: true, Actions: 3, Filter: `my "t\/+`, QoS: 0b101, Retain: wire.RetainOnly},
			{Permit: true, Actions: wire.Publish, Filter: "no-retain", Retain: wire.RetainNever},
			{Actions: wire.Subscribe, Filter: "#/#", Exact: true, QoS: 0b10},
		}},
		{Name: "d0:4f:7e::1", Hash: hashB, Line: 14},
		{Name: "last", Hash: hashB, Line: 15},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseEmpty(t *testing.T) {
	for _, content := range []string{"", "\n", "# nobody\n\n  # nobody\n", " \t \n"} {
		if got, err := Parse([]byte(content)); err != nil || len(got) != 0 {
			t.Errorf("%q: %v, %v", content, got, err)
		}
	}
}

func TestParseFaults(t *testing.T) {
	a := "a:" + hashA + "\n"
	for content, want := range map[string]string{
		"alice\n":                                   `line 1: want "name:hash"`,
		"alice secret\n":                            `line 1: want "name:hash"`,
		":" + hashA:                                 "line 1: the user name is empty",
		"#x\nalice:\n":                              `line 2: user "alice" has no password hash`,
		"alice:  \n":                                `line 1: user "alice" has no password hash`,
		"a:b:c:secret\n":                            `line 1: user "a": password hash is of an unknown kind`,
		"a:$6$:" + hashA:                            `line 1: user "a": password hash is malformed`,
		"alice:secret\n":                            `line 1: user "alice": password hash is of an unknown kind`,
		"alice:$6$\n":                               `line 1: user "alice": password hash is malformed`,
		"alice:" + hashA + "=\n":                    `line 1: user "alice": password hash is malformed`,
		"al\x00ice:" + hashA:                        "line 1: the text contains a control character",
		"al\xffice:" + hashA:                        "line 1: the text is not UTF-8",
		"alice :" + hashA:                           "line 1: a user name cannot end with a space",
		"  superuser\n":                             "line 1: an indented line belongs to the user above it",
		a + "\n" + a:                                `line 3: user "a" is already on line 1`,
		a + "  admin":                               `line 2: want superuser, allow or deny, not "admin"`,
		a + "  superuser yes":                       `line 2: want superuser, allow or deny, not "superuser"`,
		a + "  Allow all #":                         `line 2: want superuser, allow or deny, not "Allow"`,
		a + "  allow":                               `line 2: want publish, subscribe or all after allow, not ""`,
		a + "  allow read x":                        `line 2: want publish, subscribe or all after allow, not "read"`,
		a + "  allow all":                           "line 2: the topic filter is missing",
		a + `  allow all ""`:                        "line 2: the topic filter is empty [MQTT-4.7.3-1]",
		a + `  allow all "x`:                        "line 2: the quoted topic filter has no end",
		a + `  allow all "x"y`:                      "line 2: want a space after the quoted topic filter",
		a + "  allow all a b":                       "line 2: want qos, retain, no-retain or exact after the topic filter, not \"b\"",
		a + "  allow all a # all":                   "line 2: want qos, retain, no-retain or exact after the topic filter, not \"#\"",
		a + "  allow all a/#/b":                     "line 2: nothing can follow # in a topic filter [MQTT-4.7.1-1]",
		a + "  allow all a#":                        "line 2: # must be a whole level of a topic filter [MQTT-4.7.1-1]",
		a + "  allow all a/b+/c":                    "line 2: + must be a whole level of a topic filter [MQTT-4.7.1-2]",
		a + "  allow all $share/g/x":                "line 2: a rule has the topic filter without its $share/NAME/ prefix",
		a + "  allow all x/${user}":                 "line 2: want ${clientid}, ${username}, ${cert_common_name} or ${client_attrs.NAME} as a whole level",
		a + "  allow all x/a-${clientid}":           "line 2: want ${clientid}, ${username}, ${cert_common_name} or ${client_attrs.NAME} as a whole level",
		a + "  allow all ${client_attrs.}":          "line 2: want ${clientid}, ${username}, ${cert_common_name} or ${client_attrs.NAME} as a whole level",
		a + "  allow all x qos":                     `line 2: want a list such as 0,1 after qos, not ""`,
		a + "  allow all x qos 3":                   `line 2: want a list such as 0,1 after qos, not "3"`,
		a + "  allow all x qos 0, 1":                `line 2: want a list such as 0,1 after qos, not "0,"`,
		a + "  allow all x qos 1 qos 2":             "line 2: qos is given twice",
		a + "  allow all x retain no-retain":        "line 2: retain is given twice",
		a + "  allow subscribe x retain":            "line 2: retain restricts publishing",
		a + "  allow all x exact exact":             "line 2: exact is given twice",
		a + "  superuser\n  allow all x":            "line 3: a superuser may do everything: rules do not apply",
		a + "  allow all x\n  superuser":            "line 3: a superuser may do everything: rules do not apply",
		"bad\n  allow all x\n" + a + "  allow me\n": `line 1: want "name:hash", or a rule indented below its user; line 4: want publish`,
	} {
		got, err := Parse([]byte(content))
		var faults Faults
		if got != nil || !errors.As(err, &faults) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q:\n got %v, %v\nwant %s", content, got, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "H+C5K34")) {
			t.Errorf("%q: the error quotes a secret: %v", content, err)
		}
	}
}

func TestParseStopsAtADozenFaults(t *testing.T) {
	_, err := Parse(bytes.Repeat([]byte("bad\n"), 1000))
	if faults := (Faults)(nil); !errors.As(err, &faults) || len(faults) != 12 {
		t.Errorf("%d faults", len(faults))
	}
}

const file = `# The staff.
alice:` + hashA + `
  # only hers
  allow all a/#

# The machines.
  deny all b/#
bob:` + hashA + "\r\n" + `  superuser
carol:` + hashA

func TestSet(t *testing.T) {
	for _, test := range []struct{ content, name, want string }{
		{file, "alice", strings.Replace(file, "alice:"+hashA, "alice:"+hashB, 1)},
		{file, "bob", strings.Replace(file, "bob:"+hashA, "bob:"+hashB, 1)},
		{file, "carol", strings.Replace(file, "carol:"+hashA, "carol:"+hashB, 1)},
		{file, "dave", file + "\ndave:" + hashB + "\n"},
		{"", "dave", "dave:" + hashB + "\n"},
		{"00:1b:" + hashA + "\n", "00:1b", "00:1b:" + hashB + "\n"},
		{"00:1b:" + hashA + "\n", "00", "00:1b:" + hashA + "\n00:" + hashB + "\n"},
	} {
		if got, err := Set([]byte(test.content), test.name, hashB); err != nil || string(got) != test.want {
			t.Errorf("%s: %v\n%s", test.name, err, got)
		}
	}
}

func TestSetRefuses(t *testing.T) {
	for name, err := range map[string]error{
		"bad hash": second(Set(nil, "a", "plain")),
		"bad name": second(Set(nil, "a:$b", hashA)),
		"SCRAM":    second(Set(nil, "a:SCRAM-SHA-256", hashA)),
		"newline":  second(Set(nil, "a\nb", hashA)),
		"comment":  second(Set(nil, "#a", hashA)),
		"bom":      second(Set(nil, "\ufeffa", hashA)),
		"bad file": second(Set([]byte("x\n"), "a", hashA)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func second(_ []byte, err error) error { return err }

// Rules after a comment go with their user: they must not pass to the one
// before.
func TestDelete(t *testing.T) {
	got, err := Delete([]byte(file), "alice")
	want := "# The staff.\n  # only hers\n\n# The machines.\nbob:" + hashA + "\r\n  superuser\ncarol:" + hashA
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
	got, err = Delete(got, "bob")
	want = "# The staff.\n  # only hers\n\n# The machines.\ncarol:" + hashA
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := Delete(got, "bob"); !errors.Is(err, ErrNoUser) {
		t.Errorf("deleted twice: %v", err)
	}
}

// FuzzParse: what parses has distinct valid users with valid hashes, and can
// be edited without touching anybody else.
func FuzzParse(f *testing.F) {
	f.Add([]byte(file), "alice")
	f.Add([]byte("\ufeffa:"+hashA+"\n allow all \"x y\" qos 0,1 retain exact\n"), "a")
	f.Add([]byte("00:1b::"+hashB+"\n"), "00:1b:")
	f.Add([]byte("a:"+hashB+"\n\tdeny publish ${username}/+\n"), "b")
	f.Fuzz(func(t *testing.T, content []byte, name string) {
		list, err := Parse(content)
		if err != nil {
			return
		}
		others := map[string]User{}
		for _, u := range list {
			if _, err := encoded.Parse(u.Hash); err != nil || ValidName(u.Name) != nil {
				t.Fatalf("user %q with hash %q", u.Name, u.Hash)
			}
			if _, twice := others[u.Name]; twice {
				t.Fatalf("user %q twice", u.Name)
			}
			u.Line = 0
			others[u.Name] = u
		}
		mine := others[name]
		delete(others, name)
		set, err := Set(content, name, hashB)
		if err != nil {
			if ValidName(name) == nil {
				t.Fatal(err)
			}
			return
		}
		mine.Name, mine.Hash = name, hashB
		check(t, set, others, &mine)
		deleted, err := Delete(set, name)
		if err != nil {
			t.Fatal(err)
		}
		check(t, deleted, others, nil)
	})
}

func check(t *testing.T, content []byte, others map[string]User, mine *User) {
	t.Helper()
	list, err := Parse(content)
	if err != nil {
		t.Fatalf("after the edit: %v\n%q", err, content)
	}
	want := len(others)
	if mine != nil {
		want++
	}
	if len(list) != want {
		t.Fatalf("%d users after the edit, want %d\n%q", len(list), want, content)
	}
	for _, u := range list {
		u.Line = 0
		w, ok := others[u.Name]
		if !ok {
			w = *mine
		}
		if !reflect.DeepEqual(u, w) {
			t.Fatalf("after the edit: %+v, want %+v", u, w)
		}
	}
}
