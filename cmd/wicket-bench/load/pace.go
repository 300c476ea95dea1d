package load

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// schedule says when message k of an open loop is to be sent: at start +
// k·interval, whatever became of the messages before it.
type schedule struct {
	start    int64   // clock
	interval float64 // nanoseconds
	next     int     // the first message that is not due yet
}

// at is the time of message k.
func (s *schedule) at(k int) int64 { return s.start + int64(float64(k)*s.interval) }

// due takes the messages whose time has come.
func (s *schedule) due(now int64) (first, n int) {
	first = s.next
	if now < s.start {
		return first, 0
	}
	s.next = max(first, int(float64(now-s.start)/s.interval)+1)
	return first, s.next - first
}

// nextDue is when the pacer is to wake: never more often than every 50 µs, and
// not long after the time of a message when there are fewer of them.
func (l *Load) nextDue(now int64) int64 {
	k := int(float64(now-l.schedule.start)/l.schedule.interval) + 1
	return max(l.schedule.at(k), now+int64(50*time.Microsecond))
}

// tick hands due messages to their publishers, in turn. It runs on the loop.
func (l *Load) tick() {
	first, n := l.schedule.due(l.now)
	for k := first; k < first+n; k++ {
		p := l.pubs[k%len(l.pubs)]
		p.pub.due++
		l.credit(p)
	}
}

// pacer calls back on the loop at given times.
type pacer struct {
	ended atomic.Bool
	done  chan struct{}
}

// pace starts a goroutine with a thread of its own, because the runtime's
// timers are no finer than a millisecond while a thread waits for sockets.
// next maps the time to the time of the next call of turn, which runs on the
// loop. A turn that has not run yet is not asked for twice.
func pace(l *Load, next func(now int64) int64, turn func()) *pacer {
	p := &pacer{done: make(chan struct{})}
	var waiting atomic.Bool
	run := gnet.RunnableFunc(func(context.Context) error {
		waiting.Store(false)
		if l.running {
			l.now = clock()
			turn()
			l.flush()
		}
		return nil
	})
	go func() {
		defer close(p.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
		for !p.ended.Load() {
			now := clock()
			nap := unix.NsecToTimespec(next(now) - now)
			_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &nap, nil)
			if !waiting.Swap(true) {
				_ = l.loop.Execute(context.Background(), run)
			}
		}
	}()
	return p
}

func (p *pacer) stop() {
	p.ended.Store(true)
	<-p.done
}
