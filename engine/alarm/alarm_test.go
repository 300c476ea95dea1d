package alarm

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// midnight is when all tests begin.
var midnight = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// desk is a registry with a clock to turn and the lines of its log.
type desk struct {
	*Registry
	clock time.Time
	log   bytes.Buffer
}

func newDesk() *desk {
	d := &desk{clock: midnight}
	plain := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "text" || a.Key == "raised" {
			return slog.Attr{}
		}
		return a
	}
	d.Registry = New(slog.New(slog.NewTextHandler(&d.log, &slog.HandlerOptions{ReplaceAttr: plain})), func() time.Time { return d.clock })
	return d
}

// said returns the lines logged since the last call.
func (d *desk) said() string {
	defer d.log.Reset()
	return d.log.String()
}

func (d *desk) expect(t *testing.T, what string, alarms []string, log string) {
	t.Helper()
	var have []string
	for _, a := range d.List() {
		have = append(have, fmt.Sprintf("%s %s %s since %s", a.Level, a.Name, a.Object, a.Since.Format(time.DateOnly)))
	}
	if !slices.Equal(have, alarms) {
		t.Errorf("%s: raised are %q, want %q", what, have, alarms)
	}
	if said := d.said(); said != log {
		t.Errorf("%s: logged\n%swant\n%s", what, said, log)
	}
}

func TestRegistry(t *testing.T) {
	d := newDesk()
	d.Clear("crl", "b")
	d.expect(t, "nothing to clear", nil, "")
	d.Raise("crl", "b", Warning, "one")
	d.expect(t, "raised", []string{"warning crl b since 2026-01-01"},
		"level=WARN msg=\"alarm raised\" alarm=crl object=b alarm_level=warning\n")
	d.clock = d.clock.Add(day)
	d.Raise("crl", "b", Warning, "two")
	d.expect(t, "raised again", []string{"warning crl b since 2026-01-01"}, "")
	if text := d.List()[0].Text; text != "two" {
		t.Errorf("the text is %q, want the last one", text)
	}
	d.Raise("crl", "b", Critical, "three")
	d.expect(t, "more urgent", []string{"critical crl b since 2026-01-01"},
		"level=WARN msg=\"alarm raised\" alarm=crl object=b alarm_level=critical\n")
	d.Raise("crl", "b", Notice, "four")
	d.expect(t, "less urgent", []string{"notice crl b since 2026-01-01"}, "")
	d.Raise("crl", "a", Notice, "")
	d.Raise("acme", "z", Notice, "")
	d.Raise("z", "z", Critical, "")
	d.said()
	d.expect(t, "sorted", []string{
		"critical z z since 2026-01-02", "notice acme z since 2026-01-02", "notice crl a since 2026-01-02", "notice crl b since 2026-01-01",
	}, "")
	d.Keep("crl", []string{"b"})
	d.Clear("z", "z")
	d.expect(t, "cleared", []string{"notice acme z since 2026-01-02", "notice crl b since 2026-01-01"},
		"level=INFO msg=\"alarm cleared\" alarm=crl object=a\nlevel=INFO msg=\"alarm cleared\" alarm=z object=z\n")
	if d.Total() != 4 {
		t.Errorf("total %d, want 4", d.Total())
	}
}

// One log line at 30, 7 and 1 days, on whatever hour the check falls (CERT-10).
func TestExpiryDays(t *testing.T) {
	d := newDesk()
	served := []Certificate{{Object: "tls:default", Subject: "CN=broker", File: "b.pem", NotAfter: midnight.Add(40 * day)}}
	var days []int
	for hour := range 45 * 24 {
		d.clock = midnight.Add(time.Duration(hour) * time.Hour)
		d.Expiry(served)
		if d.said() != "" {
			days = append(days, hour/24)
		}
	}
	if want := []int{10, 33, 39}; !slices.Equal(days, want) {
		t.Errorf("logged on days %d, want %d", days, want)
	}
	if a := d.List(); len(a) != 1 || !strings.Contains(a[0].Text, "has expired at 2026-02-10T00:00:00Z") || !strings.Contains(a[0].Text, "b.pem") {
		t.Errorf("%+v", a)
	}
	served[0].NotAfter = d.clock.Add(90 * day)
	d.Expiry(served)
	if len(d.List()) != 0 || !strings.Contains(d.said(), "alarm cleared") {
		t.Errorf("a new certificate does not end the alarm: %+v", d.List())
	}
}

// The intermediate expires before the leaf, a bundle for another name before
// the default one: each object has the earliest of its own (U-25).
func TestExpiryEarliest(t *testing.T) {
	d := newDesk()
	served := []Certificate{
		{Object: "tls:default", Subject: "CN=leaf", NotAfter: midnight.Add(60 * day)},
		{Object: "tls:default", Subject: "CN=intermediate", NotAfter: midnight.Add(3 * day)},
		{Object: "tls:default", Subject: "CN=root", NotAfter: midnight.Add(9 * day)},
		{Object: "tls:default/tenant", Subject: "CN=tenant", NotAfter: midnight.Add(time.Hour)},
		{Object: "tls:other", Subject: "CN=other", NotAfter: midnight.Add(31 * day)},
	}
	d.Expiry(served)
	d.said()
	d.expect(t, "earliest", []string{
		"critical certificate_expiry tls:default/tenant since 2026-01-01", "warning certificate_expiry tls:default since 2026-01-01",
	}, "")
	if text := d.List()[1].Text; !strings.Contains(text, "CN=intermediate") {
		t.Errorf("%q does not name the intermediate", text)
	}
	d.Expiry(served[:3])
	d.said()
	d.expect(t, "a bundle is taken out", []string{"warning certificate_expiry tls:default since 2026-01-01"}, "")
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		again := make(chan struct{})
		var checks atomic.Int32
		done := make(chan struct{})
		go func() { defer close(done); Watch(ctx, again, func() { checks.Add(1) }) }()
		synctest.Wait()
		at := func(want int32, what string) {
			t.Helper()
			synctest.Wait()
			if n := checks.Load(); n != want {
				t.Errorf("%s: %d checks, want %d", what, n, want)
			}
		}
		at(1, "at once")
		time.Sleep(time.Hour - time.Second)
		at(1, "before the hour")
		again <- struct{}{}
		at(2, "on demand")
		time.Sleep(5*time.Hour + time.Second)
		at(8, "every hour")
		cancel()
		<-done
	})
}

func TestRegistryTogether(t *testing.T) {
	d := newDesk()
	d.Registry.log = slog.New(slog.DiscardHandler)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			object := fmt.Sprint(i % 4)
			for range 200 {
				d.Raise("a", object, Notice, "")
				d.List()
				d.Clear("a", object)
			}
		})
	}
	wg.Wait()
	if len(d.List()) != 0 {
		t.Errorf("left: %+v", d.List())
	}
}
