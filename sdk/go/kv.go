package wicket

import "errors"

// ErrFull says that there is no room for a value, or that the key holds no
// counter.
var ErrFull = errors.New("there is no room for the value")

// KV is what the plugin keeps: keys and values that all instances share and that
// survive a reload, until the process ends. It needs the grant "kv". Its calls
// do not wait. A key has 1 to 256 bytes, a value at most 64 KiB.
var KV Store

// Store is the type of KV.
type Store struct{}

// Get returns the value of a key; ok is false when there is none.
func (Store) Get(key string) (value []byte, ok bool) { return kvGet(key) }

// Set gives a key a value for ttl milliseconds, or for good when that is 0.
// ErrFull says that there is no room, which the operator bounds by kv.max_bytes.
func (Store) Set(key string, value []byte, ttl int64) error {
	switch kvSet(key, value, ttl) {
	case 0:
		return nil
	case -2:
		return ErrFull
	}
	return ErrMalformed
}

// Add adds to a counter in one step and returns the sum. A counter that is not
// there begins at 0 and ends after ttl milliseconds, which later additions leave
// alone: a window that begins with its first event. A ttl of 0 is for good.
func (Store) Add(key string, delta, ttl int64) (sum int64, err error) {
	if sum = kvAdd(key, delta, ttl); sum == -1<<63 {
		return 0, ErrFull
	}
	return sum, nil
}

// Delete removes a key; false says that there was none.
func (Store) Delete(key string) bool { return kvDelete(key) }
