// Package plugins carries the first-party plugins, built: the broker finds
// them as "builtin:NAME". The modules are committed, so that a fresh clone
// builds and runs with no step before; a test rebuilds each and compares.
// Whoever changes a plugin, the SDK, or what they import runs go generate.
package plugins

import _ "embed"

//go:generate env GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 GOFLAGS= GOWASM= GOEXPERIMENT= go build -buildvcs=false -trimpath "-ldflags=-s -w -buildid=" -buildmode=c-shared -o password.wasm ./password

//go:embed password.wasm
var password []byte

// Names are the plugins that Builtin knows.
var Names = []string{"password"}

// Builtin returns the module of a first-party plugin. The bytes are shared:
// callers must not change them.
func Builtin(name string) (module []byte, ok bool) {
	if name == "password" {
		return password, true
	}
	return nil, false
}
