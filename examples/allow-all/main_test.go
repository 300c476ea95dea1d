//go:build !wasip1

package main

import (
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

// Whoever comes may do everything.
func TestHandler(t *testing.T) {
	v := wicket.TestConnect(nil, &wicket.Connect{ClientID: "pump-7"})
	if v.Code() != wicket.CodeAllow || v.Detail().Default != uint32(wicket.CodeAllow) {
		t.Errorf("%v %+v", v.Code(), v.Detail())
	}
}
