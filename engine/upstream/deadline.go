package upstream

import "time"

// deadlines are the calls in flight whose time is not over, as a heap: the one
// whose time ends first is the first.
type deadlines []*call

func (d *deadlines) push(c *call) {
	*d = append(*d, c)
	c.place = int32(len(*d))
	d.up(len(*d) - 1)
}

// remove takes a call out, if it is there.
func (d *deadlines) remove(c *call) {
	at, last := int(c.place)-1, len(*d)-1
	if at < 0 {
		return
	}
	d.swap(at, last)
	(*d)[last] = nil
	*d = (*d)[:last]
	c.place = 0
	if at < last {
		d.down(at)
		d.up(at)
	}
}

func (d deadlines) swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = int32(i+1), int32(j+1)
}

func (d deadlines) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !d[i].until.Before(d[parent].until) {
			return
		}
		d.swap(i, parent)
		i = parent
	}
}

func (d deadlines) down(i int) {
	for {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(d); child++ {
			if d[child].until.Before(d[first].until) {
				first = child
			}
		}
		if first == i {
			return
		}
		d.swap(i, first)
		i = first
	}
}

// arm makes the clock ring no later than the first deadline. It is left as it is
// when it rings earlier: calls come and go by the thousand before it does.
func (u *Upstream) arm() {
	if len(u.deadlines) == 0 {
		return
	}
	if at := u.deadlines[0].until; u.rings.IsZero() || at.Before(u.rings) {
		u.rings = at
		u.clock.Reset(time.Until(at))
	}
}

// expire is called when the clock rings.
func (u *Upstream) expire() {
	var late queue
	var rest *call
	u.mu.Lock()
	u.rings = time.Time{}
	err := u.tooLate()
	for now := time.Now(); len(u.deadlines) > 0 && !u.deadlines[0].until.After(now); {
		c := u.deadlines[0]
		u.deadlines.remove(c)
		c.late = true
		if c.state != waiting {
			c.abort(errTimeout)
			continue
		}
		u.queue.remove(c)
		u.leave(c)
		late.push(c)
		if len(u.conns) == 0 && c.began.After(u.lost) { // there was none all the time: a server that does not answer SYN counts as well
			rest = u.failed(err)
		}
		if rest != nil { // that was the last one who waited
			break
		}
	}
	u.arm()
	why := u.open()
	u.mu.Unlock()
	u.finishAll(late.first, err)
	u.finishAll(rest, why)
}
