package auth

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wicketmq/wicket/engine/topic"
)

// given are the rules that a decider has answered a question about topics
// with. The session tries them before it asks that decider again.
type given struct {
	acl   *acl
	rest  Decision // what no rule matches; Next leaves it to the rest of the chain
	at    int      // the decider's place in the chain; -1 = in that of an earlier gate
	until int64    // Unix milliseconds; from then on they only forbid (see MayReceive)
}

// give compiles the rules of an answer for the client that the question is
// about. Only those of the first decider that is asked about topics answer
// later questions: before others somebody else has to be heard.
func (q *question) give(at int, v *Verdict) (*given, error) {
	g, acc := q.gate, q.result.access
	if v.Default > Next || len(v.Items) != 0 {
		return nil, fmt.Errorf("decider %q gave rules together with a default of %d and %d decisions", g.chain[at].name, v.Default, len(v.Items))
	}
	rules, err := compile(v.Rules, &Identity{acc.ClientID, acc.Username, acc.CommonName, acc.Attributes})
	if err != nil {
		return nil, fmt.Errorf("answer of %q: %w", g.chain[at].name, err)
	}
	out := given{acl: rules, rest: v.Default, at: at}
	if ttl := min(or(v.TTL, g.allowTTL), maxTTL); ttl > 0 && at == g.first && g.cacheSize >= 0 {
		out.until = g.clock().Add(ttl).UnixMilli()
	}
	q.result.given = append(q.result.given, out)
	return &out, nil
}

// decide says what the rules make of one item of an access.
func (g *given) decide(acc *Access, i int) Decision {
	it := &acc.Items[i]
	return g.answer(kindOf(acc.Action, it.QoS, it.Retain), []byte(it.Topic))
}

func (g *given) answer(k kind, name []byte) Decision {
	if g.acl != nil {
		if found, permit := g.acl.match(k, name); found {
			return Decision(answerOf(permit))
		}
	}
	return g.rest
}

// keep takes over the rules of an answer, in place of those that the deciders
// asked have given before.
func (g *Grant) keep(a *Authorized) {
	if a.asked == 0 || len(g.given) == 0 && len(a.given) == 0 {
		return
	}
	left := slices.DeleteFunc(slices.Clone(g.given), func(old given) bool { return old.at < a.asked })
	g.given = append(left, a.given...)
	slices.SortFunc(g.given, func(a, b given) int { return cmp.Compare(a.at, b.at) })
}

// stale makes rules that were given count for nothing but what they forbid.
func (g *Grant) stale(at func(given) int) []given {
	out := slices.Clone(g.given)
	for i := range out {
		out[i].until, out[i].at = 0, at(out[i])
	}
	return out
}

// lookupGiven answers an access by the rules that are remembered, or Ask.
func (g *Grant) lookupGiven(k kind, name []byte) Answer {
	for i := range g.given {
		if r := &g.given[i]; r.until != 0 && g.gate.clock().UnixMilli() < r.until {
			return Answer(r.answer(k, name))
		}
	}
	return Ask
}

// givenForbids says whether rules that were given forbid to receive a message.
func (g *Grant) givenForbids(k kind, name []byte) bool {
	for i := range g.given {
		if r := g.given[i].acl; r != nil && r.forbids {
			if found, permit := r.match(k, name); found {
				return !permit
			}
		}
	}
	return false
}

// uncached says whether the answer about a topic must not be remembered.
func (g *Gate) uncached(it *Item) bool {
	return slices.ContainsFunc(g.excludes, func(f string) bool { return topic.Covers(f, it.Topic) })
}
