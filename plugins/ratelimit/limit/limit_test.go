//go:build !wasip1

package limit

import (
	"fmt"
	"strings"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

func limits(t testing.TB, config string) *Limits {
	t.Helper()
	wicket.TestReset()
	l, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func from(peer string) *wicket.Connect { return &wicket.Connect{ClientID: "c", Peer: peer} }

// admitted is how many of n CONNECTs are not refused.
func admitted(l *Limits, c *wicket.Connect, n int) (in int) {
	for range n {
		if v := l.Authenticate(c); v.Code() == wicket.CodeNext {
			in++
		} else if d := v.Detail(); wicket.Reason(d.Reason) != wicket.ConnectionRateExceeded {
			in -= 1000
		}
	}
	return in
}

func TestWindows(t *testing.T) {
	l := limits(t, `{"limits":[{"by":"peer","rate":"10/s","burst":20}]}`)
	if n := admitted(l, from("192.0.2.1:1"), 30); n != 20 {
		t.Errorf("%d at once", n)
	}
	if n := admitted(l, from("192.0.2.2:1"), 30); n != 20 {
		t.Errorf("%d of another address", n)
	}
	wicket.TestAdvance(nil, 1999)
	if n := admitted(l, from("192.0.2.1:2"), 5); n != 0 {
		t.Errorf("%d before the window ends", n)
	}
	wicket.TestAdvance(nil, 1)
	if n := admitted(l, from("192.0.2.1:3"), 30); n != 20 {
		t.Errorf("%d in the next window", n)
	}
	if n := wicket.TestMetric("ratelimit_refused_total", "by", "peer"); n != 35 {
		t.Errorf("%d refused", n)
	}
}

// TestHold: who comes too often is kept out for a time, from the first time on.
func TestHold(t *testing.T) {
	l := limits(t, `{"limits":[{"by":"peer","rate":"2/s","for":"1m"}]}`)
	if n := admitted(l, from("192.0.2.1:1"), 3); n != 2 {
		t.Fatal(n)
	}
	for range 5 {
		wicket.TestAdvance(nil, 11_000)
		if n := admitted(l, from("192.0.2.1:1"), 2); n != 0 {
			t.Fatal("let in while it is held")
		}
	}
	wicket.TestAdvance(nil, 5000)
	if n := admitted(l, from("192.0.2.1:1"), 2); n != 2 {
		t.Error("kept out too long")
	}
}

func TestSubjects(t *testing.T) {
	certified := &wicket.TLS{CertificateVerified: true, CommonName: "cn"}
	for _, c := range []struct {
		by   string
		c    wicket.Connect
		want string
	}{
		{"peer", wicket.Connect{Peer: "192.0.2.7:5"}, "192.0.2.7"},
		{"peer", wicket.Connect{Peer: "[::ffff:192.0.2.7]:5"}, "192.0.2.7"},
		{"peer", wicket.Connect{Peer: "[2001:db8::7%eth0]:5"}, "2001:db8::/64"}, // whoever has one has all of them
		{"prefix/32/128", wicket.Connect{Peer: "[2001:db8::7%eth0]:5"}, "2001:db8::7"},
		{"peer", wicket.Connect{}, ""},
		{"prefix/24", wicket.Connect{Peer: "192.0.2.7:5"}, "192.0.2.0/24"},
		{"prefix/24", wicket.Connect{Peer: "[2001:db8:1:2:3::7]:5"}, "2001:db8:1:2::/64"},
		{"prefix/16/48", wicket.Connect{Peer: "[2001:db8:1:2:3::7]:5"}, "2001:db8:1::/48"},
		{"prefix/32", wicket.Connect{Peer: "192.0.2.7:5"}, "192.0.2.7"},
		{"common_name", wicket.Connect{TLS: certified}, "cn"},
		{"common_name", wicket.Connect{TLS: &wicket.TLS{CommonName: "claimed"}}, ""},
		{"common_name", wicket.Connect{TLS: certified, Proxy: &wicket.Proxy{Verified: true, CommonName: "edge"}}, "edge"},
		{"common_name", wicket.Connect{}, ""},
		{"clientid", wicket.Connect{ClientID: "c"}, "c"},
		{"username", wicket.Connect{Username: "u"}, "u"},
		{"username", wicket.Connect{ClientID: "c"}, ""},
	} {
		f, ok := subjectOf(c.by)
		if !ok || f(&c.c) != c.want {
			t.Errorf("%s of %+v: %q, %v, want %q", c.by, c.c, f(&c.c), ok, c.want)
		}
	}
	if a, b := short(strings.Repeat("a", 300)), short(strings.Repeat("a", 301)); a == b || len(a) > 200 {
		t.Error(a, b)
	}
}

// TestTwoLimits: the first that is exceeded decides, and those after it do not
// count.
func TestTwoLimits(t *testing.T) {
	l := limits(t, `{"limits":[{"by":"peer","rate":"1/s"},{"by":"prefix/24","rate":"3/s"}]}`)
	in := 0
	for i := range 10 {
		in += admitted(l, from(fmt.Sprintf("192.0.2.%d:1", i/2)), 1)
	}
	if in != 3 || wicket.TestMetric("ratelimit_refused_total", "by", "peer") != 5 || wicket.TestMetric("ratelimit_refused_total", "by", "prefix/24") != 2 {
		t.Error(in, wicket.TestMetric("ratelimit_refused_total", "by", "peer"), wicket.TestMetric("ratelimit_refused_total", "by", "prefix/24"))
	}
}

func TestFull(t *testing.T) {
	for config, want := range map[string]wicket.Code{`next`: wicket.CodeNext, `deny`: wicket.CodeDeny} {
		l := limits(t, `{"limits":[{"by":"peer","rate":"1/s"}],"when_full":"`+config+`"}`)
		if err := wicket.KV.Set(l.list[0].key+"192.0.2.1", []byte("no counter"), 0); err != nil {
			t.Fatal(err)
		}
		v := l.Authenticate(from("192.0.2.1:1"))
		if v.Code() != want || wicket.TestMetric("ratelimit_full_total") != 1 {
			t.Errorf("%s: %v", config, v.Code())
		}
	}
}

func TestRefused(t *testing.T) {
	for config, want := range map[string]string{
		``:                                       "limits: want at least one",
		`{"limits":[]}`:                          "limits: want at least one",
		`{"limits":[1]}`:                         "limits[0]: want keys with values",
		`{"limits":[{"by":"mac","rate":"1/s"}]}`: `limits[0].by: want peer`,
		`{"limits":[{"by":"prefix/33","rate":"1/s"}]}`:                `limits[0].by`,
		`{"limits":[{"by":"prefix/24/0","rate":"1/s"}]}`:              `limits[0].by`,
		`{"limits":[{"by":"peer"}]}`:                                  `limits[0].rate: want how many`,
		`{"limits":[{"by":"peer","rate":"0/s"}]}`:                     `limits[0].rate`,
		`{"limits":[{"by":"peer","rate":"5/w"}]}`:                     `limits[0].rate`,
		`{"limits":[{"by":"peer","rate":"5/31d"}]}`:                   `limits[0].rate`,
		`{"limits":[{"by":"peer","rate":"5"}]}`:                       `limits[0].rate`,
		`{"limits":[{"by":"peer","rate":"5/s","burst":0}]}`:           `limits[0].burst`,
		`{"limits":[{"by":"peer","rate":"5/s","for":"1"}]}`:           `limits[0].for`,
		`{"limits":[{"by":"peer","rate":"5/s","fro":"1m"}]}`:          `limits[0].fro: no such key`,
		`{"limits":[{"by":"peer","rate":"5/s"}],"when_full":"allow"}`: `when_full`,
	} {
		if _, err := New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", config, err, want)
		}
	}
	l := limits(t, `{"limits":[{"by":"peer","rate":"5/30s","burst":7},{"by":"username","rate":"100/m"}]}`)
	if a, b := l.list[0], l.list[1]; a.window != 42_000 || a.burst != 7 || b.window != 60_000 || b.burst != 100 {
		t.Errorf("%+v, %+v", a, b)
	}
}

// FuzzTimes: what is read is within bounds.
func FuzzTimes(f *testing.F) {
	for _, s := range []string{"1/s", "10/100ms", "5/30d", "-1/s", "1/99999999999999999999s", "/", "1/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, unit, ok := parseRate(s); ok && (n < 1 || unit < 1 || unit > 30*86_400_000) {
			t.Errorf("%q: %d in %d", s, n, unit)
		}
	})
}
