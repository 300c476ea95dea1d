//go:build !wasip1

package wicket

import "crypto/rand"

// Random fills b from a cryptographic source; at most 1 MiB at once.
func Random(b []byte) { _, _ = rand.Read(b) }
