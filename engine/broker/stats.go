package broker

import "sync/atomic"

// counter is an index into a shard's counters.
type counter int

const (
	cConnections counter = iota // a gauge: clients with a session
	cConnects
	cRefused
	cTakenOver
	cPacketsIn
	cPublishIn
	cPublishOut
	cBytesIn
	cDenied
	cNoSubscribers
	cDroppedSlow
	cDroppedFull
	cDroppedLarge
	cDroppedMailbox
	cExpired
	cWills
	cErrors
	cPanics
	cKeepAlive
	cSlowConsumers
	cRetainedRefused
	cDelayedRefused
	cForwarded
	counters
)

// tally is one shard's counters, on cache lines of their own. They are
// written by the shard's loop and read by anybody.
type tally struct {
	_ [64]byte
	n [counters]atomic.Int64
	_ [64]byte
}

func (t *tally) add(c counter, n int) { t.n[c].Add(int64(n)) }

// Stats is a snapshot of what the broker has and has done since its start.
// The numbers are read one after the other, so they may disagree by what
// happened in between.
type Stats struct {
	Connections     int64 // clients that are connected now
	Sessions        int64 // sessions now, connected or not
	Retained        int64 // retained messages now
	RetainedBytes   int64
	Delayed         int64 // delayed messages now
	DelayedBytes    int64
	Connects        int64 // accepted CONNECTs
	Refused         int64 // refused CONNECTs
	TakenOver       int64 // connections that ended because the client came again
	PacketsIn       int64
	PublishIn       int64
	PublishOut      int64
	BytesIn         int64
	Denied          int64 // publishes and filters that authorization denied
	NoSubscribers   int64 // publishes that nobody was subscribed to
	DroppedSlow     int64 // QoS 0 to a client above the high-water mark
	DroppedFull     int64 // QoS 1 and 2 that made room in a full queue
	DroppedLarge    int64 // larger than the client's Maximum Packet Size
	DroppedMailbox  int64 // QoS 0 to a shard that is behind
	Expired         int64 // messages whose expiry interval passed
	Wills           int64 // wills published
	Errors          int64 // connections closed for breaking the protocol
	Panics          int64 // connections closed because of a bug
	KeepAlive       int64 // connections that fell silent
	SlowConsumers   int64 // connections closed at the outbound limit
	RetainedRefused int64 // retained messages over the quota
	DelayedRefused  int64 // delayed messages for which there was no room
	Forwarded       int64 // deliveries that followed a session to another shard
}

// Stats sums the counters of all shards. It may be called from any goroutine.
func (b *Broker) Stats() Stats {
	var n [counters]int64
	for _, s := range b.shards {
		for i := range n {
			n[i] += s.tally.n[i].Load()
		}
	}
	count, bytes := b.retained.size()
	return Stats{
		Connections:     n[cConnections],
		Sessions:        int64(b.registry.len()),
		Retained:        int64(count),
		RetainedBytes:   bytes,
		Delayed:         int64(b.delayed.count.Taken()),
		DelayedBytes:    int64(b.delayed.bytes.Taken()),
		Connects:        n[cConnects],
		Refused:         n[cRefused],
		TakenOver:       n[cTakenOver],
		PacketsIn:       n[cPacketsIn],
		PublishIn:       n[cPublishIn],
		PublishOut:      n[cPublishOut],
		BytesIn:         n[cBytesIn],
		Denied:          n[cDenied],
		NoSubscribers:   n[cNoSubscribers],
		DroppedSlow:     n[cDroppedSlow],
		DroppedFull:     n[cDroppedFull],
		DroppedLarge:    n[cDroppedLarge],
		DroppedMailbox:  n[cDroppedMailbox],
		Expired:         n[cExpired],
		Wills:           n[cWills],
		Errors:          n[cErrors],
		Panics:          n[cPanics],
		KeepAlive:       n[cKeepAlive],
		SlowConsumers:   n[cSlowConsumers],
		RetainedRefused: n[cRetainedRefused],
		DelayedRefused:  n[cDelayedRefused],
		Forwarded:       n[cForwarded],
	}
}
