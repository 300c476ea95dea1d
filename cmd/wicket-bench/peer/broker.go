// Package peer starts the brokers that are measured and reads what they use:
// processor time and memory of the process, and of wicket what it logs of
// itself. It is called from one goroutine.
package peer

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Broker is a running broker. One that was found by its process is not
// stopped.
type Broker struct {
	Name    string
	Version string
	PID     int
	Plain   string // address without TLS
	Secure  string // address with TLS; "" when there is none
	PKI     *PKI   // nil when the certificates are not ours

	cmd   *exec.Cmd
	dir   string
	ended chan struct{}
	log   *watch // of wicket
}

// Options are how a broker is started.
type Options struct {
	Key      KeyType // of the server's certificate
	Mutual   bool    // ask clients for certificates
	Username string  // a user that may connect; "" lets everybody in
	Password string
	// CPU is the processor to bind the broker to; -1 leaves it alone.
	CPU int
	// Extra arguments for the program.
	Extra []string
}

// Start starts a broker: "wicket" and "mosquitto" are built in, with the same
// limits on queues; anything else is a command line in which {plain}, {tls},
// {cert}, {key}, {ca} and {dir} are filled in (ports, files, a directory).
// program, when not empty, replaces the path of a built-in one's program.
func Start(what, program string, o Options) (*Broker, error) {
	dir, err := os.MkdirTemp("", "wicket-bench-")
	if err != nil {
		return nil, err
	}
	b := &Broker{Name: what, dir: dir, ended: make(chan struct{})}
	if o.Key == "" {
		o.Key = ECDSA
	}
	if b.PKI, err = NewPKI(dir, o.Key); err == nil {
		switch what {
		case "wicket":
			err = b.startWicket(program, o)
		case "mosquitto":
			err = b.startMosquitto(program, o)
		default:
			err = b.startTemplate(what, o)
		}
	}
	if err != nil {
		b.Stop()
		return nil, fmt.Errorf("cannot start %s: %w", b.Name, err)
	}
	return b, nil
}

// launch starts the command, on the processor asked for from its first
// instruction on, so that runtimes that count processors see one.
func (b *Broker) launch(o Options) error {
	if o.CPU >= 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var before, one unix.CPUSet
		if err := unix.SchedGetaffinity(0, &before); err != nil {
			return err
		}
		one.Set(o.CPU)
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			return fmt.Errorf("cannot bind to processor %d: %w", o.CPU, err)
		}
		defer func() { _ = unix.SchedSetaffinity(0, &before) }()
	}
	if err := b.cmd.Start(); err != nil {
		return err
	}
	b.PID = b.cmd.Process.Pid
	return nil
}

// reap waits for the end of the process.
func (b *Broker) reap() {
	go func() {
		_ = b.cmd.Wait()
		close(b.ended)
	}()
}

var errEnded = errors.New("the broker has ended")

// answer waits until the plain listener takes connections.
func (b *Broker) answer() error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		c, err := net.DialTimeout("tcp", b.Plain, time.Second)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
		select {
		case <-b.ended:
			return errEnded
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// startTemplate starts a command line of the user.
func (b *Broker) startTemplate(line string, o Options) error {
	plain, err := freePort()
	if err != nil {
		return err
	}
	secure, err := freePort()
	if err != nil {
		return err
	}
	fill := strings.NewReplacer("{plain}", plain, "{tls}", secure, "{dir}", b.dir,
		"{cert}", b.PKI.File("server.pem"), "{key}", b.PKI.File("server.key"), "{ca}", b.PKI.File("ca.pem"))
	args := strings.Fields(line)
	if len(args) == 0 {
		return errors.New("the command is empty")
	}
	b.Name = filepath.Base(args[0])
	for i := range args {
		args[i] = fill.Replace(args[i])
	}
	b.cmd = exec.Command(args[0], args[1:]...)
	b.Plain = "127.0.0.1:" + plain
	if strings.Contains(line, "{tls}") {
		b.Secure = "127.0.0.1:" + secure
	}
	if err := b.launch(o); err != nil {
		return err
	}
	b.reap()
	return b.answer()
}

// freePort finds a port that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// Stop ends the broker and removes its files.
func (b *Broker) Stop() {
	if b.PID != 0 && b.cmd != nil {
		_ = b.cmd.Process.Kill()
		<-b.ended
	}
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}

// Usage is what a broker has used and holds at one moment.
type Usage struct {
	CPU time.Duration // with that of processes it has started
	RSS int64         // anonymous, bytes, theirs too
	// Of wicket alone, after a garbage collection:
	Heap        int64
	Goroutines  int
	Connections int           // that have shown their CONNECT
	Transport   int           // sockets
	Pause       time.Duration // of that garbage collection
}

// Usage reads what the broker uses now, with the processes that it has started.
func (b *Broker) Usage() (u Usage, err error) {
	u.CPU, u.RSS, err = Used(b.PID)
	return u, err
}

// Settled is Usage after the broker has collected its garbage, where it can be
// told to.
func (b *Broker) Settled() (Usage, error) {
	var snapshot line
	if b.log != nil {
		var err error
		if snapshot, err = b.Snapshot(); err != nil {
			return Usage{}, err
		}
	}
	u, err := b.Usage()
	u.Heap, u.Goroutines, u.Pause = snapshot.Heap, snapshot.Goroutines, time.Duration(snapshot.Pause)
	u.Connections, u.Transport = snapshot.Connections, snapshot.Transport
	return u, err
}
