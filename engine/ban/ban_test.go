package ban

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clock is a clock that a test turns.
type clock struct{ at time.Time }

func (c *clock) now() time.Time          { return c.at }
func (c *clock) advance(d time.Duration) { c.at = c.at.Add(d) }

func newList(c *clock) *List {
	c.at = time.Unix(1_800_000_000, 0)
	return &List{now: c.now}
}

var (
	here  = netip.MustParseAddr("192.0.2.7")
	there = netip.MustParseAddr("2001:db8::7")
)

func mustAdd(t *testing.T, l *List, e Entry) Entry {
	t.Helper()
	e, err := l.Add(e)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Spec BAN-01: each kind of ban, who it keeps out and who not.
func TestKinds(t *testing.T) {
	for _, tt := range []struct {
		kind     Kind
		who      string
		out, in  [2]string // client id and user name
		from, by netip.Addr
	}{
		{ClientID, "c1", [2]string{"c1", "u"}, [2]string{"c10", "c1"}, here, here},
		{Username, "alice", [2]string{"c1", "alice"}, [2]string{"alice", ""}, here, here},
		{Address, "192.0.2.7", [2]string{"c", ""}, [2]string{"c", ""}, here, there},
		{Address, "::ffff:192.0.2.7", [2]string{"c", ""}, [2]string{"c", ""}, netip.MustParseAddr("::ffff:192.0.2.7"), there},
		{Network, "192.0.2.0/24", [2]string{"c", ""}, [2]string{"c", ""}, here, there},
		{Network, "2001:db8::/32", [2]string{"c", ""}, [2]string{"c", ""}, there, here},
		{Network, "0.0.0.0/0", [2]string{"c", ""}, [2]string{"c", ""}, here, there},
		{ClientIDPattern, "^bot-[0-9]+$", [2]string{"bot-7", ""}, [2]string{"bot-x", "bot-7"}, here, here},
		{UsernamePattern, "^tmp", [2]string{"c", "tmp1"}, [2]string{"tmp1", "u"}, here, here},
	} {
		l := newList(new(clock))
		mustAdd(t, l, Entry{Kind: tt.kind, Who: tt.who})
		if !l.Screen(tt.out[0], tt.out[1], tt.from) {
			t.Errorf("%s %s lets %q in", tt.kind, tt.who, tt.out)
		}
		if l.Banned(tt.in[0], tt.in[1], tt.by) {
			t.Errorf("%s %s keeps %q out", tt.kind, tt.who, tt.in)
		}
		if ok, err := l.Remove(tt.kind, tt.who); !ok || err != nil || l.Banned(tt.out[0], tt.out[1], tt.from) || len(l.networks)+len(l.patterns)+len(l.entries) != 0 {
			t.Errorf("%s %s: not removed: %v %v", tt.kind, tt.who, ok, err)
		}
		if ok, err := l.Remove(tt.kind, tt.who); ok || err != nil {
			t.Errorf("%s %s: removed twice: %v", tt.kind, tt.who, err)
		}
	}
}

// A ban ends by itself; one over another that holds is refused.
func TestUntil(t *testing.T) {
	c := new(clock)
	l := newList(c)
	mustAdd(t, l, Entry{Kind: ClientID, Who: "c", Until: c.at.Add(time.Hour), Reason: "noise", By: "ops"})
	mustAdd(t, l, Entry{Kind: Username, Who: "u"})
	var exists *ExistsError
	if _, err := l.Add(Entry{Kind: ClientID, Who: "c"}); !errors.As(err, &exists) || !strings.Contains(err.Error(), `clientid "c" is banned already, until 2027-01-15T09:00:00Z`) {
		t.Errorf("%v", err)
	}
	if got := l.Entries(); len(got) != 2 || got[0].Kind != ClientID || got[0].Reason != "noise" || got[0].By != "ops" || !got[0].At.Equal(c.at) {
		t.Errorf("%+v", got)
	}
	c.advance(time.Hour)
	if l.Banned("c", "", here) || !l.Banned("x", "u", here) || len(l.Entries()) != 1 {
		t.Error("a ban outlives its time, or does not last")
	}
	mustAdd(t, l, Entry{Kind: ClientID, Who: "c"})
	c.advance(1000 * time.Hour)
	if !l.Banned("c", "", here) {
		t.Error("a ban for good has ended")
	}
}

func TestRefusedEntries(t *testing.T) {
	c := new(clock)
	l := newList(c)
	for _, tt := range []struct {
		e    Entry
		want string
	}{
		{Entry{Kind: ClientID}, "who is banned is missing"},
		{Entry{Kind: "cn", Who: "x"}, `"cn" cannot be banned: want clientid, username, peerhost, peerhost_net, clientid_re, username_re`},
		{Entry{Kind: Address, Who: "10.0.0.0/8"}, `"10.0.0.0/8" is no address`},
		{Entry{Kind: Network, Who: "10.0.0.1"}, `is no network`},
		{Entry{Kind: ClientIDPattern, Who: "("}, `"(" is no regular expression`},
		{Entry{Kind: ClientIDPattern, Who: strings.Repeat("a", 257)}, "at most 256 bytes"},
		{Entry{Kind: Username, Who: "\xff"}, "no MQTT string"},
		{Entry{Kind: Username, Who: "u", Reason: strings.Repeat("r", 1025)}, "longer than 1024 bytes"},
		{Entry{Kind: Username, Who: "u", Until: c.at}, "would have ended at"},
	} {
		if _, err := l.Add(tt.e); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.e, err, tt.want)
		}
	}
	for i := range maxPatterns {
		mustAdd(t, l, Entry{Kind: ClientIDPattern, Who: fmt.Sprint("^x", i)})
	}
	if _, err := l.Add(Entry{Kind: UsernamePattern, Who: "y"}); err == nil {
		t.Error("no bound of patterns")
	}
}

// Bans outlive the broker, in a file for its user only; a file with a fault is
// not the same as none.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bans")
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	kept := mustAdd(t, l, Entry{Kind: Network, Who: "10.0.0.0/8", Reason: "<&>", Until: time.Now().Add(time.Hour).UTC().Truncate(time.Second)})
	mustAdd(t, l, Entry{Kind: ClientIDPattern, Who: "^a"})
	mustAdd(t, l, Entry{Kind: ClientID, Who: "gone"})
	if ok, err := l.Remove(ClientID, "gone"); !ok || err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	got := again.Entries()
	if len(got) != 2 || got[1] != kept && got[0] != kept || !again.Banned("abc", "", here) || again.Banned("gone", "", here) {
		t.Errorf("%+v, want %+v", got, kept)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
	for _, bad := range []string{"x", `{"as":"clientid"}`, `{"as":"clientid_re","who":"("}`} {
		if err := os.WriteFile(path, []byte("\n"+bad+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// What cannot be written does not count.
func TestUnwritable(t *testing.T) {
	l, err := Open(filepath.Join(t.TempDir(), "bans"))
	if err != nil {
		t.Fatal(err)
	}
	mustAdd(t, l, Entry{Kind: ClientID, Who: "old"})
	l.path = filepath.Join(t.TempDir(), "missing", "bans")
	if _, err := l.Add(Entry{Kind: ClientID, Who: "c"}); err == nil || l.Banned("c", "", here) {
		t.Errorf("a ban that is not written counts: %v", err)
	}
	if ok, err := l.Remove(ClientID, "old"); ok || err == nil || !l.Banned("old", "", here) {
		t.Errorf("a ban that is still written has ended: %v", err)
	}
}

// Spec BAN-03: a CSV file is taken once; bad rows are left out and named.
func TestBootstrap(t *testing.T) {
	dir := t.TempDir()
	csv := filepath.Join(dir, "first.csv")
	text := "as,who,reason,at,until,by\n" +
		"clientid,c1,noise,2025-10-25T21:48:47+08:00,,boot\n" +
		"username,u1,,,infinity\n" +
		"peerhost,nowhere,,,,\n" +
		"clientid,c1,,,,\n" +
		"clientid,past,,,2001-01-01T00:00:00Z,\n" +
		"username,u2,,tomorrow,,\n"
	if err := os.WriteFile(csv, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Open(filepath.Join(dir, "bans"))
	if err != nil {
		t.Fatal(err)
	}
	loaded, skipped, err := l.Bootstrap(csv)
	if err != nil || loaded != 2 || len(skipped) != 4 || !strings.Contains(skipped[0].Error(), "line 4") {
		t.Fatalf("%d, %v, %v", loaded, skipped, err)
	}
	if !l.Banned("c1", "", here) || !l.Banned("", "u1", here) {
		t.Error("a first ban does not count")
	}
	if _, err := l.Remove(ClientID, "c1"); err != nil {
		t.Fatal(err)
	}
	again, err := Open(filepath.Join(dir, "bans"))
	if err != nil {
		t.Fatal(err)
	}
	if loaded, _, err := again.Bootstrap(csv); err != nil || loaded != 0 || again.Banned("c1", "", here) {
		t.Errorf("taken twice: %d, %v", loaded, err)
	}
}

// Spec FLAP-01, T-14: CONNECTs are counted for each client id at each address.
func TestFlapping(t *testing.T) {
	c := new(clock)
	l := newList(c)
	if l.Screen("c", "", here) {
		t.Fatal("on by default")
	}
	l.Flapping.SetLimit(&Limit{MaxCount: 3, Window: time.Minute, Ban: 5 * time.Minute})
	for i := range 3 {
		if l.Screen("c", "", here) {
			t.Fatalf("refused at CONNECT %d", i+1)
		}
	}
	if !l.Screen("c", "", here) || l.Screen("c", "", there) || l.Screen("d", "", here) {
		t.Error("the fourth is let in, or somebody else is not")
	}
	got := l.Entries()
	if len(got) != 1 || got[0].Who != "c" || got[0].From != "192.0.2.7" || got[0].By != "flapping_detect" || !got[0].Until.Equal(c.at.Add(5*time.Minute)) {
		t.Errorf("%+v", got)
	}
	c.advance(5*time.Minute - 1)
	if !l.Screen("c", "", here) {
		t.Error("the ban has ended early")
	}
	c.advance(1)
	if l.Screen("c", "", here) || len(l.Entries()) != 0 {
		t.Error("the ban does not end")
	}
	for range 20 { // slower than the limit
		c.advance(21 * time.Second)
		if l.Screen("slow", "", here) {
			t.Fatal("a client within its limit is banned")
		}
	}
	for range 4 {
		l.Screen("e", "", here)
	}
	if ok, err := l.Remove(ClientID, "e"); !ok || err != nil || l.Screen("e", "", here) {
		t.Error("a pardon does not help", err)
	}
	l.Flapping.SetLimit(nil)
	for range 9 {
		if l.Screen("f", "", here) {
			t.Fatal("off, and it bans")
		}
	}
}

// Client ids that are never seen again cost no memory beyond the table, and do
// not hide one that flaps.
func TestFlappingIsBounded(t *testing.T) {
	c := new(clock)
	l := newList(c)
	l.Flapping.SetLimit(&Limit{MaxCount: 15, Window: time.Minute, Ban: time.Minute})
	banned := false
	for i := range 200_000 {
		l.Screen(fmt.Sprint("random-", i), "", here)
		if i%1000 == 0 {
			banned = l.Screen("c", "", here) || banned
		}
	}
	if n := len(l.Flapping.counts); n != tallies || !banned {
		t.Errorf("%d tallies; found %v", n, banned)
	}
	long := strings.Repeat("x", 60_000)
	out := 0
	for range 100 {
		if l.Screen(long, "", here) {
			out++
		}
	}
	if out != 85 || len(l.Flapping.banned) != 1 {
		t.Errorf("a long client id is refused %d times, %d kept", out, len(l.Flapping.banned))
	}
	l.Flapping.SetLimit(&Limit{MaxCount: 0, Window: time.Minute, Ban: time.Minute})
	for i := range maxBanned + 100 {
		l.Screen(fmt.Sprint("b", i), "", here)
	}
	if n := len(l.Flapping.banned); n > maxBanned {
		t.Errorf("%d bans", n)
	}
}

// While nobody is banned a CONNECT costs no memory.
func TestNoBansAllocateNothing(t *testing.T) {
	l := new(List)
	if n := testing.AllocsPerRun(100, func() {
		if l.Screen("c", "u", here) {
			t.Fatal("banned")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Entries read as they were written, whatever is in them.
func FuzzEntry(f *testing.F) {
	f.Add("clientid", "c", "r")
	f.Add("peerhost_net", "::ffff:10.0.0.0/104", "")
	f.Add("username_re", "^a|b$", "<x>")
	f.Fuzz(func(t *testing.T, kind, who, reason string) {
		e := Entry{Kind: Kind(kind), Who: who, Reason: reason}
		if _, err := e.normal(); err != nil {
			return
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		l := new(List)
		if err := l.read(strings.NewReader(string(text))); err != nil || len(l.entries) != 1 {
			t.Fatalf("%s: %v", text, err)
		}
		if got := l.Entries()[0]; got != e {
			t.Fatalf("%+v, want %+v", got, e)
		}
	})
}
