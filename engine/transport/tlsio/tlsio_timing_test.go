package tlsio

import (
	"crypto/tls"
	"net"
	"testing"
	"time"
)

// BenchmarkHandshake compares whole handshakes, client included, through a
// pool with the same over net.Pipe by crypto/tls alone. ECDSA P-256.
func BenchmarkHandshake(b *testing.B) {
	for _, v := range versions {
		server, client := serverConfig(v), clientConfig()
		b.Run(tls.VersionName(v)+"/pool", func(b *testing.B) {
			pool := NewPool(0, 0)
			b.ReportAllocs()
			for b.Loop() {
				p := newPeer()
				c := Server(server, p, p, p.feed)
				p.sink = c.FeedHandshake
				done := make(chan error, 1)
				if err := pool.Start(c, time.Now().Add(time.Minute), func(err error) { done <- err }); err != nil {
					b.Fatal(err)
				}
				if err := tls.Client(p, client).Handshake(); err != nil {
					b.Fatal(err)
				}
				if err := <-done; err != nil {
					b.Fatal(err)
				}
				if err := c.Open(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(tls.VersionName(v)+"/bare", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, c := net.Pipe()
				done := make(chan error, 1)
				go func() { done <- tls.Server(s, server).Handshake() }()
				if err := tls.Client(c, client).Handshake(); err != nil {
					b.Fatal(err)
				}
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRecord measures one record of 100 and of 16384 bytes each way.
func BenchmarkRecord(b *testing.B) {
	for _, size := range []int{100, 16384} {
		name := map[int]string{100: "100", 16384: "16384"}[size]
		plain, dst := make([]byte, size), make([]byte, 65536)
		b.Run("write/"+name, func(b *testing.B) {
			c, _, _ := open(b, serverConfig(tls.VersionTLS13), clientConfig())
			var out []byte
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if out, err = c.Write(plain, out[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("read/"+name, func(b *testing.B) {
			c, tc, p := open(b, serverConfig(tls.VersionTLS13), clientConfig())
			const batch = 64
			var window []byte
			b.SetBytes(int64(size))
			b.ReportAllocs()
			scratch := new(Scratch)
			for i := 0; b.Loop(); i++ {
				if i%batch == 0 {
					b.StopTimer()
					for range batch {
						if _, err := tc.Write(plain); err != nil {
							b.Fatal(err)
						}
					}
					window = p.written()
					b.StartTimer()
				}
				n, consumed, err := c.Read(window[:recordLength(window)], dst, scratch)
				if err != nil || n != size {
					b.Fatal(n, err)
				}
				window = window[consumed:]
			}
		})
	}
}

func BenchmarkSelfTest(b *testing.B) {
	for b.Loop() {
		if err := SelfTest(); err != nil {
			b.Fatal(err)
		}
	}
}
