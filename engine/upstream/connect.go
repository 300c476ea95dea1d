package upstream

import (
	"math/rand/v2"
	"slices"
	"time"
)

// dialMore opens connections for the calls that wait: one until it is known
// what the server speaks, and one at a time with HTTP/2, where each carries
// many. The mutex is held.
func (u *Upstream) dialMore() {
	most := u.queue.n
	if !u.known || u.http2 || u.breaker.phase == HalfOpen {
		most = 1
	}
	for u.life.Err() == nil && u.dialing < most && len(u.conns)+u.dialing < u.s.PoolSize {
		u.dial()
	}
}

// rejection is how long a server that wants a certificate has for saying that
// it does not like ours, before it counts as reached again: TLS 1.3 lets it say
// so after the handshake.
const rejection = 100 * time.Millisecond

// dial opens one connection on a goroutine of its own.
func (u *Upstream) dial() {
	if u.life.Err() != nil {
		return
	}
	u.dialing++
	s, ctx, wary := u.s, u.dialLife, u.health != Connected
	timeout := s.ConnectTimeout
	if u.breaker.phase == Opened { // who comes later than any request could wait is not back
		timeout = min(timeout, s.RequestTimeout)
	}
	u.set.running.Go(func() {
		c, err := u.connect(ctx, s, timeout)
		if c != nil && wary && c.link.asked {
			select {
			case <-c.gone:
			case <-time.After(rejection):
			case <-ctx.Done():
			}
		}
		u.mu.Lock()
		u.dialing--
		var rest *call
		switch {
		case ctx.Err() != nil:
			if c != nil {
				u.drop(c)
			}
		case err != nil:
			rest = u.unreached(err.(*Error))
		default:
			rest, err = u.reached(c)
		}
		u.pump()
		u.mu.Unlock()
		u.finishAll(rest, err)
	})
}

// reached takes in a new connection, unless it has ended already.
func (u *Upstream) reached(c *conn) (refused *call, why error) {
	if err := c.cc.Err(); err != nil {
		e := u.exchangeError(nil, c, err)
		return u.unreached(e), e
	}
	u.http2, u.known = c.http2, true
	u.conns, u.spare, c.spare, c.taken = append(u.conns, c), append(u.spare, c), true, true
	if u.doubted {
		u.setHealth(Connecting)
	} else {
		u.setHealth(Connected)
	}
	if u.breaker.phase == Opened {
		u.breaker.reached()
		u.look.Reset(soon())
	}
	return nil, nil
}

// unreached notes a dial that failed. Without any connection nobody's turn
// would come, so that all who wait are told. When nobody waits it was a look
// at the server, after which it is left alone for a while.
func (u *Upstream) unreached(e *Error) (refused *call) {
	if u.breaker.phase == Opened { // so this was the look
		u.lastErr, u.failedAt = e, time.Now()
		u.look.Reset(u.breaker.open())
		return nil
	}
	idle := u.queue.n == 0
	if refused = u.failed(e); u.breaker.phase == Opened || len(u.conns) > 0 {
		return refused
	}
	if idle {
		return u.giveUp()
	}
	if u.dialing == 0 {
		return u.takeAll()
	}
	return nil
}

// changed is called, on any goroutine, when a connection has room again or is of
// no use any more.
func (c *conn) changed() {
	err := c.cc.Err()
	if err != nil {
		c.once.Do(func() { close(c.gone) })
	}
	u := c.up
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case c.retired || !c.taken:
	case err != nil:
		u.drop(c)
	case !c.spare && c.room():
		c.spare = true
		u.spare = append(u.spare, c)
	}
	u.pump()
}

// again looks at the connections: those that nobody used for long are closed,
// and when there is none at all the server is tried, so that it is known
// whether it is there. While the breaker is open this is the way back.
func (u *Upstream) again() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.life.Err() != nil {
		return
	}
	if u.leaving {
		u.shut()
		return
	}
	opened := u.breaker.phase == Opened
	for _, c := range slices.Clone(u.conns) {
		if c.active == 0 && (opened || time.Since(c.used) > idleTime) {
			u.drop(c)
		}
	}
	if opened || len(u.conns) == 0 && u.dialing == 0 {
		u.dial()
	}
	if !opened { // what the dial brings says when to look again
		u.look.Reset(soon())
	}
}

// soon is the time until the next look at an upstream that works.
func soon() time.Duration { return lookAgain/2 + rand.N(lookAgain) }

// shut ends the upstream: what is still under way breaks off.
func (u *Upstream) shut() {
	u.leaving = true
	u.end()
	u.dialEnd()
	u.look.Stop()
	for _, c := range slices.Clone(u.conns) {
		u.drop(c)
	}
	for c := range u.leavers {
		u.set.running.Go(func() { _ = c.cc.Close() }) // what is under way on it ends
	}
}
