//go:build race

package wasm

// raceEnabled: figures of resident memory are spoiled by the race detector's
// own, and large modules take long to compile.
const raceEnabled = true
