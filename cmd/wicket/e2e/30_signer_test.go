package e2e

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/wicketmq/wicket/engine/cert"
)

// Floods of handshakes with RSA keys: the process that signs apart comes with
// them, and whatever becomes of it, nobody is turned away (TLS-28).

// crush is a broker with RSA keys and one event loop, so that one handshake
// computes at a time, and many clients that come again and again.
type crush struct {
	*process
	dir    string
	came   atomic.Int64
	failed chan error
	seen   sync.Map // serial numbers of certificates that clients were shown
}

func newCrush(t *testing.T, more ...string) *crush {
	t.Helper()
	c := &crush{dir: t.TempDir(), failed: make(chan error, 1)}
	certs := pki(t)
	for from, to := range map[string]string{"ca.pem": "ca.pem", "emqx.pem": "now.pem", "emqx.key": "now.key"} {
		write(t, filepath.Join(c.dir, to), read(t, filepath.Join(certs, from)))
	}
	c.process = start(t, append(more, "-c", write(t, filepath.Join(c.dir, "wicket.yaml"), `
data_dir: data
loops: 1
auth: { anonymous: allow }
listeners:
  tls:
    oneway: { bind: "127.0.0.1:0", tls: { certfile: now.pem, keyfile: now.key } }
    mutual: { bind: "127.0.0.1:0", tls: { certfile: now.pem, keyfile: now.key, cacertfile: ca.pem, verify: verify_peer, fail_if_no_peer_cert: true } }
`))...)
	return c
}

// come lets clients come until the function that it returns is called, over both
// listeners and by both versions of TLS; all of them have to get in.
func (c *crush) come(t *testing.T) (end func()) {
	t.Helper()
	certs := pki(t)
	pair, err := tls.LoadX509KeyPair(filepath.Join(certs, "client-p256.pem"), filepath.Join(certs, "p256.key"))
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range 12 {
		config := trust(t, filepath.Join(certs, "ca.pem"))
		config.ServerName, config.Certificates = "127.0.0.1", []tls.Certificate{pair}
		config.MaxVersion = []uint16{tls.VersionTLS13, tls.VersionTLS12}[i%2]
		addr := c.addr([]string{"tls:oneway", "tls:mutual"}[i/2%2])
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := c.one(addr, config); err != nil {
					select {
					case c.failed <- fmt.Errorf("client %d: %w", i, err):
					default:
					}
					return
				}
			}
		})
	}
	var once sync.Once
	end = func() { once.Do(func() { close(stop) }); all.Wait() }
	t.Cleanup(end)
	return end
}

func (c *crush) one(addr string, config *tls.Config) error {
	v, err := approach(addr, config)
	if err != nil {
		return err
	}
	defer v.Close()
	c.seen.Store(cert.Serial(v.ConnectionState().PeerCertificates[0]), true)
	if err := v.enter(); err != nil {
		return err
	}
	c.came.Add(1)
	return nil
}

// asked is how many signatures the process that signs apart was asked for, those
// included for which a busy machine left it no time.
func (c *crush) asked() float64 {
	all := figures(c.t, c.dir)
	return all[`wicket_tls_rsa_signatures_total{where="apart"}`] + all["wicket_tls_rsa_signatures_overdue_total"]
}

// more waits until it was asked for some more.
func (c *crush) more(what string) {
	c.t.Helper()
	before := c.asked()
	eventually(c.t, what, patience, func() bool { return c.asked() >= before+5 })
}

// signers are the processes that a process has started.
func signers(t *testing.T, pid int) (out []int) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		text, _ := os.ReadFile(list) // the thread may have ended
		for _, field := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, child)
		}
	}
	return out
}

// runs reports whether there is a process that is more than a zombie.
func runs(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	state := string(text[strings.LastIndexByte(string(text), ')')+1:])
	return !strings.HasPrefix(state, " Z") && !strings.HasPrefix(state, " X")
}

func TestSignerInAFlood(t *testing.T) {
	t.Parallel()
	c := newCrush(t)
	if got := signers(t, c.cmd.Process.Pid); len(got) != 0 {
		t.Fatalf("processes without a flood: %v", got)
	}
	end := c.come(t)
	c.more("signatures are made apart")

	// Another key: the process learns it.
	certs := pki(t)
	must(t, c.dir, "sh", "-e", "-c", fmt.Sprintf(`
openssl genrsa -out next.key 2048
openssl req -new -key next.key -config %[1]s/openssl.cnf -out next.csr
openssl x509 -req -in next.csr -CA %[1]s/ca.pem -CAkey %[1]s/ca.key -set_serial 4711 -out next.pem -days 30 -extensions v3_req -extfile %[1]s/openssl.cnf
cat next.pem > now.pem
cat next.key > now.key
`, certs))
	c.hangup("configuration reloaded")
	renewed, err := cert.Certificates(filepath.Join(c.dir, "next.pem"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "clients are shown the new certificate", patience, func() bool {
		_, shown := c.seen.Load(cert.Serial(renewed[0]))
		return shown
	})
	c.more("signatures with the new key are made apart")

	// The process dies.
	pids := signers(t, c.cmd.Process.Pid)
	if len(pids) != 1 {
		t.Fatalf("processes in a flood: %v", pids)
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.wait("the process that makes RSA signatures", patience)
	before := c.came.Load()
	eventually(t, "clients get in without it", patience, func() bool { return c.came.Load() > before+24 })
	end()
	select {
	case err := <-c.failed:
		t.Error(err)
	default:
	}
	if c.came.Load() == 0 {
		t.Error("nobody came")
	}
}

// The process that signs apart ends with the broker, in order and out of it.
func TestSignerEndsWithTheBroker(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			c := newCrush(t)
			end := c.come(t)
			c.more("signatures are made apart")
			pids := signers(t, c.cmd.Process.Pid)
			if len(pids) != 1 || !runs(pids[0]) {
				t.Fatalf("processes in a flood: %v", pids)
			}
			c.signal(s)
			c.exit(patience)
			end()
			eventually(t, "the process has ended", patience, func() bool { return !runs(pids[0]) })
		})
	}
}

// Switched off, there is no process.
func TestSignerSwitchedOff(t *testing.T) {
	t.Parallel()
	c := newCrush(t, "--set", "signer.enable=false")
	end := c.come(t)
	eventually(t, "clients get in", patience, func() bool { return c.came.Load() > 50 })
	if got := signers(t, c.cmd.Process.Pid); len(got) != 0 || c.asked() != 0 {
		t.Errorf("processes: %v, %v signatures apart", got, c.asked())
	}
	end()
	select {
	case err := <-c.failed:
		t.Error(err)
	default:
	}
}
