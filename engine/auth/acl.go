package auth

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math/bits"
	"strings"
	"unicode/utf8"

	"github.com/wicketmq/wicket/engine/topic"
)

// Bounds of the rules of one session.
const (
	maxRules    = 10_000
	maxRuleText = 1 << 20 // bytes of filters after expansion
)

// indexFrom is the number of rules from which an index pays; below it, a scan
// is as fast and needs no memory.
const indexFrom = 12

// kind is a set of kinds of access: one bit for each combination of action,
// QoS and retain flag. An access has one bit, a rule those that it speaks of.
type kind uint16

const (
	publishKinds   kind = 0x03F // bit QoS, and bit 3+QoS with the retain flag
	subscribeKinds kind = 0x1C0 // bit 6+QoS
	retainedKinds  kind = 0x038
)

// kindOf returns the bit of an access, or 0 when there is no such access.
func kindOf(action Action, qos byte, retain bool) kind {
	switch {
	case qos > 2:
		return 0
	case action == Subscribe:
		return 1 << (6 + qos)
	case action != Publish:
		return 0
	case retain:
		return 1 << (3 + qos)
	}
	return 1 << qos
}

// kinds returns what the rule speaks of.
func (r *Rule) kinds() kind {
	var k kind
	if r.Actions&Publish != 0 {
		k |= publishKinds
	}
	if r.Actions&Subscribe != 0 {
		k |= subscribeKinds
	}
	switch r.Retain {
	case RetainOnly:
		k &^= publishKinds &^ retainedKinds
	case RetainNever:
		k &^= retainedKinds
	}
	if r.QoS != 0 {
		q := kind(r.QoS)
		k &= q | q<<3 | q<<6
	}
	return k
}

// seed makes the places of a hash table unknown to clients.
var seed = maphash.MakeSeed()

// shape is how a compiled filter is compared.
type shape uint8

const (
	literal shape = iota // byte for byte
	tail                 // a literal prefix, then "/#"
	mixed                // a literal prefix, then levels with wildcards
	leading              // the first level is a wildcard
	unknown              // not compiled yet
)

// rule is a compiled Rule.
type rule struct {
	filter string
	kinds  kind
	prefix uint16 // bytes of filter before the "/" of the first wildcard level
	next   uint16 // the next rule with the same prefix, in order
	shape  shape
	permit bool
}

// none ends a list of rules.
const none = 0xFFFF

// acl is an ordered list of rules: the first that covers an access decides.
// With many rules it also holds them by their literal prefix, so that only
// those are looked at whose prefix is one of the topic's. It is immutable.
type acl struct {
	rules   []rule
	index   []uint16 // hash table: the first rule of each prefix; nil with few rules
	loose   uint16   // first rule that the table does not hold
	longest uint16   // bytes of the longest prefix in the table
	depths  uint64   // bit n: some prefix in the table has n+1 levels
	forbids bool     // some rule denies a Subscribe
}

// match finds the first rule that covers the access. For a Subscribe name is a
// filter, and a rule covers it when it matches every topic that name does.
func (a *acl) match(k kind, name []byte) (found, permit bool) {
	if a.index != nil {
		return a.search(k, name)
	}
	for i := range a.rules {
		r := &a.rules[i]
		if r.kinds&k != 0 && r.covers(name) {
			return true, r.permit
		}
	}
	return false, false
}

// permits says whether the first rule that covers the access permits it.
func (a *acl) permits(k kind, name []byte) bool {
	if a == nil {
		return false
	}
	_, permit := a.match(k, name)
	return permit
}

// search looks up the prefixes of name, shortest first, and keeps the earliest
// rule.
func (a *acl) search(k kind, name []byte) (found, permit bool) {
	best := a.first(a.loose, none, k, name)
	for depths, end := a.depths, 0; depths != 0; depths, end = depths>>1, end+1 {
		i := bytes.IndexByte(name[end:], '/')
		if i < 0 {
			i = len(name) - end
		}
		if end += i; end > int(a.longest) {
			break
		}
		if depths&1 != 0 {
			best = a.first(a.index[a.place(name[:end])], best, k, name)
		}
		if end == len(name) {
			break
		}
	}
	if best == none {
		return false, false
	}
	return true, a.rules[best].permit
}

// first returns the first rule of the list at i that covers the access, or
// best when that comes before it.
func (a *acl) first(i, best uint16, k kind, name []byte) uint16 {
	for ; i < best; i = a.rules[i].next {
		r := &a.rules[i]
		if r.kinds&k != 0 && r.covers(name) {
			return i
		}
	}
	return best
}

// covers says whether the rule's filter matches every topic that name matches.
func (r *rule) covers(name []byte) bool {
	switch p := int(r.prefix); r.shape {
	case literal:
		return string(name) == r.filter
	case tail:
		return len(name) >= p && string(name[:p]) == r.filter[:p] && (len(name) == p || name[p] == '/')
	case mixed:
		return len(name) > p && name[p] == '/' && string(name[:p]) == r.filter[:p] &&
			topic.Covers(r.filter, name)
	}
	return topic.Covers(r.filter, name)
}

// compile checks the rules and expands their placeholders for one client. It
// returns nil for no rules. Nothing of the rules is kept: the filters of a
// session are one string.
func compile(rules []Rule, who *Identity) (*acl, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	if len(rules) > maxRules {
		return nil, fmt.Errorf("%d rules: at most %d", len(rules), maxRules)
	}
	var (
		fewBytes [1024]byte
		fewEnds  [32]int
		text     = fewBytes[:0]
		ends     = fewEnds[:0]
		a        = &acl{rules: make([]rule, 0, len(rules)), loose: none}
	)
	for i := range rules {
		r := &rules[i]
		longer, ok, err := r.expand(text, who)
		if err == nil && len(longer) > maxRuleText {
			err = fmt.Errorf("more than %d bytes of filters", maxRuleText)
		}
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		if ok {
			a.add(r)
			text, ends = longer, append(ends, len(longer))
		}
	}
	a.setFilters(string(text), ends)
	a.buildIndex()
	return a, nil
}

// check looks for what cannot have been meant.
func (r *Rule) check() error {
	switch {
	case r.Actions == 0 || r.Actions&^(Publish|Subscribe) != 0:
		return fmt.Errorf("unknown action %#x", uint8(r.Actions))
	case r.QoS > 7:
		return fmt.Errorf("unknown QoS set %#x", r.QoS)
	case r.Retain > RetainNever:
		return fmt.Errorf("unknown retain restriction %d", r.Retain)
	}
	return checkFilter(r.Filter)
}

// checkFilter refuses what is not a topic filter (§4.7.1), and a shared
// subscription's: rules speak of the filter inside of it.
func checkFilter(f string) error {
	if err := topic.ValidFilter(f); err != nil {
		return fmt.Errorf("filter %q: %w", clip(f), err)
	}
	if !utf8.ValidString(f) {
		return fmt.Errorf("filter %q is not UTF-8 [MQTT-1.5.4-1]", clip(f))
	}
	if _, _, shared := topic.SplitShared(f); shared {
		return fmt.Errorf("filter %q: rules apply to the filter inside of a shared subscription", clip(f))
	}
	return nil
}

// add appends a rule; its filter comes later.
func (a *acl) add(r *Rule) {
	c := rule{kinds: r.kinds(), shape: unknown, permit: r.Permit, next: none}
	if r.Exact {
		c.shape = literal
	}
	a.forbids = a.forbids || !c.permit && c.kinds&subscribeKinds != 0
	a.rules = append(a.rules, c)
}

// setFilters gives every rule its part of the text.
func (a *acl) setFilters(text string, ends []int) {
	start := 0
	for i, end := range ends {
		r := &a.rules[i]
		r.filter, start = text[start:end], end
		if r.shape == literal {
			r.prefix = uint16(len(r.filter))
		} else {
			r.shape, r.prefix = shapeOf(r.filter)
		}
	}
}

// shapeOf finds the first wildcard of a filter, and what follows it.
func shapeOf(filter string) (shape, uint16) {
	i := strings.IndexAny(filter, "+#")
	switch {
	case i < 0:
		return literal, uint16(len(filter))
	case i == 0:
		return leading, 0
	case filter[i] == '#':
		return tail, uint16(i - 1)
	}
	return mixed, uint16(i - 1)
}

// buildIndex links the rules by prefix, from the last to the first so that
// each list is in order. The table is at most half full. Rules without a
// prefix, and those with one of absurd depth, stay outside of it.
func (a *acl) buildIndex() {
	if len(a.rules) < indexFrom {
		return
	}
	a.index = make([]uint16, 2<<bits.Len(uint(len(a.rules)-1)))
	for i := range a.index {
		a.index[i] = none
	}
	for i := len(a.rules) - 1; i >= 0; i-- {
		r := &a.rules[i]
		prefix := r.filter[:r.prefix]
		depth := strings.Count(prefix, "/")
		head := &a.loose
		if r.shape != leading && depth < 64 {
			head = &a.index[a.place([]byte(prefix))]
			a.depths |= 1 << depth
			a.longest = max(a.longest, r.prefix)
		}
		r.next, *head = *head, uint16(i)
	}
}

// place returns where the table holds a prefix, or would.
func (a *acl) place(prefix []byte) int {
	mask := len(a.index) - 1
	for i := int(maphash.Bytes(seed, prefix)) & mask; ; i = (i + 1) & mask {
		at := a.index[i]
		if at == none {
			return i
		}
		if r := &a.rules[at]; string(prefix) == r.filter[:r.prefix] {
			return i
		}
	}
}
