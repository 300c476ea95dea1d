package reactor

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// Every way to write an address leads to its own listener.
func TestAddresses(t *testing.T) {
	if _, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here")
	}
	cases := []struct{ bind, dial string }{
		{"127.0.0.1:0", "127.0.0.1"},
		{"0.0.0.0:0", "127.0.0.1"},
		{"[::1]:0", "::1"},
		{"[::ffff:127.0.0.1]:0", "127.0.0.1"},
		{"[::]:0", "::1"},
		{"[::]:0", "127.0.0.1"}, // [::] is both families
	}
	if addr, ok := linkLocal(); ok {
		cases = append(cases, struct{ bind, dial string }{net.JoinHostPort(addr, "0"), addr})
	}
	for _, c := range cases {
		t.Run(c.bind+" by "+c.dial, func(t *testing.T) {
			w := newWorld(t, func(o *Options) {
				o.Listeners = []Listener{{Name: "tcp:default", Addr: netip.MustParseAddrPort(c.bind), ConnectTimeout: 5 * time.Second}}
			})
			_, port, err := net.SplitHostPort(w.r.Stats()[0].Bind)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", net.JoinHostPort(c.dial, port))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			p := peer{t, conn}
			p.send(connectPacket("somebody"))
			p.expect(connack)
		})
	}
}

// linkLocal is an IPv6 address with a zone, if this machine has one.
func linkLocal() (string, bool) {
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() == nil && n.IP.IsLinkLocalUnicast() {
				return n.IP.String() + "%" + i.Name, true
			}
		}
	}
	return "", false
}

// Listeners that share a port and differ in the address are told apart.
func TestOnePortTwoAddresses(t *testing.T) {
	w := newWorld(t, nil)
	port := w.r.listeners[0].Addr.Port()
	two := newWorld(t, func(o *Options) {
		o.Listeners[0].Addr = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), port)
		o.Listeners[1].Addr = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.3"), port)
	})
	for listener := range 2 {
		p := peer{t, two.dial(listener)}
		p.send(connectPacket("somebody"))
		p.expect(connack)
		if n := two.r.Stats()[listener].Accepted; n != 1 {
			t.Errorf("listener %d has accepted %d", listener, n)
		}
	}
}

// The limit holds for all loops together, however many dial at once.
func TestMaxConnectionsInAHurry(t *testing.T) {
	const limit = 5
	for range 20 {
		w := newWorld(t, func(o *Options) { o.Loops, o.Listeners[0].MaxConnections = 8, limit })
		for range 60 {
			go func() {
				if c, err := net.Dial("tcp", w.r.Stats()[0].Bind); err == nil {
					t.Cleanup(func() { c.Close() })
				}
			}()
		}
		eventually(t, "all are judged", func() bool { return w.r.Stats()[0].Accepted == 60 })
		if n := w.r.Stats()[0].Open; n > limit {
			t.Fatalf("%d are open, the limit is %d", n, limit)
		}
	}
}
