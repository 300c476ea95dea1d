//go:build !wasip1

package wicket_test

import (
	"errors"
	"net/url"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

func TestEscape(t *testing.T) {
	if got := wicket.EscapePath("a b/../%c\u00e4~"); got != "a%20b%2F..%2F%25c%C3%A4~" {
		t.Error(got)
	}
}

// FuzzEscape: what is escaped is read back unchanged by the decoders of the
// standard library, in every position.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "alice", "a b&c=d", "\r\nX: y\x00", `"\/` + "\x7f\u2028", "/../%2e", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := url.PathUnescape(wicket.EscapePath(s)); err != nil || got != s {
			t.Errorf("path: %q, %v", got, err)
		}
		if q, err := url.ParseQuery("k=" + wicket.EscapeQuery(s) + "&end=1"); err != nil || q.Get("k") != s || len(q) != 2 {
			t.Errorf("query: %q, %v", q, err)
		}
	})
}

func TestFakes(t *testing.T) {
	ctx := wicket.TestContext(wicket.Upstreams{})
	if _, err := ctx.HTTP(wicket.HTTPRequest{Upstream: "auth"}); !errors.Is(err, wicket.ErrNotGranted) {
		t.Error(err)
	}
	if _, err := ctx.VerifyPassword("h", nil); !errors.Is(err, wicket.ErrNotGranted) {
		t.Error(err)
	}
	if _, ok := ctx.Certificate(wicket.CertSubject, 0); ok || ctx.Now() < 1_700_000_000_000 {
		t.Error("a certificate, or a clock that is wrong")
	}
	if _, err := wicket.TestContext(nil).HTTP(wicket.HTTPRequest{}); !errors.Is(err, wicket.ErrNotGranted) {
		t.Error(err)
	}
}
