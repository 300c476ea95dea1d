//go:build !wasip1

package wicket_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

func TestKV(t *testing.T) {
	wicket.TestReset()
	if _, ok := wicket.KV.Get("a"); ok || wicket.KV.Delete("a") {
		t.Error("a key that nobody has set")
	}
	if err := wicket.KV.Set("a", []byte("x"), 1000); err != nil {
		t.Error(err)
	}
	for _, err := range []error{wicket.KV.Set("", nil, 0), wicket.KV.Set("a", nil, -1), wicket.KV.Set("a", make([]byte, 64<<10+1), 0)} {
		if !errors.Is(err, wicket.ErrMalformed) {
			t.Error(err)
		}
	}
	if _, err := wicket.KV.Add("a", 1, 0); !errors.Is(err, wicket.ErrFull) {
		t.Error(err)
	}
	wicket.TestAdvance(nil, 999)
	if v, ok := wicket.KV.Get("a"); !ok || string(v) != "x" {
		t.Errorf("%q, %v", v, ok)
	}
	wicket.TestAdvance(nil, 1)
	if _, ok := wicket.KV.Get("a"); ok {
		t.Error("it is still there")
	}
	for _, step := range []struct{ delta, sum int64 }{{3, 3}, {-5, -2}, {math.MaxInt64, math.MaxInt64 - 2}, {9, math.MaxInt64}, {math.MinInt64, -1}, {math.MinInt64, math.MinInt64 + 1}} {
		if sum, err := wicket.KV.Add("n", step.delta, 10); err != nil || sum != step.sum {
			t.Errorf("%+v: %d, %v", step, sum, err)
		}
	}
	if !wicket.KV.Delete("n") {
		t.Error("it is not there")
	}
}

var (
	total = wicket.NewCounter("x_total", "Help.", "by", "peer", "a", "b")
	gauge = wicket.NewGauge("g", "Help.")
	sizes = wicket.NewHistogram("h", "Help.", []uint64{1, 10})
)

func TestMetrics(t *testing.T) {
	wicket.TestReset()
	total.Inc()
	total.Add(2)
	gauge.Set(5)
	gauge.Add(-7)
	sizes.Observe(3)
	wicket.Counter{}.Inc()
	if n := wicket.TestMetric("x_total", "a", "b", "by", "peer"); n != 3 || wicket.TestMetric("g") != -2 || wicket.TestMetric("h") != 1 || wicket.TestMetric("x_total") != 0 {
		t.Error(n)
	}
	if again := wicket.NewGauge("g", "Help."); again != gauge {
		t.Error("the same name is another metric")
	}
}

func TestTimers(t *testing.T) {
	wicket.TestReset()
	var fired []string
	note := func(what string) func(*wicket.Context) {
		return func(*wicket.Context) { fired = append(fired, what) }
	}
	once, err := wicket.After(100, note("once"))
	every, err2 := wicket.Every(40, note("every"))
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	wicket.TestAdvance(nil, 130)
	if want := []string{"every", "every", "once", "every"}; !slices.Equal(fired, want) {
		t.Errorf("%q", fired)
	}
	if once.Stop() || !every.Stop() || every.Stop() {
		t.Error("stopped what has fired, or twice")
	}
	wicket.TestAdvance(nil, 1000)
	if len(fired) != 4 {
		t.Errorf("%q", fired)
	}
	if _, err := wicket.After(9, note("early")); !errors.Is(err, wicket.ErrMalformed) {
		t.Error(err)
	}
	for n := range 1025 {
		if _, err := wicket.After(10, note("many")); (err != nil) != (n == 1024) {
			t.Fatal(n, err)
		}
	}
}

func TestOnEvent(t *testing.T) {
	wicket.TestReset()
	var told []string
	wicket.OnEvent(func(_ *wicket.Context, e *wicket.Event) { told = append(told, wicket.KindName(e.Kind)+" "+e.ClientID) },
		wicket.Connected, wicket.Denied)
	for _, kind := range []uint32{wicket.Connected, wicket.Refused, wicket.Denied, 99} {
		wicket.TestEvent(nil, &wicket.Event{Kind: kind, ClientID: "a"})
	}
	if want := []string{"connected a", "denied a"}; !slices.Equal(told, want) {
		t.Errorf("%q", told)
	}
	wicket.OnEvent(func(*wicket.Context, *wicket.Event) { told = nil })
	wicket.TestEvent(nil, &wicket.Event{Kind: 7})
	if told != nil || wicket.KindName(7) != "" {
		t.Error("a kind of later")
	}
}

func TestDisconnect(t *testing.T) {
	wicket.TestReset()
	for _, c := range []struct {
		parting wicket.Parting
		want    error
	}{
		{wicket.Parting{ClientID: "a"}, nil},
		{wicket.Parting{ClientID: "b", Reason: 0x97, ReasonText: "enough", Username: "u"}, nil},
		{wicket.Parting{}, wicket.ErrMalformed},
		{wicket.Parting{ClientID: "a", Reason: 4}, wicket.ErrMalformed},
	} {
		if err := wicket.Disconnect(c.parting); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.parting, err)
		}
	}
	if gone := wicket.TestDisconnected(); len(gone) != 2 || gone[1].ReasonText != "enough" {
		t.Errorf("%+v", gone)
	}
}
