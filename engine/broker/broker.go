// Package broker is the heart of Wicket: it takes the packets of clients and
// does what MQTT says. It owns connections from CONNECT on, sessions and who
// has them, routing, retained messages and wills. It knows nothing of sockets,
// TLS, files or plugins: bytes come and go through [Link], and every question
// of who may do what goes to an [auth.Gate].
//
// # Who calls what
//
// A [Broker] has one [Shard] per event loop. Everything that belongs to a
// shard — its clients, the sessions it owns, its scratch memory — is touched
// by that loop's goroutine only, and without locks. Shards talk by posting
// letters to each other's mailbox. What all loops share is the subscription
// index, the registry of client ids, the retained messages and the counters,
// each of which is safe for itself; a lock of theirs is never held during a
// call out of this package.
//
// # Whose bytes
//
// The window given to [Client.Feed] belongs to the caller and dies with the
// call; what has to live longer is copied. Outgoing packets are appended to
// the link's own buffer. A PUBLISH to subscribers of the same loop that needs
// no acknowledgement is never copied to the heap.
package broker

import (
	"fmt"
	"log/slog"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/topic"
	"github.com/wicketmq/wicket/engine/wheel"
)

// Options configure a Broker. Only Gate is needed; zero values mean the
// defaults of [Options.withDefaults].
type Options struct {
	// Gate returns the gate of the moment; a reload swaps it. It is called
	// on any loop.
	Gate func() *auth.Gate

	// Shards is the number of event loops, at most topic.MaxShards.
	Shards int

	MaxPacketSize     uint32 // of a client's packets; default 1 MiB
	ConnectMaxSize    uint32 // of the CONNECT; default 64 KiB
	MaxInflight       uint16 // our Receive Maximum, and the cap of the client's; default 32
	MaxQueued         int    // messages that wait in one session, the oldest make room; default 1000
	MaxSubscriptions  int    // of one session; default 1000
	MaxTopicLevels    int    // of a name or filter; default 128
	TopicAliasMaximum uint16 // a client may use; default 16
	MaxKeepAlive      uint16 // seconds; 0 = the client's choice
	MaxSessionExpiry  uint32 // seconds; 0 = the client's choice

	// OutboundHighWater is the number of unsent bytes of a connection from
	// which on QoS 0 messages are dropped and others wait; default 1 MiB. At
	// OutboundMax, default 8 MiB, the client is closed as a slow consumer.
	OutboundHighWater int
	OutboundMax       int

	// MailboxHighWater is the number of letters in a shard's mailbox from
	// which on QoS 0 messages of other shards are dropped; default 65,536.
	MailboxHighWater int

	RetainedMaxMessages int   // default 1,000,000
	RetainedMaxBytes    int64 // default 1 GiB

	// Messages to "$delayed/{seconds}/{topic}" wait in memory, so many of them at
	// most; with NoDelayed they are refused.
	DelayedMaxMessages int   // default 100,000
	DelayedMaxBytes    int64 // default 64 MiB
	NoDelayed          bool

	Log *slog.Logger // default: discards
}

func (o Options) withDefaults() Options {
	def(&o.Shards, 1)
	def(&o.MaxPacketSize, 1<<20)
	def(&o.ConnectMaxSize, 64<<10)
	def(&o.MaxInflight, 32)
	def(&o.MaxQueued, 1000)
	def(&o.MaxSubscriptions, 1000)
	def(&o.MaxTopicLevels, 128)
	def(&o.TopicAliasMaximum, 16)
	def(&o.OutboundHighWater, 1<<20)
	def(&o.OutboundMax, 8<<20)
	def(&o.MailboxHighWater, 1<<16)
	def(&o.RetainedMaxMessages, 1_000_000)
	def(&o.RetainedMaxBytes, 1<<30)
	def(&o.DelayedMaxMessages, 100_000)
	def(&o.DelayedMaxBytes, 64<<20)
	def(&o.Log, slog.New(slog.DiscardHandler))
	o.ConnectMaxSize = min(o.ConnectMaxSize, o.MaxPacketSize)
	return o
}

// def sets what was left zero.
func def[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// Broker is what the shards share.
type Broker struct {
	opt      Options
	shards   []*Shard
	index    *topic.Index[*subscriber]
	registry registry
	retained retained
	delayed  waiting
	sweep    sweep
}

// New returns a broker without connections. It panics when Options.Gate is
// missing or Options.Shards is out of range.
func New(o Options) *Broker {
	if o.Gate == nil {
		panic("BUG: broker without a gate")
	}
	o = o.withDefaults()
	b := &Broker{opt: o, index: topic.New[*subscriber](o.Shards)}
	b.registry.init()
	b.retained.init(o.RetainedMaxMessages, o.RetainedMaxBytes)
	b.shards = make([]*Shard, o.Shards)
	for i := range b.shards {
		b.shards[i] = newShard(b, i)
	}
	return b
}

// Shard readies the shard of loop i, once, before the loop's first connection
// and from any goroutine. The loop drives w, and all wheels count from the
// same start. wake may be called from any goroutine; it makes the loop call
// [Shard.Drain] soon, and is called once per batch of letters.
func (b *Broker) Shard(i int, w *wheel.Wheel, wake func()) *Shard {
	if i < 0 || i >= len(b.shards) {
		panic(fmt.Sprintf("BUG: shard %d of %d", i, len(b.shards)))
	}
	s := b.shards[i]
	s.wheel = w
	if i == 0 {
		b.sweep.start(s)
	}
	s.box.listen(wake)
	return s
}
