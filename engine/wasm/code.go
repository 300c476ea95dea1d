package wasm

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
)

// What a host keeps of modules that no plugin uses any more, so that to go back to
// a version, or to load one again with another configuration, costs no look at
// the code.
const (
	idleCodes = 4
	idleBytes = 16 << 20 // of the modules' files; the native code of a Go guest takes four times as much
	idleTime  = 30 * time.Second
)

// codeKey says which plugins may share a code: those of the same file, whose
// instances may have the same memory.
type codeKey struct {
	sum   [sha256.Size]byte // of the whole module
	pages uint32
}

// code is a compiled module, in the runtime that its instances live in. Instances
// share nothing but the instructions and the functions of the host, which
// learn from the call whose they are; so plugins may share it.
type code struct {
	key      codeKey
	size     int64             // of the module
	wasi     map[string]string // signatures of the WASI functions
	runtime  wazero.Runtime
	compiled wazero.CompiledModule

	// Of codes:
	users int       // plugins
	since time.Time // without users
}

// codes are the compiled modules of a host: those in use, and for a while the last
// few that were. What a plugin may do is not decided here: each is checked
// against its own limits and grants, compiled or not.
type codes struct {
	mu     sync.Mutex
	known  map[codeKey]*code
	idle   []*code // without users, longest first
	sweep  *time.Timer
	closed bool
}

// take returns a code that is known, for one more user, or nil.
func (s *codes) take(key codeKey) *code {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.known[key]
	if c == nil {
		return nil
	}
	if c.users++; c.users == 1 {
		s.idle = slices.DeleteFunc(s.idle, func(one *code) bool { return one == c })
	}
	return c
}

// add makes a code known that has one user. When somebody was faster there are two
// of it, and the later goes with its user.
func (s *codes) add(c *code) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.users = 1
	if s.known == nil {
		s.known = map[codeKey]*code{}
	}
	if s.known[c.key] == nil {
		s.known[c.key] = c
	}
}

// leave says that a user is gone, whose instances are closed.
func (s *codes) leave(c *code) error {
	s.mu.Lock()
	var gone []*code
	if c.users--; c.users == 0 {
		if s.known[c.key] == c && !s.closed {
			c.since = time.Now()
			s.idle = append(s.idle, c)
			gone = s.trim()
		} else {
			gone = []*code{c}
		}
	}
	s.mu.Unlock()
	return closeCodes(gone)
}

// trim forgets what is too much, or has been idle for too long, and has itself
// called again for the rest. The caller closes what it returns.
func (s *codes) trim() (gone []*code) {
	var size int64
	for _, c := range s.idle {
		size += c.size
	}
	now := time.Now()
	for len(s.idle) > 0 && (len(s.idle) > idleCodes || size > idleBytes || s.closed || now.Sub(s.idle[0].since) >= idleTime) {
		c := s.idle[0]
		s.idle = s.idle[1:]
		size -= c.size
		delete(s.known, c.key)
		gone = append(gone, c)
	}
	if s.sweep != nil {
		s.sweep.Stop()
		s.sweep = nil
	}
	if len(s.idle) > 0 {
		s.sweep = time.AfterFunc(s.idle[0].since.Add(idleTime).Sub(now), s.tidy)
	}
	return gone
}

// tidy is called by the timer.
func (s *codes) tidy() {
	s.mu.Lock()
	gone := s.trim()
	s.mu.Unlock()
	_ = closeCodes(gone) // nobody is there to hear of it
}

// close forgets all that has no users, now and from now on.
func (s *codes) close() error {
	s.mu.Lock()
	s.closed = true
	gone := s.trim()
	s.mu.Unlock()
	return closeCodes(gone)
}

func closeCodes(gone []*code) error {
	var errs []error
	for _, c := range gone {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// close frees the code. It does not stop half way.
func (c *code) close() error {
	background := context.Background()
	var err error
	if c.compiled != nil {
		err = c.compiled.Close(background)
	}
	return errors.Join(err, c.runtime.Close(background))
}
