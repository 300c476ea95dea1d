package broker

import "github.com/wicketmq/wicket/engine/wheel"

// backlog makes publishers wait for shards that are behind: messages with QoS
// 1 and 2 are never dropped on their way to another loop, so whoever fills a
// mailbox faster than its loop empties it stops being read until it is emptied.
type backlog struct {
	wheel.Timer
	shard   *Shard
	waiting []*respite
	full    bool // a mailbox was found above the mark
}

// respite is the job of a publisher that has to wait.
type respite struct{ client *Client }

func (r *respite) drop() { r.client = nil }

// hold makes c wait if its last message has found a full mailbox.
func (b *backlog) hold(c *Client) {
	if !b.full {
		return
	}
	if c.state == live && c.job == nil {
		r := &respite{c}
		c.job = r
		c.link.Pause()
		b.waiting = append(b.waiting, r)
		b.shard.wheel.Arm(&b.Timer, b, b.shard.now()+1)
	}
	b.full = false
}

// Expire implements wheel.Expirer: everybody may go on. Who still finds a full
// mailbox waits again.
func (b *backlog) Expire(now wheel.Tick) {
	waiting := b.waiting
	b.waiting = nil
	for _, r := range waiting {
		if c := r.client; c != nil {
			c.job = nil
			c.seen = now
			c.link.Resume()
		}
	}
}
