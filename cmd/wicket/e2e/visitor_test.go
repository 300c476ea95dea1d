package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// visitor is an MQTT 3.1.1 client over TLS in this process, for crowds and for
// measuring.
type visitor struct{ *tls.Conn }

// approach opens a connection and completes the handshake from the client's
// side. In TLS 1.3 the broker has yet to look at the client's certificate.
func approach(addr string, config *tls.Config) (visitor, error) {
	raw, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return visitor{}, err
	}
	_ = raw.SetDeadline(time.Now().Add(2 * patience))
	conn := tls.Client(raw, config)
	if err := conn.Handshake(); err != nil {
		raw.Close()
		return visitor{}, err
	}
	return visitor{conn}, nil
}

// enter says CONNECT and waits for the CONNACK.
func (v visitor) enter() error {
	p := mqtt.Connect{Version: mqtt.V311, CleanStart: true, ClientID: []byte(unique("v"))}
	if _, err := v.Write(p.Append(nil, mqtt.V311)); err != nil {
		return err
	}
	return v.hears(0x20, 2, 0, 0)
}

// ping makes the round trip of a PINGREQ and its PINGRESP.
func (v visitor) ping() error {
	if _, err := v.Write([]byte{0xc0, 0}); err != nil {
		return err
	}
	return v.hears(0xd0, 0)
}

func (v visitor) hears(want ...byte) error {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(v, got); err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("got % x, want % x", got, want)
	}
	return nil
}

// visit is approach, enter and leave.
func visit(addr string, config *tls.Config) error {
	v, err := approach(addr, config)
	if err != nil {
		return err
	}
	defer v.Close()
	return v.enter()
}

// welcomes fails the test unless the broker lets a client in.
func welcomes(t *testing.T, addr string, config *tls.Config) {
	t.Helper()
	if err := visit(addr, config); err != nil {
		t.Errorf("not let in: %v", err)
	}
}

// turnsAway fails the test unless the broker refuses a client; it returns how
// long that took.
func turnsAway(t *testing.T, addr string, config *tls.Config) time.Duration {
	t.Helper()
	began := time.Now()
	if visit(addr, config) == nil {
		t.Error("let in")
	}
	return time.Since(began)
}

// stay lets a client in until the end of the test.
func stay(t *testing.T, addr string, config *tls.Config) visitor {
	t.Helper()
	v, err := approach(addr, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	if err := v.enter(); err != nil {
		t.Fatal(err)
	}
	return v
}

// crowd brings n clients to the door, where each has done all that the handshake
// of TLS 1.3 wants of it. They come through a narrow street, a few at a time,
// because their own computing is not to be measured as the broker's.
func crowd(t *testing.T, n int, addr string, config *tls.Config) []visitor {
	t.Helper()
	config = config.Clone()
	config.MinVersion = tls.VersionTLS13
	out := make([]visitor, n)
	var next atomic.Int64
	var street sync.WaitGroup
	for range 3 {
		street.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				v, err := approach(addr, config)
				if err != nil {
					t.Error(err)
					return
				}
				out[i] = v
			}
		})
	}
	street.Wait()
	for _, v := range out {
		if v.Conn == nil {
			t.FailNow()
		}
		t.Cleanup(func() { v.Close() })
	}
	return out
}

// pulse pings the broker every few milliseconds, for those who want to know
// whether it still has time for a client that is in.
type pulse struct {
	v    visitor
	stop chan struct{}
	done chan error
	took []time.Duration
}

func (v visitor) pulse() *pulse {
	p := &pulse{v: v, stop: make(chan struct{}), done: make(chan error, 1)}
	_ = v.SetDeadline(time.Now().Add(2 * time.Minute))
	go func() { p.done <- p.run() }()
	return p
}

func (p *pulse) run() error {
	for {
		select {
		case <-p.stop:
			return nil
		case <-time.After(2 * time.Millisecond):
		}
		began := time.Now()
		if err := p.v.ping(); err != nil {
			return err
		}
		p.took = append(p.took, time.Since(began))
	}
}

// p99 ends the pulse and returns its 99th percentile.
func (p *pulse) p99(t *testing.T) time.Duration {
	t.Helper()
	close(p.stop)
	if err := <-p.done; err != nil {
		t.Fatalf("the client that was in was not served: %v", err)
	}
	slices.Sort(p.took)
	n := len(p.took)
	if n < 20 {
		t.Fatalf("only %d round trips", n)
	}
	p99 := p.took[n*99/100]
	t.Logf("%d round trips: p50 %s, p99 %s, slowest %s", n, p.took[n/2], p99, p.took[n-1])
	return p99
}
