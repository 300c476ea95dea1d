//go:build race

package upstream

// raceDetector is on: memory and time say nothing.
const raceDetector = true
