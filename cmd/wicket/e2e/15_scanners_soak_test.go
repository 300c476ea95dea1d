//go:build soak

package e2e

import "testing"

func TestSoakScanners(t *testing.T) {
	scan(t, map[string][]string{"tls:default": allOfTestssl, "tls:rsa": allOfTestssl})()
}
