package e2e

import (
	"crypto/tls"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// C4: certificate, key and authorities are swapped a hundred times a second,
// as Kubernetes swaps a secret and with a SIGHUP each, while five hundred
// clients a second come in. One version in ten is half written. None of the
// clients notices. The full half minute is TestSoakSwaps.
func TestSwapsUnderLoad(t *testing.T) {
	t.Parallel()
	f := swapUnderLoad(t, 2*time.Second)
	if len(f.swap) < 20 || len(f.took) < 50 { // whatever the machine is busy with
		t.Errorf("%d swaps under %d handshakes show nothing", len(f.swap), len(f.took))
	}
}

const (
	swapsPerSecond  = 100
	guestsPerSecond = 500
)

// swapFigures are what came of swaps under load.
type swapFigures struct {
	during  time.Duration
	swap    []time.Duration // from SIGHUP to the line that the configuration is reloaded, or not, sorted
	refused int             // of them, for a version that was half written
	mu      sync.Mutex
	took    []time.Duration // from dialling to CONNACK, sorted
	resumed int
	shown   map[string]int // by the certificate's common name
	failed  []error
}

// log prints the figures.
func (f *swapFigures) log(t *testing.T) {
	t.Helper()
	rate := func(n int) float64 { return float64(n) / f.during.Seconds() }
	t.Logf("%d swaps (%.1f/s), %d of them refused, each done after p50 %s, p99 %s",
		len(f.swap), rate(len(f.swap)), f.refused, percentile(f.swap, 50), percentile(f.swap, 99))
	t.Logf("%d handshakes (%.1f/s), %d of them resumed, by certificate %v; CONNACK after p50 %s, p99 %s, at most %s; %d failed",
		len(f.took), rate(len(f.took)), f.resumed, f.shown, percentile(f.took, 50), percentile(f.took, 99), percentile(f.took, 100), len(f.failed))
}

// percentile of sorted values.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*p/100].Round(10 * time.Microsecond)
}

// swapUnderLoad runs both for a while. A handshake that fails fails the test.
func swapUnderLoad(t *testing.T, during time.Duration) *swapFigures {
	t.Helper()
	a, other := newAuthority(t, "Root"), newAuthority(t, "Other")
	a.client("alice", "")
	a.mounts("one", "")
	a.mounts("two", read(t, other.path("ca.pem")))
	must(t, a.dir, "sh", "-e", "-c", "mkdir half; cp one/ca.crt one/tls.crt two/tls.key half")
	a.mount("one")
	p := a.broker("", "    default: { bind: \"127.0.0.1:0\", tls: { certfile: live/tls.crt, keyfile: live/tls.key, cacertfile: live/ca.crt, verify: verify_peer, fail_if_no_peer_cert: true, session_tickets: stateless } }\n")
	in := stay(t, p.addr("tls:default"), a.trusting("alice")).pulse()

	f := &swapFigures{during: during, shown: make(map[string]int)}
	end := time.Now().Add(during)
	var load sync.WaitGroup
	load.Go(func() { f.guests(p.addr("tls:default"), a.trusting("alice"), end) })
	f.swapping(t, a, p, end)
	load.Wait()
	in.p99(t)
	slices.Sort(f.swap)
	slices.Sort(f.took)
	f.log(t)
	if len(f.failed) > 0 {
		t.Errorf("%d handshakes failed, the first with: %v", len(f.failed), f.failed[0])
	}
	if f.shown["one"] == 0 || f.shown["two"] == 0 || f.resumed == 0 {
		t.Error("not both certificates were shown, or nobody came again")
	}
	if lines, _ := p.find("TLS handshake refused"); len(lines) > 0 {
		t.Errorf("the broker refused handshakes: %v", lines[0])
	}
	return f
}

// mounts makes a version of a secret: a certificate with a key of its own, and
// the authorities of clients.
func (a *authority) mounts(name, authorities string) {
	a.t.Helper()
	if err := os.Mkdir(a.path(name), 0o700); err != nil {
		a.t.Fatal(err)
	}
	a.openssl("req -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name +
		" -keyout " + name + "/tls.key -out " + name + ".csr")
	a.openssl("ca -config openssl.cnf -batch -notext -extensions server -in " + name + ".csr -out " + name + "/tls.crt")
	write(a.t, a.path(name+"/ca.crt"), read(a.t, a.path("ca.pem"))+authorities)
}

// mount makes a version the live one, at one stroke.
func (a *authority) mount(name string) {
	a.t.Helper()
	if err := os.Symlink(name, a.path("next")); err != nil {
		a.t.Fatal(err)
	}
	if err := os.Rename(a.path("next"), a.path("live")); err != nil {
		a.t.Fatal(err)
	}
}

// swapping swaps at its rate, but never faster than the broker follows: files
// that change while they are read are another test's.
func (f *swapFigures) swapping(t *testing.T, a *authority, p *process, end time.Time) {
	t.Helper()
	start := time.Now()
	for n := 0; time.Now().Before(end); n++ {
		version, says := []string{"two", "one"}[n%2], "configuration reloaded"
		if n%10 == 9 {
			version, says = "half", "reload failed"
			f.refused++
		}
		time.Sleep(time.Until(start.Add(time.Duration(n) * time.Second / swapsPerSecond)))
		a.mount(version)
		before, _ := p.find(says)
		began := time.Now()
		p.signal(syscall.SIGHUP)
		for said, news := p.find(says); len(said) == len(before); said, news = p.find(says) {
			select {
			case <-news:
			case <-time.After(patience):
				t.Fatalf("no swap to %q in %s:\n%s", version, patience, p.transcript())
			}
		}
		f.swap = append(f.swap, time.Since(began))
	}
}

// guests come in at their rate, some with a session to resume. When all that
// there may be at once are on their way, the next one waits.
func (f *swapFigures) guests(addr string, config *tls.Config, end time.Time) {
	again := config.Clone()
	again.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	turn := make(chan *tls.Config)
	var street sync.WaitGroup
	for range 16 {
		street.Go(func() {
			for c := range turn {
				f.guest(addr, c)
			}
		})
	}
	began := time.Now()
	for n := 0; time.Now().Before(end); n++ {
		time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / guestsPerSecond)))
		turn <- []*tls.Config{config, config, config, again}[n%4]
	}
	close(turn)
	street.Wait()
}

func (f *swapFigures) guest(addr string, config *tls.Config) {
	began := time.Now()
	v, err := approach(addr, config)
	if err == nil {
		defer v.Close()
		err = v.enter()
	}
	took := time.Since(began)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.failed = append(f.failed, fmt.Errorf("after %s: %w", took, err))
		return
	}
	s := v.ConnectionState()
	f.took = append(f.took, took)
	f.shown[strings.TrimPrefix(s.PeerCertificates[0].Subject.String(), "CN=")]++
	if s.DidResume {
		f.resumed++
	}
}
