package signer

import (
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // what keys may be asked to sign, beside what package fingerprint needs
	_ "crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// firstLine is the descriptor of the first line in the process: behind standard
// input, output and error.
const firstLine = 3

// Serve is what the process does: it makes signatures until the broker has ended
// or has not asked for a minute. It returns only with an error, which says
// that nobody else than a broker should call it.
func Serve() error {
	lines := 0
	for isLine(firstLine + lines) {
		lines++
	}
	if lines == 0 {
		return errors.New("this is a part of wicket run, which starts it by itself")
	}
	_ = os.WriteFile("/proc/self/comm", []byte("wicket-sign"), 0) // for ps and top
	hello := reply{status: ready}
	if err := withdraw(lines); err != nil {
		hello = reply{status: failed, body: []byte(err.Error())}
	}
	if _, err := syscall.Write(firstLine, hello.append(nil)); err != nil || hello.status == failed {
		os.Exit(1)
	}
	keys := keyring{known: make(map[fingerprint]*known)}
	for i := range lines {
		go func() { keys.serve(firstLine + i) }()
	}
	for range time.Tick(idleTime) {
		if keys.forget() {
			os.Exit(0)
		}
	}
	return nil
}

// idleTime is how long keys are kept that nobody uses, and the process
// when there are none: at most twice that.
const idleTime = time.Minute

func isLine(fd int) bool {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil && kind == unix.SOCK_SEQPACKET
}

// withdraw makes this process one that disturbs nobody and tells nothing.
func withdraw(lines int) error {
	// They are for the broker, and reach this process too when they come from a
	// terminal or from systemd: it ends with the broker.
	signal.Ignore(unix.SIGHUP, unix.SIGINT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2)
	if err := closeInherited(firstLine + lines); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot become undumpable: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("cannot forbid core dumps: %w", err)
	}
	for i := range lines {
		unix.CloseOnExec(firstLine + i)
	}
	return becomeIdle()
}

// closeInherited closes what this process was handed beside its lines: what the
// broker itself got from who has started it. Descriptors of the Go runtime are
// closed on exec, so one that is not has come through it.
func closeInherited(first int) error {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("cannot list the descriptors: %w", err)
	}
	for _, entry := range all {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd < first {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			_ = unix.Close(fd)
		}
	}
	return nil
}

// becomeIdle gives all threads the policy SCHED_IDLE. Those that are made later
// inherit it from the one that makes them, so it is over when a pass has found
// none without it.
func becomeIdle() error {
	policy := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}
	done := make(map[int]bool)
	for before := -1; before < len(done); {
		before = len(done)
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("cannot list the threads: %w", err)
		}
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil || done[id] {
				continue
			}
			if err := unix.SchedSetAttr(id, &policy, 0); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("cannot take the scheduling policy SCHED_IDLE: %w", err)
			}
			done[id] = true
		}
	}
	return nil
}

// keyring are the keys that the process knows. Each line has a goroutine.
type keyring struct {
	mu    sync.Mutex
	known map[fingerprint]*known
}

type known struct {
	key  *rsa.PrivateKey
	used bool // since the last look at it
}

// maxKeys is how many keys are kept; beyond that one that has not been used
// lately goes.
const maxKeys = 64

// serve answers the requests of one line. It blocks in the system calls
// themselves, not in the runtime's poller: a request then wakes the thread that
// answers it, and no other.
func (k *keyring) serve(fd int) {
	in, out := make([]byte, maxRequest+1), make([]byte, 0, maxReply)
	for {
		n, err := syscall.Read(fd, in)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			os.Exit(0) // the broker has ended, or has no use for this process
		}
		r := k.answer(in[:n])
		clear(in[:n]) // there may have been a key in it
		out = r.append(out[:0])
		for {
			_, err = syscall.Write(fd, out)
			if !errors.Is(err, syscall.EINTR) {
				break
			}
		}
		if err != nil {
			os.Exit(0)
		}
	}
}

// answer makes the signature that a message asks for.
func (k *keyring) answer(message []byte) (out reply) {
	var r request
	if err := r.parse(message); err != nil {
		return reply{status: failed, body: []byte(err.Error())}
	}
	out = reply{sequence: r.sequence, status: failed}
	defer func() {
		if v := recover(); v != nil {
			out = reply{sequence: r.sequence, status: failed, body: []byte("the signature has panicked")}
		}
	}()
	key := k.find(r.key)
	if key == nil {
		if len(r.der) == 0 {
			out.status = unknown
			return out
		}
		if key = parseKey(r.der, r.key); key == nil {
			out.body = []byte("the key cannot be parsed")
			return out
		}
		k.keep(r.key, key)
	}
	signature, err := key.Sign(rand.Reader, r.digest, r.options())
	if err != nil {
		out.body = []byte("cannot sign")
		return out
	}
	out.status, out.body = signed, signature
	return out
}

// parseKey returns the key of that name, or nil.
func parseKey(der []byte, name fingerprint) *rsa.PrivateKey {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok || fingerprintOf(&key.PublicKey) != name {
		return nil
	}
	return key
}

func (k *keyring) find(name fingerprint) *rsa.PrivateKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.known[name]
	if one == nil {
		return nil
	}
	one.used = true
	return one.key
}

func (k *keyring) keep(name fingerprint, key *rsa.PrivateKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for old, one := range k.known {
		if len(k.known) < maxKeys {
			break
		}
		if !one.used {
			delete(k.known, old)
		}
	}
	for old := range k.known { // all are in use: any of them
		if len(k.known) < maxKeys {
			break
		}
		delete(k.known, old)
	}
	k.known[name] = &known{key: key, used: true}
}

// forget lets keys go that have not been used since the last time, and reports
// whether none is left.
func (k *keyring) forget() (none bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for name, one := range k.known {
		if !one.used {
			delete(k.known, name)
		}
		one.used = false
	}
	return len(k.known) == 0
}
