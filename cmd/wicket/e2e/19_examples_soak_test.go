//go:build soak

package e2e

import "testing"

// TestExamples for the languages whose compilers take their time.
func TestSoakExamples(t *testing.T) { runExamples(t, "rust", "assemblyscript") }
