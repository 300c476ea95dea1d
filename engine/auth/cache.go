package auth

import (
	"hash/maphash"
	"time"
)

// maxCachedTopic is the longest topic whose decision is remembered, so that
// the memory of a cache is bounded by its number of entries.
const maxCachedTopic = 1024 // bytes

// cache remembers the latest decisions of a session. It is small: a scan of
// the hashes is as quick as a map and needs a fraction of its memory.
type cache struct {
	hashes []uint64
	slots  []slot
	clock  uint32 // counts uses
}

// slot is one decision.
type slot struct {
	topic   string
	until   int64 // Unix milliseconds
	used    uint32
	kind    kind
	decided Decision
}

func hash(k kind, topic []byte) uint64 {
	return maphash.Bytes(seed, topic) ^ uint64(k)*0x9E3779B97F4A7C15
}

// find returns the place of a decision, or -1.
func (c *cache) find(h uint64, k kind, topic []byte) int {
	for i, have := range c.hashes {
		if have == h && c.slots[i].kind == k && string(topic) == c.slots[i].topic {
			return i
		}
	}
	return -1
}

// lookup returns the decision remembered, or Ask.
func (c *cache) lookup(k kind, topic []byte, now func() time.Time) Answer {
	i := c.find(hash(k, topic), k, topic)
	if i < 0 {
		return Ask
	}
	s := &c.slots[i]
	if now().UnixMilli() >= s.until {
		return Ask
	}
	c.clock++
	s.used = c.clock
	return Answer(s.decided)
}

// put remembers a decision, in place of an older one for the same access, an
// expired one, or the one that was not used for longest.
func (c *cache) put(k kind, topic string, d Decision, now, until int64, size int) {
	if len(topic) > maxCachedTopic || until <= now {
		return
	}
	c.clock++
	h := hash(k, []byte(topic))
	i := c.find(h, k, []byte(topic))
	if i < 0 {
		i = c.room(now, size)
	}
	c.hashes[i] = h
	c.slots[i] = slot{topic: topic, until: until, used: c.clock, kind: k, decided: d}
}

// room returns a place for another decision.
func (c *cache) room(now int64, size int) int {
	oldest := -1
	for i := range c.slots {
		s := &c.slots[i]
		if s.until <= now {
			return i
		}
		// Ages are differences, so that the counter may wrap.
		if oldest < 0 || c.clock-s.used > c.clock-c.slots[oldest].used {
			oldest = i
		}
	}
	if len(c.slots) < size {
		c.hashes = append(c.hashes, 0)
		c.slots = append(c.slots, slot{})
		return len(c.slots) - 1
	}
	return oldest
}
