package main

import (
	"strconv"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

// keep is what a plugin keeps, counts, and does later.
func keep(c *wicket.Connect) (v wicket.Verdict, done bool) {
	var err error
	v = wicket.Allow()
	switch c.Username {
	case "kv":
		v, err = keysAndValues(c)
	case "kv-long":
		long, _ := wicket.KV.Get("long")
		v = v.Attribute("long", string(long))
	case "metrics":
		total := wicket.NewCounter("tck_total", "Help.", "by", c.ClientID)
		total.Add(3)
		total.Inc()
		gauge := wicket.NewGauge("tck_gauge", "Help.")
		gauge.Set(5)
		gauge.Add(-7)
		wicket.NewHistogram("tck_sizes", "Help.", []uint64{1, 10, 100}).Observe(7)
	case "timer":
		_, err = wicket.After(1000, func(*wicket.Context) { wicket.Info("timer " + c.ClientID) })
	case "every":
		err = every()
	case "timer-ask":
		_, err = wicket.After(10, askLater)
	case "kick":
		if err = wicket.Disconnect(wicket.Parting{ClientID: "sensor-17", Reason: 0x97, ReasonText: "enough", Username: "alice"}); err == nil {
			err = wicket.Disconnect(wicket.Parting{ClientID: c.ClientID})
		}
	default:
		return v, false
	}
	if err != nil {
		v = wicket.Fail(err)
	}
	return v, true
}

func keysAndValues(c *wicket.Connect) (v wicket.Verdict, err error) {
	if err := wicket.KV.Set("kept", []byte(c.ClientID), 5000); err != nil {
		return v, err
	}
	got, _ := wicket.KV.Get("kept")
	sum, err := wicket.KV.Add("counter", 2, 0)
	if err != nil {
		return v, err
	}
	fresh, err := wicket.KV.Add("other", -7, 60000)
	if err != nil {
		return v, err
	}
	if err := wicket.KV.Set("brief", []byte("x"), 0); err != nil {
		return v, err
	}
	v = wicket.Allow().Attribute("got", string(got)).
		Attribute("sum", strconv.FormatInt(sum, 10)).Attribute("new", strconv.FormatInt(fresh, 10))
	if _, there := wicket.KV.Get("brief"); there && wicket.KV.Delete("brief") && !wicket.KV.Delete("brief") {
		v = v.Attribute("gone", "1")
	}
	return v, nil
}

func every() error {
	var t wicket.Timer
	left := 3
	t, err := wicket.Every(500, func(*wicket.Context) {
		wicket.Info("tick")
		if left--; left == 0 {
			t.Stop()
		}
	})
	return err
}

func askLater(ctx *wicket.Context) {
	res, err := ctx.HTTP(wicket.HTTPRequest{Upstream: "auth", Path: "/timer"})
	if err != nil {
		wicket.Error(err.Error())
		return
	}
	wicket.Info("answered " + strconv.Itoa(int(res.Status)))
}
