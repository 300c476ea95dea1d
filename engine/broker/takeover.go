package broker

import (
	"slices"

	"github.com/wicketmq/wicket/engine/session"
	"github.com/wicketmq/wicket/engine/wheel"
)

// A session belongs to one shard. When its client comes back on another loop
// the session moves there:
//
//	B  claim      →  A   the client of this id is with me now
//	A                    closes the old client [MQTT-3.1.4-3], gives up ownership
//	A  handover   →  B   B subscribes the session's filters on its own shard and
//	                     lets the client in
//	B  adopted    →  A   A may unsubscribe its entries, after a grace period
//	A  settled    →  B   the move is over
//
// Until A has unsubscribed, both shards have the session in the index, so
// that no message is missed. A forwards what it gets for the session, and B
// tells from the numbers that publishing shards give their messages which of
// them both shards have: see [move.duplicate] and [move.late].
//
// The grace period: a shard P may have matched a message before B subscribed
// and not posted it yet. P is past that point when its busy counter, odd
// during every step that routes messages, has changed or was even. Then
// everything P matched without seeing B is in A's mailbox, and A unsubscribes
// after having opened that.
//
// A session that is moving is not moved again: claims on it wait. Claims on a
// session that has moved on are sent after it, and claims on one that has
// ended start again at the registry. No shard ever waits for another, so
// there is nothing to deadlock.

// move is a change of owner under way. A makes it, B owns it from the
// handover on.
type move struct {
	from    *Shard
	adopted bool
	// given and taken are the numbers of the last messages opened, by
	// publishing shard: on A when it gave the session up, on B when it
	// subscribed.
	given, taken []uint64
	claims       []*claim // wait for the end of the move
}

// duplicate reports whether a message that B has from its own mailbox had
// been delivered by A before the session moved.
func (m *move) duplicate(pub int, seq uint64) bool {
	return seq != 0 && seq <= m.given[pub]
}

// late reports whether a message that A forwards has been missed by B: it was
// not sent to B's shard, or came there before B had subscribed.
func (m *move) late(b *Shard, r *routed) bool {
	return r.shards&(1<<b.id) == 0 || r.seq <= m.taken[r.pub]
}

// release lets the claims that have waited go on.
func (m *move) release(s *Shard) {
	for _, k := range m.claims {
		s.post(s, k)
	}
	m.claims = nil
}

// claim asks the owner of a session for it, on behalf of a CONNECT.
type claim struct {
	sub *subscriber
	k   *connecting
}

// claim gets hold of the session of a client that may come in.
func (s *Shard) claim(k *connecting) {
	sub, fresh := s.b.registry.claim(k.req.ClientID, s)
	if fresh {
		k.attach(s, sub, false)
		return
	}
	(&claim{sub: sub, k: k}).open(s)
}

// again looks the client id up once more, on the claimant's loop.
type again struct{ k *connecting }

func (l *again) open(s *Shard) {
	if l.k.client != nil {
		s.claim(l.k)
	}
}

// open runs on the loop that owns the session, or did when it was posted.
func (l *claim) open(s *Shard) {
	sub, b := l.sub, l.k.shard
	switch owner := sub.owner.Load(); {
	case sub.ended():
		s.reply(b, &again{l.k})
		return
	case owner != s:
		s.post(owner, l)
		return
	}
	if m := sub.move; m != nil && (!m.adopted || b != s) {
		m.claims = append(m.claims, l)
		return
	}
	if sub.client != nil {
		sub.client.takenOver()
	}
	if !sub.ended() && l.k.cleanStart {
		s.end(sub) // [MQTT-3.1.2-4]
	}
	switch {
	case sub.ended():
		s.reply(b, &again{l.k})
	case b == s:
		l.k.take(s, sub)
	default:
		s.give(sub, b, l.k)
	}
}

// reply posts to another shard; to its own it speaks at once.
func (s *Shard) reply(to *Shard, l letter) {
	if to == s {
		l.open(s)
		return
	}
	s.post(to, l)
}

// give hands an offline session over to another shard.
func (s *Shard) give(sub *subscriber, to *Shard, k *connecting) {
	sub.stay(s)
	given := slices.Clone(s.handled)
	given[s.id] = s.seq
	sub.move = &move{from: s, given: given}
	s.leaving = append(s.leaving, &leaving{
		sub:     sub,
		filters: slices.AppendSeq(make([]session.Subscription, 0, sub.Subs.Len()), sub.Subs.All()),
	})
	sub.owner.Store(to)
	s.post(to, &handover{sub: sub, k: k})
}

// handover gives a session to its new owner.
type handover struct {
	sub *subscriber
	k   *connecting
}

func (l *handover) open(s *Shard) {
	sub := l.sub
	m := sub.move
	for x := range sub.Subs.All() {
		s.index(sub, &x)
	}
	m.taken = slices.Clone(s.handled)
	m.taken[s.id] = s.seq
	m.adopted = true
	s.post(m.from, &adopted{sub})
	if l.k.client == nil { // it went away while the session was on its way
		s.wait(sub)
		return
	}
	l.k.take(s, sub)
}

// adopted tells the old owner that the new one has subscribed.
type adopted struct{ sub *subscriber }

func (l *adopted) open(s *Shard) {
	i := slices.IndexFunc(s.leaving, func(v *leaving) bool { return v.sub == l.sub })
	v := s.leaving[i]
	v.seen = make([]uint64, len(s.b.shards))
	for i, p := range s.b.shards {
		v.seen[i] = p.busy.Load()
	}
	s.box.nudge()
}

// settled tells the new owner that the old one has let go.
type settled struct{ sub *subscriber }

func (l *settled) open(s *Shard) {
	if m := l.sub.move; m != nil && m.from != nil {
		l.sub.move = nil
		m.release(s)
	}
}

// leaving is a session that this shard has given up and still has in the
// index.
type leaving struct {
	sub     *subscriber
	filters []session.Subscription
	seen    []uint64 // busy counters when it was adopted; nil before
}

// ripe returns the sessions whose grace period is over. What was matched
// before is in the mailbox by now; the caller opens that first.
func (s *Shard) ripe() []*leaving {
	if len(s.leaving) == 0 {
		return nil
	}
	var ripe []*leaving
	s.leaving = slices.DeleteFunc(s.leaving, func(v *leaving) bool {
		if v.seen == nil || !s.past(v.seen) {
			return false
		}
		ripe = append(ripe, v)
		return true
	})
	return ripe
}

func (s *Shard) past(seen []uint64) bool {
	for i, p := range s.b.shards {
		if p != s && seen[i]&1 == 1 && p.busy.Load() == seen[i] {
			return false
		}
	}
	return true
}

// unsubscribeLeft ends what ripe found.
func (s *Shard) unsubscribeLeft(ripe []*leaving) {
	for _, v := range ripe {
		for i := range v.filters {
			s.unindex(v.sub, v.filters[i].Filter)
		}
		s.post(v.sub.owner.Load(), &settled{v.sub})
	}
	if len(s.leaving) > 0 && !s.grace.Armed() {
		s.wheel.Arm(&s.grace.Timer, &s.grace, s.now()+1)
	}
}

// grace looks again at sessions whose grace period was not over: another loop
// was in the middle of a long step.
type grace struct {
	wheel.Timer
	shard *Shard
}

// Expire implements wheel.Expirer.
func (g *grace) Expire(wheel.Tick) { g.shard.box.nudge() }
