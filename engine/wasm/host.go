package wasm

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"

	"github.com/tetratelabs/wazero"
)

// HostOptions configure what all plugins of a broker share.
type HostOptions struct {
	// CacheDir holds compiled modules so that the next start takes
	// milliseconds instead of seconds. It is created with mode 0700 and
	// refused when somebody else owns it or can write to it. Empty: memory only.
	CacheDir string

	// Verify checks password hashes for plugins that were granted "password".
	Verify VerifyFunc

	// HashWorkers is the number of hashes verified at once; default GOMAXPROCS.
	HashWorkers int

	// HashQueue is the number of hashes that may wait; default 4096. Sources of
	// clients take turns, and one has a third of the places at most.
	HashQueue int

	// Disconnect disconnects a client for a plugin that was granted
	// "disconnect", soon. It is called by workers, also while plugins are
	// loaded, and must not wait. Nil: nobody is disconnected.
	Disconnect func(Disconnect)

	Log *slog.Logger // default slog.Default()
}

// Host is what the plugins of one broker share: compiled modules and their cache,
// the workers that verify password hashes and tokens, and what a plugin keeps over
// a reload. Its methods may be called by any goroutine.
type Host struct {
	dir    string
	cache  wazero.CompilationCache
	codes  codes
	verify VerifyFunc
	hashes *pool // passwords
	tokens *pool
	log    *slog.Logger

	disconnect func(Disconnect)

	mu      sync.Mutex // also of what is in kept, but for the keys and values
	kept    map[string]*kept
	metrics names
}

// tokenQueue is the number of tokens that may wait to be verified, each for some
// tens of microseconds.
const tokenQueue = 4096

// NewHost opens the compile cache and starts the hash workers.
func NewHost(o HostOptions) (*Host, error) {
	cache, err := openCache(o.CacheDir)
	if err != nil {
		return nil, err
	}
	if o.HashWorkers <= 0 {
		o.HashWorkers = runtime.GOMAXPROCS(0)
	}
	if o.HashQueue <= 0 {
		o.HashQueue = 4096
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	hashers := o.HashWorkers
	if o.Verify == nil {
		hashers = 0
	}
	return &Host{
		dir:    o.CacheDir,
		cache:  cache,
		verify: o.Verify,
		hashes: newPool(hashers, o.HashQueue),
		tokens: newPool(runtime.GOMAXPROCS(0), tokenQueue),
		log:    o.Log,

		disconnect: o.Disconnect, kept: map[string]*kept{},
	}, nil
}

// Close frees what is shared. Close the plugins first.
func (h *Host) Close() error {
	h.hashes.close()
	h.tokens.close()
	return errors.Join(h.codes.close(), h.cache.Close(context.Background()))
}
