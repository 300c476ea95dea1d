package broker

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/session"
	"github.com/wicketmq/wicket/engine/topic"
	"github.com/wicketmq/wicket/engine/wheel"
)

// Shard is the part of the broker that runs on one event loop. But for the
// mailbox and the counters, only that loop touches it.
type Shard struct {
	b     *Broker
	id    int
	wheel *wheel.Wheel
	box   mailbox
	pool  session.Pool

	// busy is odd while the loop may be between matching a message and
	// posting it to other shards; see takeover.go.
	busy    atomic.Uint64
	seq     uint64   // number of the last message posted to other shards
	handled []uint64 // number of the last message opened, by publishing shard
	leaving []*leaving
	grace   grace

	// What is kept of those few clients that have an authentication method, so
	// that the others pay nothing for it.
	enhanced map[*Client]*enhanced

	stall   stall
	backlog backlog
	delays  delays
	gate    *auth.Gate // that of the message being routed

	// Working memory, reused by every packet.
	in struct {
		publish     mqtt.Publish
		ack         mqtt.Ack
		subscribe   mqtt.Subscribe
		unsubscribe mqtt.Unsubscribe
		disconnect  mqtt.Disconnect
		auth        mqtt.Auth
	}
	matches   topic.Matches[*subscriber]
	cast      cast
	hits      []hit
	strangers []hit // sessions in our part of the index that have moved on
	out       mqtt.Publish
	oneID     [1]uint32
	sent      int // PUBLISH packets not counted yet

	tally tally
}

func newShard(b *Broker, id int) *Shard {
	s := &Shard{b: b, id: id, handled: make([]uint64, b.opt.Shards), enhanced: map[*Client]*enhanced{}}
	s.stall.shard, s.backlog.shard, s.grace.shard, s.delays.shard = s, s, s, s
	return s
}

// now is the loop's time.
func (s *Shard) now() wheel.Tick { return s.wheel.Now() }

// post puts a letter into another shard's mailbox, or into the shard's own to
// have it opened in a later step.
func (s *Shard) post(to *Shard, l letter) { to.box.post(l) }

// enter and exit enclose every step in which messages are routed.
func (s *Shard) enter() { s.busy.Store(s.busy.Load() | 1) }
func (s *Shard) exit()  { s.busy.Store((s.busy.Load() | 1) + 1) }

// Drain handles what is in the mailbox. The loop calls it soon after a
// wake-up.
func (s *Shard) Drain() {
	s.enter()
	defer s.exit()
	ripe := s.ripe()
	batch := s.box.take()
	for _, l := range batch {
		s.open(l)
	}
	s.box.done(batch)
	s.unsubscribeLeft(ripe)
	s.flushCount()
	s.backlog.full = false // wills wait for nobody
}

// open handles one letter; a bug costs that letter only.
func (s *Shard) open(l letter) {
	defer s.recovered("letter")
	l.open(s)
}

// recovered is deferred around what must not take the loop down.
func (s *Shard) recovered(what string) {
	if p := recover(); p != nil {
		s.bug(what, p)
	}
}

// bug notes a panic and lets go of the message it may have come upon.
func (s *Shard) bug(what string, p any) {
	s.cast.end()
	clear(s.hits)
	clear(s.strangers)
	s.hits, s.strangers = s.hits[:0], s.strangers[:0]
	s.tally.add(cPanics, 1)
	s.b.opt.Log.Error("bug: recovered in the broker",
		"at", what, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
}
