package broker

import (
	"bytes"
	"strings"
	"sync"

	"github.com/wicketmq/wicket/engine/session"
	"github.com/wicketmq/wicket/engine/wheel"
)

// retained is the store of retained messages (§3.3.1.3): a tree of topic
// levels under one lock, shared by all shards. Readers walk it in steps, with
// a cursor that survives what changes in between.
type retained struct {
	mu          sync.RWMutex
	root        level
	count       int
	bytes       int64
	maxMessages int
	maxBytes    int64
}

// level is one topic level. Its children form a list, newest first, and once
// there are many a map as well. A level that has been unlinked keeps its next,
// so that a cursor that stands on it finds its way back.
type level struct {
	name       string
	parent     *level
	first      *level // children
	next, prev *level // siblings
	byName     map[string]*level
	children   int
	msg        *session.Message
}

// mapFrom is the number of children from which on a level keeps a map.
const mapFrom = 9

func (r *retained) init(messages int, bytes int64) { r.maxMessages, r.maxBytes = messages, bytes }

func (r *retained) size() (count int, bytes int64) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.count, r.bytes
}

// set makes m the retained message of its topic [MQTT-3.3.1-5]. It reports
// false when the store is full.
func (r *retained) set(m *session.Message) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.find(m.Topic)
	more, grow := 1, int64(m.Size())
	if l != nil && l.msg != nil {
		more, grow = 0, grow-int64(l.msg.Size())
	}
	if r.count+more > r.maxMessages || r.bytes+grow > r.maxBytes {
		return false
	}
	if l == nil {
		l = r.make(m.Topic)
	}
	l.msg = m
	r.count += more
	r.bytes += grow
	return true
}

// clear removes the retained message of a topic [MQTT-3.3.1-6].
func (r *retained) clear(topic []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.find(topic); l != nil && l.msg != nil {
		r.drop(l)
	}
}

// expire removes m if it still is the retained message of its topic.
func (r *retained) expire(m *session.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.find(m.Topic); l != nil && l.msg == m {
		r.drop(l)
	}
}

func (r *retained) drop(l *level) {
	r.count--
	r.bytes -= int64(l.msg.Size())
	l.msg = nil
	for l.msg == nil && l.first == nil && l.parent != nil {
		up := l.parent
		up.unlink(l)
		l = up
	}
}

func (r *retained) find(topic []byte) *level {
	l := &r.root
	for more := true; more && l != nil; {
		var name []byte
		name, topic, more = bytes.Cut(topic, slash)
		l = l.child(name)
	}
	return l
}

func (r *retained) make(topic []byte) *level {
	l := &r.root
	for more := true; more; {
		var name []byte
		name, topic, more = bytes.Cut(topic, slash)
		next := l.child(name)
		if next == nil {
			next = l.link(string(name))
		}
		l = next
	}
	return l
}

var slash = []byte{'/'}

func (l *level) child(name []byte) *level {
	if l.byName != nil {
		return l.byName[string(name)]
	}
	for k := l.first; k != nil; k = k.next {
		if k.name == string(name) {
			return k
		}
	}
	return nil
}

func (l *level) link(name string) *level {
	k := &level{name: name, parent: l, next: l.first}
	if l.first != nil {
		l.first.prev = k
	}
	l.first = k
	l.children++
	switch {
	case l.byName != nil:
		l.byName[name] = k
	case l.children >= mapFrom:
		l.byName = make(map[string]*level, 2*mapFrom)
		for k := l.first; k != nil; k = k.next {
			l.byName[k.name] = k
		}
	}
	return k
}

func (l *level) unlink(k *level) {
	if k.prev != nil {
		k.prev.next = k.next
	} else {
		l.first = k.next
	}
	if k.next != nil {
		k.next.prev = k.prev
	}
	delete(l.byName, k.name)
	l.children--
	k.parent = nil
}

// cursor walks the messages that match one filter. The walk may be
// interrupted at any point, and the store may change meanwhile: a message that
// was there all the time is seen once; one that came or went may be missed.
type cursor struct {
	filter []string // levels
	stack  []place
	all    bool // wildcards match names that start with $ too
}

// place is a level to visit, with the number of filter levels that lead to
// it; siblings says that those after it are to be visited too.
type place struct {
	level    *level
	depth    int
	siblings bool
}

func (r *retained) cursor(filter string) cursor {
	return cursor{filter: strings.Split(filter, "/"), stack: []place{{level: &r.root}}}
}

// walkStep is the number of levels looked at under one hold of the lock.
const walkStep = 512

// walk appends messages to found, up to its capacity, and reports whether
// there may be more.
func (r *retained) walk(c *cursor, found []*session.Message) ([]*session.Message, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for range walkStep {
		n := len(c.stack)
		if n == 0 || len(found) == cap(found) {
			break
		}
		top := &c.stack[n-1]
		l, depth := top.level, top.depth
		if top.siblings && l.next != nil {
			top.level = l.next
		} else {
			c.stack = c.stack[:n-1]
		}
		if m := c.visit(l, depth); m != nil {
			found = append(found, m)
		}
	}
	return found, len(c.stack) > 0
}

// visit returns the level's message if the filter matches it, and pushes what
// is to be visited below.
func (c *cursor) visit(l *level, depth int) *session.Message {
	if depth > 0 && l.parent == nil { // unlinked meanwhile
		return nil
	}
	if depth == 1 && !c.all && l.name != "" && l.name[0] == '$' && c.filter[0] != l.name {
		return nil // [MQTT-4.7.2-1]
	}
	if depth >= len(c.filter) && c.filter[len(c.filter)-1] != "#" {
		return l.msg
	}
	at := min(depth, len(c.filter)-1)
	switch c.filter[at] {
	case "#":
		c.push(l.first, depth+1, true)
		return l.msg // "a/#" matches "a"
	case "+":
		c.push(l.first, depth+1, true)
	default:
		c.push(l.child([]byte(c.filter[at])), depth+1, false)
	}
	return nil
}

func (c *cursor) push(l *level, depth int, siblings bool) {
	if l != nil {
		c.stack = append(c.stack, place{l, depth, siblings})
	}
}

// retain stores or clears a message published with the retain flag.
func (s *Shard) retain(x *cast) {
	r := &s.b.retained
	if len(x.p.Payload) == 0 {
		r.clear(x.p.Topic) // [MQTT-3.3.1-6], [MQTT-3.3.1-7]
		return
	}
	if !r.set(s.message(x)) {
		s.tally.add(cRetainedRefused, 1)
	}
}

// sweep is the walk that finds expired retained messages nobody asks for.
type sweep struct {
	wheel.Timer
	shard  *Shard
	cursor cursor
}

// The sweep looks at sweepSteps times walkStep levels, a fraction of a
// millisecond, then rests: a million topics are looked at in four minutes.
const (
	sweepSteps = 8
	sweepEvery = wheel.PerSecond
)

func (w *sweep) start(s *Shard) {
	w.shard = s
	s.wheel.Arm(&w.Timer, w, s.now()+sweepEvery)
}

// Expire implements wheel.Expirer.
func (w *sweep) Expire(now wheel.Tick) {
	defer w.shard.recovered("retained sweep")
	defer w.start(w.shard)
	r := &w.shard.b.retained
	if len(w.cursor.stack) == 0 {
		w.cursor = r.sweepCursor()
	}
	var buf [walkStep]*session.Message
	for more, n := true, 0; more && n < sweepSteps; n++ {
		var found []*session.Message
		found, more = r.walk(&w.cursor, buf[:0])
		for _, m := range found {
			if session.Expired(m.ExpireAt, now) {
				r.expire(m)
				w.shard.tally.add(cExpired, 1)
			}
		}
	}
}

// sweepCursor visits everything, names that start with $ included.
func (r *retained) sweepCursor() cursor {
	return cursor{filter: []string{"#"}, stack: []place{{level: &r.root}}, all: true}
}
