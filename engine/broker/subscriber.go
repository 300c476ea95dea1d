package broker

import (
	"sync/atomic"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/session"
	"github.com/wicketmq/wicket/engine/topic"
	"github.com/wicketmq/wicket/engine/wheel"
)

// subscriber is a session with its place in the broker: the shard that owns
// it and the client it has now. It is what the subscription index holds.
//
// Only the loop of the owner touches it, but for the atomic fields. Ownership
// passes from one loop to another as takeover.go describes.
type subscriber struct {
	session.Session
	owner  atomic.Pointer[Shard]
	client *Client     // nil while offline
	grant  *auth.Grant // while connected
	gate   *auth.Gate  // the one grant is bound to
	who    *identity   // nil when the client id is all there is
	will   *will       // nil when there is none
	away   *away       // timers of an offline session; nil when it needs none
	move   *move       // a change of owner under way
	hit    uint32      // where gather has put it, if it has
	life   atomic.Uint32
}

// The lives of a session; other shards may read them.
const (
	offline uint32 = iota
	online         // it has a client
	ended          // no longer a session: look the client id up again
)

func (sub *subscriber) online() bool { return sub.life.Load() == online }
func (sub *subscriber) ended() bool  { return sub.life.Load() == ended }

func newSubscriber(id string, s *Shard) *subscriber {
	sub := new(subscriber)
	sub.ClientID = id
	sub.owner.Store(s)
	return sub
}

// connect makes c the client of the session.
func (sub *subscriber) connect(s *Shard, c *Client) {
	sub.stay(s)
	sub.client = c
	sub.life.Store(online)
}

// stay disarms the timers of an offline session.
func (sub *subscriber) stay(s *Shard) {
	if sub.away != nil {
		s.wheel.Disarm(&sub.away.Timer)
		sub.away = nil
	}
}

// depart takes the client from the session: its network connection is gone or
// is being closed. The will goes out now or after its delay, and the session
// ends now, after its expiry interval, or never.
func (s *Shard) depart(sub *subscriber) {
	sub.client = nil
	sub.grant = nil
	sub.life.Store(offline)
	if sub.Expiry == 0 {
		s.end(sub)
		return
	}
	if sub.will != nil && sub.will.delay == 0 {
		s.publishWill(sub)
	}
	s.wait(sub)
}

// wait arms the timer of an offline session for whatever comes first: its
// will or its end.
func (s *Shard) wait(sub *subscriber) {
	a := &away{sub: sub}
	if sub.Expiry != session.NeverExpires {
		a.endAt = session.After(s.now(), sub.Expiry)
	}
	if sub.will != nil {
		a.willAt = session.After(s.now(), sub.will.delay)
	}
	if a.endAt == 0 && a.willAt == 0 {
		return
	}
	sub.away = a
	a.arm(s)
}

// away is the timer of an offline session.
type away struct {
	wheel.Timer
	sub    *subscriber
	endAt  wheel.Tick // 0 = never
	willAt wheel.Tick // 0 = no will waits
}

func (a *away) arm(s *Shard) {
	at := a.endAt
	if a.willAt != 0 && (at == 0 || a.willAt < at) {
		at = a.willAt
	}
	if at != 0 {
		s.wheel.Arm(&a.Timer, a, at)
	}
}

// Expire implements wheel.Expirer.
func (a *away) Expire(now wheel.Tick) {
	s := a.sub.owner.Load()
	defer s.recovered("session timer")
	if a.endAt != 0 && a.endAt <= now {
		s.end(a.sub)
		return
	}
	if a.willAt != 0 && a.willAt <= now {
		a.willAt = 0
		s.publishWill(a.sub)
	}
	a.arm(s)
}

// end ends a session: its will is published [MQTT-3.1.2-8], its subscriptions
// and messages are gone, its client id is free.
func (s *Shard) end(sub *subscriber) {
	sub.stay(s)
	s.publishWill(sub)
	for x := range sub.Subs.All() {
		s.unindex(sub, x.Filter)
	}
	sub.Clear(&s.pool)
	s.b.registry.remove(sub)
	sub.life.Store(ended) // after that: who sees it finds the client id free
	if m := sub.move; m != nil {
		sub.move = nil
		m.release(s)
	}
}

// index makes a subscription known to all shards. It reports whether the
// subscription is new.
func (s *Shard) index(sub *subscriber, x *session.Subscription) (fresh bool) {
	entry := topic.Sub[*subscriber]{
		Subscriber: sub,
		ID:         x.ID,
		Options:    topic.NewOptions(x.QoS, x.NoLocal, x.RetainAsPublished, 0),
	}
	if share, inner, ok := topic.SplitShared(x.Filter); ok {
		return !s.b.index.SubscribeShared(s.id, share, inner, entry)
	}
	return !s.b.index.Subscribe(s.id, x.Filter, entry)
}

func (s *Shard) unindex(sub *subscriber, filter string) {
	if share, inner, ok := topic.SplitShared(filter); ok {
		s.b.index.UnsubscribeShared(s.id, share, inner, sub)
		return
	}
	s.b.index.Unsubscribe(s.id, filter, sub)
}
