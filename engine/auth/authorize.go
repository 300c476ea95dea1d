package auth

import (
	"fmt"
	"time"
)

// Authorized is the answer of Gate.Authorize.
type Authorized struct {
	// Decisions holds Allow or Deny for every item of the access.
	Decisions []Decision

	// Decider is who decided last, for logs; empty when nobody had an opinion.
	Decider string

	// Err is what the operator should see of a fault. The items concerned are
	// denied and not remembered.
	Err error

	access *Access
	ttl    []time.Duration // per item; 0 = not to be remembered
	given  []given         // rules that deciders have answered with
	asked  int             // deciders of the chain before this one were asked
	gate   *Gate
	epoch  uint32
}

// Authorize answers an access on the session's loop: what the grant's rules
// and cache say, and for the items they leave open (Ask) what the chain says.
// done is called exactly once, on any goroutine, possibly before Authorize
// returns. The loop passes the answer to [Grant.Remember] before it acts on
// it; acc must not change until then. Item.Topic of a shared subscription is
// the filter inside of it.
//
// Deciders are asked in order, each for the items still open; the first answer
// other than Next decides an item, and NoMatch what is left. A Next with Rules
// decides by these, and the session remembers them: see [Verdict.Rules].
func (g *Gate) Authorize(grant *Grant, acc *Access, done func(Authorized)) {
	g.asked.Add(1)
	q := &question{gate: g, done: done}
	q.result = Authorized{
		Decisions: make([]Decision, len(acc.Items)),
		ttl:       make([]time.Duration, len(acc.Items)),
		access:    acc,
		gate:      g,
	}
	if grant != nil {
		q.result.epoch = grant.epoch
	}
	for i := range acc.Items {
		answer := grant.checkItem(acc.Action, &acc.Items[i])
		q.result.Decisions[i] = Decision(answer)
		if answer == Ask {
			q.open = append(q.open, i)
		}
	}
	q.ask(0)
}

// Remember stores what the chain decided in the session's cache. It is called
// on the session's loop. An answer from before [Grant.Forget], or from another
// gate than the grant's, is dropped: then it reports false.
func (g *Grant) Remember(a Authorized) bool {
	switch {
	case g == nil || a.gate != g.gate || a.epoch != g.epoch:
		return false
	case g.shared:
		return true
	}
	g.keep(&a)
	if g.gate.cacheSize < 0 {
		return true
	}
	now := g.gate.clock()
	for i, ttl := range a.ttl {
		if ttl <= 0 {
			continue
		}
		if g.cache == nil {
			g.cache = new(cache)
		}
		item := &a.access.Items[i]
		g.cache.put(kindOf(a.access.Action, item.QoS, item.Retain), item.asSent(),
			a.Decisions[i], now.UnixMilli(), now.Add(ttl).UnixMilli(), g.gate.cacheSize)
	}
	return true
}

func (g *Grant) checkItem(action Action, it *Item) Answer {
	return g.Check(action, []byte(it.asSent()), it.QoS, it.Retain)
}

// asSent returns the topic as the client wrote it.
func (it *Item) asSent() string {
	if it.Share == "" {
		return it.Topic
	}
	return "$share/" + it.Share + "/" + it.Topic
}

// question is an access on its way through the chain.
type question struct {
	gate   *Gate
	done   func(Authorized)
	result Authorized
	open   []int // items without a decision
}

// ask puts the open items to the deciders from the i-th on, until all are
// decided or a decider has to be waited for.
func (q *question) ask(i int) {
	for ; i < len(q.gate.chain) && len(q.open) > 0; i++ {
		l := &q.gate.chain[i]
		if !l.hears[Authorization] {
			continue
		}
		acc := q.remaining()
		q.result.asked = i + 1
		ans, ok := ask(l.name,
			func(done func(Verdict)) { l.decider.Authorize(acc, done) },
			func(ans answer) {
				q.settle(i, ans)
				q.ask(i + 1)
			})
		if !ok {
			return
		}
		q.settle(i, ans)
	}
	for _, i := range q.open {
		q.decide(i, q.gate.noMatch, 0)
	}
	q.gate.answered.Add(1)
	q.done(q.result)
}

// remaining is the access with the items that are still open.
func (q *question) remaining() *Access {
	whole := q.result.access
	if len(q.open) == len(whole.Items) {
		return whole
	}
	acc := *whole
	acc.Items = make([]Item, len(q.open))
	for n, i := range q.open {
		acc.Items[n] = whole.Items[i]
	}
	return &acc
}

// settle takes a decider's answer for the open items, and keeps open those it
// has no opinion on.
func (q *question) settle(at int, ans answer) {
	l := &q.gate.chain[at]
	v, fault := ans.verdict, ans.fault
	if fault == nil && len(v.Items) != 0 && len(v.Items) != len(q.open) {
		fault = fmt.Errorf("decider %q gave %d decisions for %d items", l.name, len(v.Items), len(q.open))
	}
	var rules *given
	if fault == nil && v.Decision == Next && len(v.Rules) != 0 {
		rules, fault = q.give(at, &v)
	}
	if fault != nil {
		v = Verdict{Decision: Deny, TTL: -1}
		q.result.Err = fault
	}
	left := q.open[:0]
	for n, i := range q.open {
		d, ttl := v.Decision, v.TTL
		switch {
		case rules != nil:
			d = rules.decide(q.result.access, i)
			if rules.until != 0 { // the rules themselves are remembered
				ttl = -1
			}
		case len(v.Items) != 0:
			d = v.Items[n]
		}
		if d == Next {
			left = append(left, i)
			continue
		}
		q.decide(i, d, ttl)
		q.result.Decider = l.name
	}
	q.open = left
}

// decide records a decision and how long it may be remembered: an allowed one
// for as long as the decider says, a denied one never longer than NegativeTTL.
func (q *question) decide(i int, d Decision, ttl time.Duration) {
	limit := q.gate.denyTTL
	if q.gate.uncached(&q.result.access.Items[i]) {
		ttl = -1
	}
	if d == Allow {
		limit = maxTTL
		ttl = or(ttl, q.gate.allowTTL)
	} else {
		d = Deny
		ttl = or(ttl, q.gate.denyTTL)
	}
	q.result.Decisions[i] = d
	q.result.ttl[i] = min(ttl, limit)
}
