// Package signer keeps the RSA signatures of a flood of TLS handshakes from
// being felt by clients that are in. A signature takes a processor for more than
// a millisecond, and Linux lets a thread that has just become ready, such as an
// event loop with a message, wait up to a tick (4 ms, or 1) for one that
// computes, whatever their priorities are; except where that one has the policy
// SCHED_IDLE (sched(7)), which is interrupted at once. So while others wait for
// their handshake, signatures are made by a second process, all of whose threads
// have that policy. They cannot be threads of the broker: whoever stops the
// world for the garbage collector waits for all threads that run Go code, and on
// a busy machine one of SCHED_IDLE may not run for a second.
//
// The process is this program again, with other arguments. It is started when
// a flood begins, ends a minute or two after it was last asked, and at once with
// the broker, however that ends. It knows the keys that it was lately asked to
// sign with, which it gets over its sockets, and nothing else: no environment, no
// files, no memory that could be dumped.
//
// What it does not do in time is done in place, as if it were not there, so that
// nothing depends on it.
//
// The goroutines of handshakes call a [Key]'s methods. One more goroutine starts
// the process and waits for its end. Nothing here keeps the caller's buffers.
package signer

import (
	"crypto"
	"crypto/rsa"
	"io"
	"log/slog"
	"sync/atomic"
	"time"
)

// Options are how signatures are made.
type Options struct {
	// Arguments are those by which this program calls [Serve]. Without any, all
	// signatures are made in place.
	Arguments []string

	// Lines is how many signatures the process may be asked for at one time.
	Lines int

	// Crowded says, before each signature, whether others wait for a processor.
	// While nobody does, signatures are made in place.
	Crowded func() bool

	// Log hears of processes that cannot be started, and that end by themselves.
	Log *slog.Logger
}

// Stats are the figures of a [Signer]. RSA signatures are counted, no others.
type Stats struct {
	Apart   uint64 // signatures made by the process
	InPlace uint64 // signatures made by the caller
	Overdue uint64 // of those, the ones that the process was asked for and had no time for
	Starts  uint64 // processes started
	Running bool   // there is one

	CPU time.Duration // processor time that these processes have used
}

// Signer makes signatures, in a process of its own while there is a crowd. All
// methods are safe for use by any goroutine.
type Signer struct {
	options Options
	timing  timing
	process process

	apart, inPlace, overdue, starts atomic.Uint64
}

// timing is how long things may take.
type timing struct {
	// patience is how long a signature may take. On a quiet machine it is ready
	// in one or two milliseconds (RSA-2048) or six (RSA-4096), and the time that
	// others need the processors for is added to that.
	patience time.Duration

	// rest is how long nobody asks when patience has ended twice in a row: a
	// machine whose processors are busy with other work loses a tenth of the time.
	// Once happens in any flood, every few seconds.
	rest time.Duration

	// pause is between two starts when the process has failed.
	pause time.Duration
}

var usual = timing{patience: 50 * time.Millisecond, rest: 500 * time.Millisecond, pause: 10 * time.Second}

// New returns a signer that has no process yet.
func New(o Options) *Signer {
	s := &Signer{options: o, timing: usual}
	s.process.init()
	return s
}

// Key returns a key that is used by way of s, and k itself when it is not for
// RSA: another kind's signature takes less time than asking for it.
func (s *Signer) Key(k crypto.Signer) crypto.Signer {
	private, ok := k.(*rsa.PrivateKey)
	if !ok {
		return k
	}
	return &Key{PrivateKey: private, name: fingerprintOf(&private.PublicKey), signer: s}
}

// Close ends the process. What is signed from then on is signed in place.
func (s *Signer) Close() { s.process.close() }

// Stats returns the figures of this moment.
func (s *Signer) Stats() Stats {
	out := Stats{Apart: s.apart.Load(), InPlace: s.inPlace.Load(), Overdue: s.overdue.Load(), Starts: s.starts.Load()}
	out.Running, out.CPU = s.process.usage()
	return out
}

// Key is a private RSA key that signs by way of a [Signer]. Like [rsa.PrivateKey]
// it can decrypt too, which the suites without ECDHE need.
type Key struct {
	*rsa.PrivateKey
	name    fingerprint
	signer  *Signer
	refused atomic.Bool // the process cannot use it
}

// Sign implements [crypto.Signer]. crypto/tls does not look at the signature
// that it gets, and neither does this: the process is this program, whose
// crypto/rsa checks each signature before it is let out (a faulty one would tell
// the key), and were one wrong, the client would refuse the handshake and no
// more had happened.
func (k *Key) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	s := k.signer
	if len(s.options.Arguments) > 0 && s.options.Crowded() {
		if signature := s.process.sign(s, k, digest, opts); signature != nil {
			s.apart.Add(1)
			return signature, nil
		}
	}
	s.inPlace.Add(1)
	return k.PrivateKey.Sign(rand, digest, opts)
}
