// Package load makes MQTT clients that load a broker and measure it: any
// number of publishers and subscribers on one gnet event loop, no goroutine
// per client once it is connected.
//
// A [Load] owns its loop. Its clients, their counters and the histogram are
// touched on that loop only; the exported methods may be called from any one
// goroutine and hand their work to it. Frames are encoded once per publisher;
// sending a burst is one copy of bytes that are there already, with packet
// identifiers and the few time stamps written in place.
package load

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// Spec is a load: who connects where, who publishes what to whom, and how
// fast. It travels to worker processes as JSON.
//
// Topic, Filter, ClientID and Username are patterns. In them, %i is the number
// of the client among the publishers or the subscribers, %g that number modulo
// Groups, %k the number of the topic or filter among those of its client, %w
// "p" or "s" for publishers and subscribers, and %r the name of the run; in
// topics and filters, %c is the client identifier and %u the user name.
type Spec struct {
	Addr     string       `json:"addr"`
	TLS      *TLS         `json:"tls,omitempty"`
	Version  mqtt.Version `json:"version"`
	ClientID string       `json:"client_id"`
	Username string       `json:"username,omitempty"`
	Password string       `json:"password,omitempty"`
	Run      string       `json:"run"`

	Publishers  int `json:"publishers"`
	Subscribers int `json:"subscribers"`
	// First is added to the numbers of clients: worker processes share a run.
	First  int `json:"first"`
	Groups int `json:"groups"`

	Topic   string `json:"topic"`
	Topics  int    `json:"topics"` // of each publisher
	Filter  string `json:"filter"`
	Filters int    `json:"filters"` // of each subscriber
	// Silent clients do not even send CONNECT.
	Silent bool `json:"silent,omitempty"`
	// Fan is how many subscribers of this process get each message; 0 when
	// nobody here does.
	Fan int `json:"fan"`

	QoS     byte `json:"qos"`
	Retain  bool `json:"retain,omitempty"`
	Payload int  `json:"payload"` // bytes
	// Window is how many messages of one publisher may be on their way.
	Window int `json:"window"`
	// Rate is messages per second of all publishers together; 0 is as fast
	// as the window allows.
	Rate float64 `json:"rate"`
	// Sample is the distance between messages that carry a time stamp.
	Sample int `json:"sample"`

	// ConnectRate limits connections per second; 0 does not.
	ConnectRate float64 `json:"connect_rate"`
	Dialers     int     `json:"dialers"` // connections made at the same time
	// Sources is how many addresses of 127.0.0.0/8 clients come from; 0
	// leaves the choice to the kernel.
	Sources int `json:"sources"`
}

// MinPayload is the least payload in bytes: publisher and time stamp.
const MinPayload = 12

// normalize fills in what was left out and rejects what cannot be run.
func (s *Spec) normalize() error {
	s.Version = or(s.Version, mqtt.V311)
	s.ClientID = or(s.ClientID, "%r-%w%i")
	s.Run = or(s.Run, "bench")
	s.Groups = or(s.Groups, 1)
	s.Topics = or(s.Topics, 1)
	s.Filters = or(s.Filters, 1)
	s.Window = or(s.Window, 64)
	s.Payload = max(s.Payload, MinPayload)
	s.Dialers = or(s.Dialers, 16)
	if s.Sample == 0 {
		s.Sample = 64
		if s.Rate > 0 && s.Rate <= 100_000 {
			s.Sample = 1
		}
	}
	switch {
	case s.QoS > 2:
		return fmt.Errorf("QoS %d does not exist", s.QoS)
	case s.Window < 1 || s.Window > 0xFFFF:
		return fmt.Errorf("window %d is not between 1 and 65535", s.Window)
	case s.Publishers+s.Subscribers == 0:
		return errors.New("there are no clients")
	case s.Version != mqtt.V311 && s.Version != mqtt.V50:
		return fmt.Errorf("protocol version %d is neither 4 (3.1.1) nor 5", s.Version)
	}
	return nil
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// expand fills in a pattern. who is "p" or "s", n the number of the client, k
// that of its topic or filter.
func (s *Spec) expand(pattern, who string, n, k int) string {
	if !strings.Contains(pattern, "%") {
		return pattern
	}
	n += s.First
	pattern = strings.NewReplacer("%c", s.ClientID, "%u", s.Username).Replace(pattern)
	return strings.NewReplacer("%r", s.Run, "%w", who, "%i", strconv.Itoa(n),
		"%g", strconv.Itoa(n%s.Groups), "%k", strconv.Itoa(k)).Replace(pattern)
}

// Counts are how far a load has come. They only grow.
type Counts struct {
	Connected uint64 `json:"connected"` // clients that are ready
	Sent      uint64 `json:"sent"`      // PUBLISH packets written
	Acked     uint64 `json:"acked"`     // QoS 1 and 2: acknowledged by the broker
	Received  uint64 `json:"received"`  // PUBLISH packets delivered
	Lost      uint64 `json:"lost"`      // deliveries that were given up
	Dropped   uint64 `json:"dropped"`   // connections the broker has closed
}

// Sub returns what has come after from.
func (c Counts) Sub(from Counts) Counts {
	return Counts{c.Connected - from.Connected, c.Sent - from.Sent, c.Acked - from.Acked,
		c.Received - from.Received, c.Lost - from.Lost, c.Dropped - from.Dropped}
}

// Add returns the sum of both.
func (c Counts) Add(d Counts) Counts {
	return Counts{c.Connected + d.Connected, c.Sent + d.Sent, c.Acked + d.Acked,
		c.Received + d.Received, c.Lost + d.Lost, c.Dropped + d.Dropped}
}

// epoch is what clock counts from. Stamps never leave the process.
var epoch = time.Now()

// clock is the monotonic time in nanoseconds; never 0.
func clock() int64 { return int64(time.Since(epoch)) + 1 }
