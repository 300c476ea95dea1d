package load

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a client may take to connect.
const patience = 60 * time.Second

// sources spreads clients over addresses of 127.0.0.0/8: a pair of addresses
// has 28,000 ports at most for connections to one listener.
type sources struct {
	count int
	next  atomic.Uint32
}

func (s *sources) pick() net.Addr {
	if s.count == 0 {
		return nil
	}
	n := s.next.Add(1) % uint32(s.count)
	return &net.TCPAddr{IP: net.IPv4(127, 1, byte(n>>8), byte(n)|1)}
}

// dialer binds without taking a port, so that the kernel can use one port for
// many destinations.
func (s *sources) dialer() *net.Dialer {
	d := &net.Dialer{LocalAddr: s.pick(), KeepAlive: -1, Timeout: patience}
	if d.LocalAddr != nil {
		d.Control = func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
			})
		}
	}
	return d
}

// Connect adds subscribers and publishers until there are as many as told,
// several at a time, and returns when all are ready.
func (l *Load) Connect(ctx context.Context, subscribers, publishers int) error {
	var fresh []*client
	l.on(func() {
		l.subs, fresh = l.grow(l.subs, fresh, subscribers, false)
		l.pubs, fresh = l.grow(l.pubs, fresh, publishers, true)
	})
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var next atomic.Int64
	gate := schedule{start: clock()}
	if l.spec.ConnectRate > 0 {
		gate.interval = float64(time.Second) / l.spec.ConnectRate
	}
	for range min(l.spec.Dialers, len(fresh)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				k := int(next.Add(1)) - 1
				if k >= len(fresh) {
					return
				}
				time.Sleep(time.Duration(gate.at(k) - clock()))
				if err := l.open(ctx, fresh[k]); err != nil {
					cancel(fmt.Errorf("cannot connect client %s: %w", fresh[k].id(), err))
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (l *Load) grow(clients, fresh []*client, total int, publishes bool) (all, added []*client) {
	for n := len(clients); n < total; n++ {
		c := &client{load: l, n: n, done: make(chan error, 1)}
		if publishes {
			c.pub = l.spec.newPublisher(n)
		}
		clients, fresh = append(clients, c), append(fresh, c)
	}
	return clients, fresh
}

// open connects one client and waits until it is ready.
func (l *Load) open(ctx context.Context, c *client) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c.began = clock()
	socket, err := l.src.dialer().DialContext(ctx, "tcp", l.spec.Addr)
	if err != nil {
		return err
	}
	if l.creds != nil {
		cfg, err := l.creds.config(c.n+l.spec.First, c.id())
		if err == nil {
			c.tls, err = handshake(ctx, socket, cfg)
		}
		if err != nil {
			socket.Close()
			return err
		}
		c.tls.detach()
	}
	if _, err := l.gnet.EnrollContext(socket, c); err != nil {
		return err
	}
	select {
	case err = <-c.done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	return err
}
