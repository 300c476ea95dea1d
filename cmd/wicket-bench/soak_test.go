//go:build soak

package main

import (
	"context"
	"encoding/binary"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
)

// A client that is not ours, on the same broker at the same rate, measures
// about the same latencies.
func TestSoakAgreesWithPaho(t *testing.T) {
	const rate, seconds = 200, 5
	b, err := peer.Start("wicket", filepath.Join(programs, "wicket"), peer.Options{CPU: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop()
	theirs := pahoLatencies(t, b.Plain, rate, rate*seconds)
	slices.Sort(theirs)
	ours := runs(t, "pair", "--addr", b.Plain, "-c", "1", "-q", "0", "-V", "5.0", "-r", "200", "-d", "5s", "-o", "json")[0].Latency
	at := func(q float64) float64 { return theirs[int(q*float64(len(theirs)-1))] }
	for _, c := range []struct {
		name         string
		ours, theirs float64
	}{{"p50", ours.P50, at(0.5)}, {"p90", ours.P90, at(0.9)}} {
		t.Logf("%s: ours %.0f µs, Paho's %.0f µs", c.name, c.ours, c.theirs)
		if c.ours > 2*c.theirs+100 || c.theirs > 2*c.ours+100 {
			t.Errorf("%s: ours %.0f µs, Paho's %.0f µs", c.name, c.ours, c.theirs)
		}
	}
}

// pahoLatencies publishes to itself and returns microseconds.
func pahoLatencies(t *testing.T, addr string, rate, messages int) (us []float64) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	epoch, all := time.Now(), make(chan struct{})
	c := paho.NewClient(paho.ClientConfig{Conn: conn, OnPublishReceived: []func(paho.PublishReceived) (bool, error){
		func(p paho.PublishReceived) (bool, error) {
			sent := time.Duration(binary.BigEndian.Uint64(p.Packet.Payload))
			if us = append(us, float64((time.Since(epoch)-sent).Nanoseconds())/1000); len(us) == messages {
				close(all)
			}
			return true, nil
		},
	}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := c.Connect(ctx, &paho.Connect{ClientID: "paho", KeepAlive: 60, CleanStart: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "paho"}}}); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for range messages {
		<-tick.C
		payload := binary.BigEndian.AppendUint64(nil, uint64(time.Since(epoch)))
		if _, err := c.Publish(ctx, &paho.Publish{Topic: "paho", Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-all:
	case <-ctx.Done():
		t.Fatalf("%d of %d messages", len(us), messages)
	}
	_ = c.Disconnect(&paho.Disconnect{})
	return us
}
