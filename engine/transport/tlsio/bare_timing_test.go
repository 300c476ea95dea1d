//go:build linux

package tlsio

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/wicketmq/wicket/engine/cert"
)

// BenchmarkBareHandshake compares the processor time that a handshake costs the
// server here, by the pool and the configuration of package cert with all its
// rules, with what it costs crypto/tls alone: a goroutine, a net.Conn and the
// plain configuration. Both run in turns within one iteration, over the same
// connection in memory and with the same client, whose own time is taken off:
//
//	go test -run '^$' -bench BareHandshake ./engine/transport/tlsio
//
// The unit ratio is the first divided by the second.
func BenchmarkBareHandshake(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that the client's time is its thread's
	pki := newTimingPKI(b)
	for _, tt := range []struct {
		name            string
		version         uint16
		curve           tls.CurveID
		mutual, resumed bool
	}{
		{"full/TLS1.3", tls.VersionTLS13, tls.X25519, false, false},
		{"mutual/TLS1.3", tls.VersionTLS13, tls.X25519, true, false},
		{"resumed/TLS1.3", tls.VersionTLS13, tls.X25519, false, true},
		{"mutual-resumed/TLS1.3", tls.VersionTLS13, tls.X25519, true, true},
		{"X25519MLKEM768/TLS1.3", tls.VersionTLS13, tls.X25519MLKEM768, false, false},
		{"full/TLS1.2", tls.VersionTLS12, tls.X25519, false, false},
		{"mutual/TLS1.2", tls.VersionTLS12, tls.X25519, true, false},
	} {
		b.Run(tt.name, func(b *testing.B) {
			client := pki.client(tt.version, tt.curve)
			bare := pki.bare(tt.mutual)
			ours := pki.ours(b, tt.mutual)
			pool := NewPool(0, 0)
			one := []*contest{
				{name: "tlsio", run: func(p *peer) error { return throughPool(pool, ours, p) }},
				{name: "bare", run: func(p *peer) error { return withGoroutine(bare, p) }},
			}
			for _, c := range one {
				c.client = client.Clone()
				if tt.resumed {
					c.client.ClientSessionCache = &firstSession{LRU: tls.NewLRUClientSessionCache(1)}
				}
				c.connect(b)
				c.spent, c.resumes = 0, tt.resumed
			}
			for b.Loop() {
				for _, c := range one {
					for range contestRound {
						c.connect(b)
					}
				}
			}
			n := float64(b.N * contestRound)
			b.ReportMetric(0, "ns/op") // of both together says nothing
			for _, c := range one {
				b.ReportMetric(float64(c.spent.Microseconds())/n, c.name+"-µs")
			}
			b.ReportMetric(float64(one[0].spent)/float64(one[1].spent), "ratio")
		})
	}
}

// contestRound is how many handshakes one side makes before the other's turn.
const contestRound = 8

// contest is one way of making the server's side of handshakes.
type contest struct {
	name    string
	run     func(*peer) error // starts a server; its result comes from the peer's done
	client  *tls.Config
	resumes bool
	spent   time.Duration // by the server
}

// connect makes one handshake and counts what it cost without the client.
func (c *contest) connect(b *testing.B) {
	p := newPeer()
	conn := &timedPeer{peer: p}
	before := processTime()
	if err := c.run(p); err != nil {
		b.Fatal(err)
	}
	conn.resume()
	tc := tls.Client(conn, c.client)
	_, err := tc.Read(make([]byte, 1)) // which the server writes, behind its tickets
	conn.pause()
	if err != nil {
		b.Fatal(err)
	}
	runtime.Gosched() // the server's goroutine ends
	c.spent += processTime() - before - conn.spent
	if got := tc.ConnectionState().DidResume; got != c.resumes {
		b.Fatalf("%s: resumed %v, want %v", c.name, got, c.resumes)
	}
}

// throughPool is a listener's way, with a loop's part done by the peer.
func throughPool(pool *Pool, cfg *tls.Config, p *peer) error {
	c := Server(cfg, p, p, p.feed)
	p.sink = c.FeedHandshake
	return pool.Start(c, time.Now().Add(time.Minute), func(err error) {
		if err == nil {
			err = c.Open()
		}
		if err == nil {
			var out []byte
			if out, err = c.Write([]byte("x"), nil); err == nil {
				err = p.feed(out)
			}
		}
		if err != nil {
			p.Close()
		}
	})
}

// withGoroutine is the usual way: a goroutine that blocks on a net.Conn.
func withGoroutine(cfg *tls.Config, p *peer) error {
	s := newPeer()
	p.sink, s.sink = s.feed, p.feed
	go func() {
		if _, err := tls.Server(s, cfg).Write([]byte("x")); err != nil {
			p.Close()
		}
	}()
	return nil
}

// timedPeer counts the processor time of the client between its reads: with
// one processor for goroutines nothing else runs in it meanwhile.
type timedPeer struct {
	*peer
	thread uintptr
	since  time.Duration
	spent  time.Duration
}

func (p *timedPeer) Read(b []byte) (int, error) {
	p.pause()
	defer p.resume()
	return p.peer.Read(b)
}

func (p *timedPeer) resume() { p.thread, p.since = thread(), threadTime() }

func (p *timedPeer) pause() {
	if now := threadTime(); thread() == p.thread { // not moved by the scheduler
		p.spent += now - p.since
	}
}

func threadTime() time.Duration  { return clock(unix.CLOCK_THREAD_CPUTIME_ID) }
func processTime() time.Duration { return clock(unix.CLOCK_PROCESS_CPUTIME_ID) }

// clock reads a clock without telling the scheduler, which might go on with the
// goroutine on another thread.
func clock(id uintptr) time.Duration {
	var ts unix.Timespec
	if _, _, err := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&ts)), 0); err != 0 {
		panic(err)
	}
	return time.Duration(ts.Nano())
}

func thread() uintptr {
	id, _, _ := unix.RawSyscall(unix.SYS_GETTID, 0, 0, 0)
	return id
}

// firstSession resumes the first session again and again.
type firstSession struct {
	LRU  tls.ClientSessionCache
	full bool
}

func (f *firstSession) Get(key string) (*tls.ClientSessionState, bool) { return f.LRU.Get(key) }

func (f *firstSession) Put(key string, s *tls.ClientSessionState) {
	if !f.full && s != nil {
		f.full = true
		f.LRU.Put(key, s)
	}
}

// timingPKI are an authority, a server and a client, all on ECDSA P-256.
type timingPKI struct {
	files          cert.Files
	server, device tls.Certificate
	authorities    *x509.CertPool
}

func newTimingPKI(b *testing.B) *timingPKI {
	b.Helper()
	dir := b.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	a, authority, err := cert.NewAuthority("authority", nil, time.Now)
	must(err)
	server, err := a.Server([]string{"localhost"})
	must(err)
	device, err := a.Client("device")
	must(err)
	must(authority.Write(in("ca.pem"), in("ca.key")))
	must(server.Write(in("server.pem"), in("server.key")))
	p := &timingPKI{files: cert.Files{Certfile: in("server.pem"), Keyfile: in("server.key"), CACertfile: in("ca.pem")}, authorities: x509.NewCertPool()}
	p.server, err = tls.X509KeyPair(server.Cert, server.Key)
	must(err)
	p.device, err = tls.X509KeyPair(device.Cert, device.Key)
	must(err)
	if pem, err := os.ReadFile(in("ca.pem")); err != nil || !p.authorities.AppendCertsFromPEM(pem) {
		b.Fatal(err)
	}
	return p
}

func (p *timingPKI) client(version uint16, curve tls.CurveID) *tls.Config {
	return &tls.Config{
		RootCAs: p.authorities, ServerName: "localhost", Certificates: []tls.Certificate{p.device},
		MinVersion: version, MaxVersion: version, CurvePreferences: []tls.CurveID{curve},
	}
}

func (p *timingPKI) bare(mutual bool) *tls.Config {
	c := &tls.Config{Certificates: []tls.Certificate{p.server}}
	if mutual {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, p.authorities
	}
	return c
}

func (p *timingPKI) ours(b *testing.B, mutual bool) *tls.Config {
	b.Helper()
	c, _, err := cert.ServerConfig(cert.Options{Files: p.files, VerifyPeer: mutual, RequirePeer: mutual, Tickets: true, ALPN: []string{"mqtt"}})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

var _ net.Conn = (*timedPeer)(nil)
