package wasm

import "github.com/wicketmq/wicket/engine/auth"

// Versions of the ABI that this host speaks.
const (
	abiMajor = 1
	abiMinor = 3
)

// Names of the import modules a guest may use.
const (
	moduleWicket = "wicket"
	moduleWASI   = "wasi_snapshot_preview1"
)

// Names of the exports the host looks for.
const (
	exportMemory       = "memory"
	exportInitialize   = "_initialize"
	exportStart        = "_start"
	exportABI          = "wicket_abi_v1"
	exportBuffer       = "wicket_buffer"
	exportLoad         = "wicket_load"
	exportAuthenticate = "wicket_authenticate"
	exportAuthorize    = "wicket_authorize"
	exportCompleted    = "wicket_completed"
	exportContinue     = "wicket_auth_continue"
	exportHello        = "wicket_client_hello"
	exportEvent        = "wicket_event"
	exportTimer        = "wicket_timer"
	exportPSK          = "wicket_psk"
	exportUnload       = "wicket_unload"
)

// Answers of wicket_authenticate, wicket_authorize and resolve.
const (
	codeDeny     = int32(auth.Deny)
	codeAllow    = int32(auth.Allow)
	codeNext     = int32(auth.Next)
	codePending  = 3
	codeContinue = int32(auth.Continue)
)

// Answers of the import resolve.
const (
	resolveOK        = 0
	resolveUnknown   = -1 // answered before, too late, or not this instance's
	resolveMalformed = -3 // the decision could not be read; the request is answered by on_error
)

// Answers of the imports that start a host call instead of a call id.
const (
	callNotGranted = -1
	callTooMany    = -2
	callMalformed  = -3
)

// status is the outcome of a host call, given to wicket_completed.
type status int32

// The statuses of sdk/wicket.proto.
const (
	statusOK status = iota
	statusMismatch
	statusTimeout
	statusRefused
	statusMalformed
	statusFailed
)

// Bits of the import hears: questions that the guest wants to be asked.
const (
	hearsAuthenticate = 1 << iota
	hearsAuthorize
	hearsHello
	hearsEvent

	hearsAll = hearsAuthenticate | hearsAuthorize | hearsHello | hearsEvent // a guest that does not say
)

// Bits of the import features and of Load.features.
const (
	featurePassword = 1 << iota
	featureHTTP
	featureKV
	featureMetrics
	featureTimers
	featureJWT
	featureDisconnect
	featureEvents // no grant: the operator's list of events
)

// GrantPassword is the capability to have password hashes verified by the
// host (import password_verify).
const GrantPassword = "password"

// GrantHTTP is the capability to ask the upstreams that the operator has named
// for the plugin (import http_send).
const GrantHTTP = "http"

// Capabilities of ABI 1.3: to keep keys and values, to show metrics, to be
// called by timers, and to disconnect clients.
const (
	GrantKV         = "kv"
	GrantMetrics    = "metrics"
	GrantTimers     = "timers"
	GrantDisconnect = "disconnect"
)

// grants maps each capability to its feature bit.
var grants = map[string]uint64{
	GrantPassword:   featurePassword,
	GrantHTTP:       featureHTTP,
	GrantKV:         featureKV,
	GrantMetrics:    featureMetrics,
	GrantTimers:     featureTimers,
	GrantJWT:        featureJWT,
	GrantDisconnect: featureDisconnect,
}

// imported describes one function of module "wicket".
type imported struct {
	signature string
	grant     string // capability that offers it, or empty for all guests
	calls     string // optional export by which its outcome comes, or empty
}

// imports lists every function of module "wicket" with its signature.
var imports = map[string]imported{
	"log":             {"(i32, i32, i32) -> ()", "", ""},
	"resolve":         {"(i64, i32, i32, i32) -> i32", "", ""},
	"features":        {"() -> i64", "", ""},
	"hears":           {"(i32) -> ()", "", ""},
	"now_unix_ms":     {"() -> i64", "", ""},
	"random":          {"(i32, i32) -> ()", "", ""},
	"cert_field":      {"(i64, i32, i32, i32, i32) -> i32", "", ""},
	"password_verify": {"(i64, i32, i32) -> i64", GrantPassword, exportCompleted},
	"http_send":       {"(i64, i32, i32) -> i64", GrantHTTP, exportCompleted},

	"kv_get":            {"(i32, i32, i32, i32) -> i32", GrantKV, ""},
	"kv_set":            {"(i32, i32, i32, i32, i64) -> i32", GrantKV, ""},
	"kv_add":            {"(i32, i32, i64, i64) -> i64", GrantKV, ""},
	"kv_delete":         {"(i32, i32) -> i32", GrantKV, ""},
	"metric_define":     {"(i32, i32) -> i32", GrantMetrics, ""},
	"metric_add":        {"(i32, i64) -> i32", GrantMetrics, ""},
	"metric_set":        {"(i32, i64) -> i32", GrantMetrics, ""},
	"metric_observe":    {"(i32, i64) -> i32", GrantMetrics, ""},
	"timer_set":         {"(i64, i64) -> i64", GrantTimers, exportTimer},
	"timer_cancel":      {"(i64) -> i32", GrantTimers, ""},
	"jwt_keys":          {"(i32, i32, i32, i32, i32) -> i32", GrantJWT, ""},
	"jwt_verify":        {"(i64, i32, i32, i32) -> i64", GrantJWT, exportCompleted},
	"client_disconnect": {"(i32, i32) -> i32", GrantDisconnect, ""},
}

// export describes one function that a guest may export.
type export struct {
	signature string
	required  bool
}

// exports lists every export name of ABI v1. Those that this host does not
// call yet are here so that a wrong signature is found early.
var exports = map[string]export{
	exportABI:          {"() -> i32", true},
	exportBuffer:       {"(i32) -> i32", true},
	exportLoad:         {"(i32, i32) -> i32", true},
	exportAuthenticate: {"(i64, i32, i32) -> i32", false},
	exportAuthorize:    {"(i64, i32, i32) -> i32", false},
	exportCompleted:    {"(i64, i32, i32, i32) -> ()", false},
	exportUnload:       {"() -> ()", false},
	exportInitialize:   {"() -> ()", false},
	exportContinue:     {"(i64, i32, i32) -> i32", false},
	exportHello:        {"(i64, i32, i32) -> i32", false},
	exportEvent:        {"(i32, i32) -> ()", false},
	exportTimer:        {"(i64) -> ()", false},
	exportPSK:          {"(i64, i32, i32) -> i32", false},
}
