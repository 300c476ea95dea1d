package signer

import (
	"crypto"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// flood is how many signatures of a crowd within floodTime start the process.
	// Clients that happen to come at once do not.
	flood     = 16
	floodTime = time.Second

	// startTime bounds the time until the process is ready. It is idle then.
	startTime = 30 * time.Second
)

// process is the broker's side of the process: none, one that is being started,
// or a running one.
type process struct {
	running atomic.Pointer[instance]

	mu       sync.Mutex
	closed   bool
	starting bool          // or running, or its end not seen yet
	closing  chan struct{} // closed by close
	watched  sync.WaitGroup

	wanted int           // signatures of a crowd since
	since  time.Time     // then
	after  time.Time     // no start before
	silent bool          // the last start has failed too, and was logged
	spent  time.Duration // by those that have ended
	shown  time.Duration // the most that usage has said
}

func (p *process) init() { p.closing = make(chan struct{}) }

// instance is one running process.
type instance struct {
	pid     int
	free    chan *line // those that nobody uses
	all     []*line
	inVain  atomic.Bool  // the last reply that was waited for did not come in time
	resting atomic.Int64 // until then it is not asked: nanoseconds since began
	began   time.Time

	once sync.Once
	err  error // why it was abandoned
}

// sign returns a signature, or nil when the caller has to make it.
func (p *process) sign(s *Signer, k *Key, digest []byte, opts crypto.SignerOpts) []byte {
	i := p.running.Load()
	if i == nil {
		p.want(s)
		return nil
	}
	r := request{key: k.name}
	if k.refused.Load() || int64(time.Since(i.began)) < i.resting.Load() || !r.describe(digest, opts) {
		return nil
	}
	l := i.take()
	if l == nil {
		return nil
	}
	signature, err := l.ask(&r, k, s.timing.patience)
	i.free <- l
	switch {
	case err == nil:
		i.inVain.Store(false)
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.overdue.Add(1)
		if i.inVain.Swap(true) {
			i.resting.Store(int64(time.Since(i.began) + s.timing.rest))
		}
	case errors.Is(err, errRefused):
		k.refused.Store(true)
		s.options.Log.Warn("an RSA key cannot be used by the process that makes signatures in a flood of handshakes, and clients that are in will notice the flood", "error", err)
	case errors.Is(err, errMalformed):
		i.abandon(err)
	default:
		i.abandon(nil) // it has ended, and run hears how
	}
	return signature
}

// take returns a line on which nothing is under way, or nil.
func (i *instance) take() *line {
	for range len(i.all) {
		select {
		case l := <-i.free:
			if l.settled() {
				return l
			}
			i.free <- l
		default:
			return nil
		}
	}
	return nil
}

// want starts the process when it is wanted often.
func (p *process) want(s *Signer) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.since) >= floodTime {
		p.since, p.wanted = now, 0
	}
	p.wanted++
	if p.wanted < flood || p.starting || p.closed || now.Before(p.after) {
		return
	}
	p.starting, p.wanted = true, 0
	p.watched.Go(func() {
		// Its own thread: Pdeathsig is about the thread that starts a process.
		// It is not unlocked, so that the thread ends with the goroutine.
		runtime.LockOSThread()
		p.ended(s, p.run(s))
	})
}

// run starts the process and waits for its end.
func (p *process) run(s *Signer) error {
	i, cmd, err := launch(s.options.Arguments, s.options.Lines)
	if err != nil {
		return err
	}
	s.starts.Add(1)
	var greeting error
	var beside sync.WaitGroup
	ended := make(chan struct{})
	beside.Go(func() {
		if greeting = p.greet(i); greeting != nil {
			_ = cmd.Process.Kill()
		}
	})
	beside.Go(func() {
		select {
		case <-p.closing:
			_ = cmd.Process.Kill() // it has nothing to put in order
		case <-ended:
		}
		i.abandon(nil)
	})
	err = cmd.Wait()
	close(ended)
	beside.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running.Store(nil)
	p.spent += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return errors.Join(greeting, i.err, err)
}

// greet waits until the process is ready, and lets it be asked then.
func (p *process) greet(i *instance) error {
	hello := reply{}
	first := i.all[0]
	err := first.socket.SetReadDeadline(time.Now().Add(startTime))
	if err == nil {
		err = first.read(&hello)
	}
	if err == nil && hello.status != ready {
		err = errors.New(string(hello.body))
	}
	if err != nil {
		return fmt.Errorf("it is not ready: %w", err)
	}
	for _, l := range i.all {
		i.free <- l
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = false
	p.running.Store(i)
	return nil
}

// ended notes the end of a process, and why.
func (p *process) ended(s *Signer, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting = false
	if err == nil || p.closed {
		return
	}
	p.after = time.Now().Add(s.timing.pause)
	if p.silent {
		return
	}
	p.silent = true
	s.options.Log.Warn("the process that makes RSA signatures in a flood of handshakes has failed, and clients that are in will notice the flood; "+
		"it will be tried again; it needs /proc, room for one more process and the system call sched_setattr; signer.enable: false does without it", "error", err)
}

// usage says whether there is a process, and what all have used so far.
func (p *process) usage() (running bool, spent time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.running.Load()
	now := p.spent
	if i != nil {
		const scheduled = 2 // CPUCLOCK_SCHED: see clock_getcpuclockid(3)
		var t unix.Timespec
		if unix.ClockGettime(int32(^i.pid)<<3|scheduled, &t) == nil {
			now += time.Duration(t.Nano())
		}
	}
	p.shown = max(p.shown, now) // between its end and our notice of it, the clock is gone
	return i != nil, p.shown
}

func (p *process) close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.closing)
	}
	p.mu.Unlock()
	p.watched.Wait()
}

// launch starts this program again. The calling thread must live as long as it.
//
// It stays in the broker's session and control group: the policy counts among
// the threads of the same group (sched(7), autogroup).
func launch(arguments []string, lines int) (*instance, *exec.Cmd, error) {
	i := &instance{free: make(chan *line, lines), began: time.Now()}
	cmd := &exec.Cmd{
		Path:        "/proc/self/exe", // which an upgrade on disk does not change
		Args:        append([]string{"wicket"}, arguments...),
		Env:         []string{},
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	}
	defer func() {
		for _, f := range cmd.ExtraFiles {
			_ = f.Close()
		}
	}()
	for range lines {
		ours, theirs, err := newLine()
		if err != nil {
			i.abandon(err)
			return nil, nil, err
		}
		i.all = append(i.all, ours)
		cmd.ExtraFiles = append(cmd.ExtraFiles, theirs)
	}
	if err := cmd.Start(); err != nil {
		i.abandon(err)
		return nil, nil, err
	}
	i.pid = cmd.Process.Pid
	return i, cmd, nil
}

// abandon closes the lines, by which the process ends.
func (i *instance) abandon(err error) {
	i.once.Do(func() {
		i.err = err
		for _, l := range i.all {
			_ = l.socket.Close()
		}
	})
}
