package tlsio

import (
	"crypto/tls"
	"runtime"
	"testing"
)

// heapPerConn measures the live heap of an idle open connection: the whole of
// this package's and crypto/tls's state, nothing of the client.
func heapPerConn(t testing.TB, server, client *tls.Config, prepare func(*Conn)) int {
	const n = 200
	conns := make([]*Conn, n)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // the second empties the pools that the first spared
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	open(t, server, client) // makes what all connections share
	before := heap()
	for i := range conns {
		c, _, _ := open(t, server, client)
		prepare(c)
		conns[i] = c
	}
	after := heap()
	runtime.KeepAlive(conns)
	return int(after-before) / n
}

// The bounds leave some room over the measured figures, which README and
// ARCHITECTURE may quote: 5.2 KB for TLS 1.3, 6.7 KB for TLS 1.2 (whose key
// exporter holds on to the ClientHello), and 2.2 KB more for a certificate of
// the peer until it is forgotten.
func TestHeapPerIdleConnection(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector changes sizes")
	}
	tests := []struct {
		name    string
		server  *tls.Config
		prepare func(*Conn)
		most    int
	}{
		{"TLS 1.2", serverConfig(tls.VersionTLS12), func(*Conn) {}, 7000},
		{"TLS 1.3", serverConfig(tls.VersionTLS13), func(*Conn) {}, 5600},
		{"TLS 1.2 mutual", mutualConfig(tls.VersionTLS12), func(*Conn) {}, 9400},
		{"TLS 1.3 mutual", mutualConfig(tls.VersionTLS13), func(*Conn) {}, 8200},
		{"TLS 1.3 mutual, forgotten", mutualConfig(tls.VersionTLS13), (*Conn).Forget, 5800},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := heapPerConn(t, tt.server, clientConfig(), tt.prepare)
			t.Logf("%d bytes", got)
			if got > tt.most {
				t.Errorf("an idle connection holds %d bytes, want at most %d", got, tt.most)
			}
		})
	}
}

// crypto/tls makes one small allocation per record read, its length-limiting
// reader; this package makes none.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	perVersion(t, func(t *testing.T, version uint16) {
		c, tc, p := open(t, serverConfig(version), clientConfig())
		plain := make([]byte, 100)
		out := make([]byte, 0, 4096)
		if n := testing.AllocsPerRun(200, func() {
			var err error
			if out, err = c.Write(plain, out[:0]); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("Write makes %v allocations, want 0", n)
		}
		var records [][]byte
		for range 202 {
			if _, err := tc.Write(plain); err != nil {
				t.Fatal(err)
			}
			records = append(records, p.written())
		}
		dst, scratch := make([]byte, 4096), new(Scratch)
		i := 0
		if n := testing.AllocsPerRun(200, func() {
			if n, _, err := c.Read(records[i], dst, scratch); n != len(plain) || err != nil {
				t.Fatal(n, err)
			}
			i++
		}); n > 1 {
			t.Errorf("Read makes %v allocations, want at most the 1 of crypto/tls", n)
		}
	})
}
