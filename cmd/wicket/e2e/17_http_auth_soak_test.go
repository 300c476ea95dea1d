//go:build soak

package e2e

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wicketmq/wicket/cmd/wicket-bench/load"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// D1: while CONNECTs wait for a server that never answers, each refused after
// 5 s ± 0.5, a thousand clients that publish notice nothing: the p99 of their
// messages stays within 1.2 times what it is in quiet. Phases alternate, and
// each is compared with the one before it, because the machine may have other
// things to do.
func TestSoakHTTPTimeout(t *testing.T) {
	const (
		publishers = 1000
		rate       = 2000 // messages per second of all publishers
		rounds     = 9
		waiting    = 60 // CONNECTs, 20 a second
		phase      = 9 * time.Second
	)
	dir, _, s := backendFixture(t)
	up := fmt.Sprintf("  auth: { url: \"https://localhost:%s\", pool_size: 128, breaker: { failures: 1000000 }, tls: { %s } }\n", s.port(), goodTLS)
	p := run(t, dir, httpYAML(up, pluginYAML("http", "auth", loginYAML), "http"))
	addr := p.addr("tcp:default")
	l, err := load.Start(t.Context(), load.Spec{
		Addr: addr, Username: "super", Password: "x", Publishers: publishers, Subscribers: 50, Groups: 50,
		Topic: "t/%g", Filter: "t/%g", Fan: 1, QoS: 1, Rate: rate, ConnectRate: 500,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Go()
	measured := func() time.Duration {
		r := l.Measured()
		if want := uint64(rate * 9 / 10 * phase.Seconds()); r.Received < want {
			t.Errorf("%d messages were delivered, want %d", r.Received, want)
		}
		return time.Duration(r.Latency.ValueAtQuantile(99))
	}
	measure := func() time.Duration { l.Mark(); time.Sleep(phase); return measured() }
	measure() // to warm up
	var quiet, loaded, took []time.Duration
	var ratios []float64
	for round := range rounds {
		quiet = append(quiet, measure())
		eventually(t, "the server is believed to be there again", time.Minute, func() bool { return come(t, addr, mqtt.V50, unique("probe"), "allow", "x").reason() == 0 })
		var mu sync.Mutex
		var crowd sync.WaitGroup
		l.Mark()
		began := time.Now()
		for i := range waiting {
			time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / 20)))
			c := dial(t, addr, "")
			_ = c.SetDeadline(time.Now().Add(patience))
			m := mqtt.Connect{Version: mqtt.V50, CleanStart: true, ClientID: []byte(unique("slow")), HasUsername: true, Username: []byte("sleep"), HasPassword: true}
			said := time.Now()
			if _, err := c.Write(m.Append(nil, mqtt.V50)); err != nil {
				t.Fatal(err)
			}
			crowd.Go(func() {
				connack := make([]byte, 5)
				_, err := io.ReadFull(c, connack)
				mu.Lock()
				defer mu.Unlock()
				took = append(took, time.Since(said))
				if err != nil || connack[3] != 0x87 {
					t.Errorf("CONNACK % x, %v", connack, err)
				}
			})
		}
		time.Sleep(time.Until(began.Add(phase)))
		loaded = append(loaded, measured())
		crowd.Wait()
		ratios = append(ratios, float64(loaded[round])/float64(quiet[round]))
	}
	if err := l.Err(); err != nil {
		t.Error(err)
	}
	slices.Sort(took)
	for i := range rounds {
		t.Logf("p99 %s in quiet, %s while CONNECTs wait: %.2f", quiet[i].Round(time.Microsecond), loaded[i].Round(time.Microsecond), ratios[i])
	}
	slices.Sort(quiet)
	slices.Sort(loaded)
	slices.Sort(ratios)
	t.Logf("%d publishers at %d messages/s, median of %d phases of %s: p99 %s in quiet, %s while %d CONNECTs wait; median ratio %.2f",
		publishers, rate, rounds, phase, quiet[rounds/2], loaded[rounds/2], waiting, ratios[rounds/2])
	t.Logf("%d CONNACKs after %s to %s, p50 %s", len(took), took[0].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), percentile(took, 50))
	if took[0] < 4500*time.Millisecond || took[len(took)-1] > 5500*time.Millisecond {
		t.Error("a CONNACK did not come after 5 s ± 0.5")
	}
	if ratios[rounds/2] > 1.2 {
		t.Error("those who publish notice those who wait")
	}
}
