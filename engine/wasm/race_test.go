//go:build race

package wasm

// raceEnabled: the race detector's own memory spoils figures of resident
// memory.
const raceEnabled = true
