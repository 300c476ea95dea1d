package main

import (
	"testing"

	"github.com/wicketmq/wicket/plugins/builtintest"
)

// The module itself, on the broker's own host.
func TestCases(t *testing.T) { builtintest.Run(t, "ratelimit", "1.3", "cases.yaml") }
