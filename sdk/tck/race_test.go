//go:build race

package tck_test

// raceEnabled: large modules take long to compile under the race detector.
const raceEnabled = true
