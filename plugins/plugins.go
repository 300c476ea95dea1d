// Package plugins carries the first-party plugins, built: the broker finds
// them as "builtin:NAME". The modules are committed, so that a fresh clone
// builds and runs with no step before; a test rebuilds each and compares.
// Whoever changes a plugin, the SDK, or what they import runs go generate.
package plugins

import (
	_ "embed"
	"maps"
	"slices"
)

//go:generate env GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 GOFLAGS= GOWASM= GOEXPERIMENT= go build -buildvcs=false -trimpath "-ldflags=-s -w -buildid=" -buildmode=c-shared -o acl.wasm ./acl
//go:generate env GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 GOFLAGS= GOWASM= GOEXPERIMENT= go build -buildvcs=false -trimpath "-ldflags=-s -w -buildid=" -buildmode=c-shared -o audit.wasm ./audit
//go:generate env GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 GOFLAGS= GOWASM= GOEXPERIMENT= go build -buildvcs=false -trimpath "-ldflags=-s -w -buildid=" -buildmode=c-shared -o certmap.wasm ./certmap
//go:generate env GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 GOFLAGS= GOWASM= GOEXPERIMENT= go build -buildvcs=false -trimpath "-ldflags=-s -w -buildid=" -buildmode=c-shared -o http.wasm ./http
//go:generate env GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 GOFLAGS= GOWASM= GOEXPERIMENT= go build -buildvcs=false -trimpath "-ldflags=-s -w -buildid=" -buildmode=c-shared -o jwt.wasm ./jwt
//go:generate env GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 GOFLAGS= GOWASM= GOEXPERIMENT= go build -buildvcs=false -trimpath "-ldflags=-s -w -buildid=" -buildmode=c-shared -o password.wasm ./password
//go:generate env GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 GOFLAGS= GOWASM= GOEXPERIMENT= go build -buildvcs=false -trimpath "-ldflags=-s -w -buildid=" -buildmode=c-shared -o ratelimit.wasm ./ratelimit
//go:generate env GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 GOFLAGS= GOWASM= GOEXPERIMENT= go build -buildvcs=false -trimpath "-ldflags=-s -w -buildid=" -buildmode=c-shared -o scram.wasm ./scram

//go:embed acl.wasm
var acl []byte

//go:embed audit.wasm
var audit []byte

//go:embed certmap.wasm
var certmap []byte

//go:embed http.wasm
var http []byte

//go:embed jwt.wasm
var jwt []byte

//go:embed password.wasm
var password []byte

//go:embed ratelimit.wasm
var ratelimit []byte

//go:embed scram.wasm
var scram []byte

// builtin is a first-party plugin.
type builtin struct {
	module []byte
	grants []string // what it needs
}

var builtins = map[string]builtin{
	"acl":       {acl, nil},
	"audit":     {audit, []string{"http", "metrics", "timers"}},
	"certmap":   {certmap, nil},
	"http":      {http, []string{"http"}},
	"jwt":       {jwt, []string{"http", "jwt", "kv"}},
	"password":  {password, []string{"password"}},
	"ratelimit": {ratelimit, []string{"kv", "metrics"}},
	"scram":     {scram, []string{"http"}},
}

// Names are the plugins that Builtin knows.
var Names = slices.Sorted(maps.Keys(builtins))

// Builtin returns the module of a first-party plugin. The bytes are shared:
// callers must not change them.
func Builtin(name string) (module []byte, ok bool) {
	b, ok := builtins[name]
	return b.module, ok
}

// Grants returns the capabilities that a first-party plugin needs.
func Grants(name string) []string { return builtins[name].grants }
