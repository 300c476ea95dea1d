//go:build !race

package tck_test

const raceEnabled = false
