package broker

import (
	"log/slog"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/session"
	"github.com/wicketmq/wicket/engine/topic"
)

// Subscriptions are judged when they are made, and once more in two cases: when
// permissions have changed ([Broker.Rejudge], spec AUTHZ-13), and when a client
// comes back to a session that has some, for it may come with other rights, or
// as another user. One that is not permitted any more is taken out. MQTT has no
// way to say so: a client that is connected is disconnected with Not authorized,
// so that it subscribes again and hears it then.

// Forget drops the decisions about topics that the session of a client id, or
// every session when it is empty, remembers. It may be called from any
// goroutine; false means that there is no such session.
func (b *Broker) Forget(clientID string) bool { return b.visit(clientID, (*Shard).forget) }

// Rejudge is Forget, and asks besides whether the sessions may keep their
// subscriptions. Those of clients that are away are looked at when they return.
func (b *Broker) Rejudge(clientID string) bool { return b.visit(clientID, (*Shard).rejudge) }

func (b *Broker) visit(clientID string, do func(*Shard, *subscriber)) bool {
	rounds := make([]*round, len(b.shards))
	subs := b.registry.all(clientID)
	for _, sub := range subs {
		id := sub.owner.Load().id
		if rounds[id] == nil {
			rounds[id] = &round{do: do}
		}
		rounds[id].subs = append(rounds[id].subs, sub)
	}
	for id, r := range rounds {
		if r != nil {
			b.shards[id].box.post(r)
		}
	}
	return len(subs) > 0
}

// round is a visit to sessions of a shard, in small steps.
type round struct {
	subs []*subscriber
	do   func(*Shard, *subscriber)
}

// roundStep is the number of sessions visited in one step of the loop.
const roundStep = 32

// open implements letter. A session that has moved on is followed.
func (l *round) open(s *Shard) {
	for n := 0; n < roundStep && len(l.subs) > 0; n++ {
		sub := l.subs[0]
		l.subs = l.subs[1:]
		if owner := sub.owner.Load(); owner != s {
			s.post(owner, &round{[]*subscriber{sub}, l.do})
			continue
		}
		if c := sub.client; c != nil {
			func() {
				defer c.guard("change of permissions")
				l.do(s, sub)
			}()
		}
	}
	if len(l.subs) > 0 {
		s.post(s, l)
	}
}

func (s *Shard) forget(sub *subscriber) { sub.grant.Forget() }

func (s *Shard) rejudge(sub *subscriber) {
	if g := s.b.opt.Gate(); g != sub.gate {
		sub.adopt(g)
	} else {
		sub.grant.Forget()
	}
	s.judge(sub)
}

// judgeResumed judges the subscriptions that a client finds in its session.
// Until that is over nothing is sent to it; true means that it is.
func (s *Shard) judgeResumed(sub *subscriber) bool {
	if sub.Subs.Len() == 0 {
		return true
	}
	sub.Judged = true
	s.judge(sub)
	return sub.client != nil && !sub.Judged
}

// judge asks whether the session of a live client may keep its subscriptions.
func (s *Shard) judge(sub *subscriber) {
	j := &judgement{shard: s, sub: sub, client: sub.client, grant: sub.grant}
	for x := range sub.Subs.All() {
		j.left = append(j.left, x)
	}
	j.next()
}

// judgement is a look at the subscriptions of a session that is under way.
type judgement struct {
	shard  *Shard
	sub    *subscriber
	client *Client
	grant  *auth.Grant // another one means that the answers are out of date
	left   []session.Subscription
	asked  []session.Subscription
	lost   []session.Subscription
	result auth.Authorized
	answer *turn
}

// judgeStep is the number of filters in one question to the chain.
const judgeStep = 256

// next judges what is left: the answer to one question may hold rules that
// answer the others.
func (j *judgement) next() {
	c, left := j.sub.client, j.left
	j.left, j.asked = nil, nil
	for i := range left {
		x := &left[i]
		switch c.check(auth.Subscribe, []byte(x.Filter), x.QoS, false) {
		case auth.Denied:
			j.lost = append(j.lost, *x)
		case auth.Ask:
			j.asked = append(j.asked, *x)
		}
	}
	if j.sub.grant != j.grant { // a reload has come between
		j.shard.judge(j.sub)
		return
	}
	if len(j.asked) == 0 {
		j.end()
		return
	}
	if len(j.asked) > judgeStep {
		j.asked, j.left = j.asked[:judgeStep], j.asked[judgeStep:]
	}
	j.ask(c)
}

func (j *judgement) ask(c *Client) {
	items := make([]auth.Item, 0, len(j.asked))
	for i := range j.asked {
		share, inner, _ := topic.SplitShared(j.asked[i].Filter)
		items = append(items, auth.Item{Topic: inner, Share: share, QoS: j.asked[i].QoS})
	}
	answer := new(turn)
	j.answer = answer
	j.sub.gate.Authorize(j.grant, c.access(auth.Subscribe, items...), func(a auth.Authorized) {
		j.result = a
		if answer.late() {
			j.shard.box.post(j)
		}
	})
	if !answer.waits() {
		j.decided()
	}
}

// open implements letter: the answer has come from another goroutine.
func (j *judgement) open(*Shard) {
	if j.sub.owner.Load() != j.shard { // it has moved on, and is judged there
		return
	}
	if c := j.sub.client; c != nil {
		defer c.guard("change of permissions")
		j.decided()
	}
}

func (j *judgement) decided() {
	switch {
	case j.sub.client != j.client: // which is judged by itself
		return
	case j.sub.grant != j.grant: // a reload has come between
		j.shard.judge(j.sub)
		return
	}
	j.grant.Remember(j.result)
	for i := range j.asked {
		if !permits(&j.result, i) {
			j.lost = append(j.lost, j.asked[i])
		}
	}
	j.next()
}

// end takes the subscriptions out that are not permitted.
func (j *judgement) end() {
	s, sub, c := j.shard, j.sub, j.sub.client
	resumed, gone := sub.Judged, 0
	told := unsubscribed{gate: c.observed(auth.EventUnsubscribed)}
	sub.Judged = false
	for i := range j.lost {
		filter := j.lost[i].Filter
		if _, ok := sub.Subs.Remove([]byte(filter)); !ok { // it has unsubscribed meanwhile
			continue
		}
		gone++
		s.unindex(sub, filter)
		c.stopReplay(filter)
		s.tally.add(cDenied, 1)
		sub.Bereft = true
		told.add(filter, j.lost[i].QoS)
		if c.logs(slog.LevelInfo) {
			c.log(slog.LevelInfo, "subscription is not permitted any more", slog.String("filter", filter))
		}
	}
	told.tell(c)
	switch {
	case gone > 0 && !resumed:
		c.disconnect(mqtt.NotAuthorized, "subscription not permitted any more")
	case resumed:
		c.pump()
	}
}

// wants says whether a message that has waited is still one that the session is
// subscribed to. It is asked only of sessions that have lost subscriptions.
func (sub *subscriber) wants(name []byte) bool {
	if !sub.Bereft {
		return true
	}
	for x := range sub.Subs.All() {
		_, inner, _ := topic.SplitShared(x.Filter)
		if topic.Match(inner, name) {
			return true
		}
	}
	return false
}
