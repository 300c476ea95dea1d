// Package wasm hosts authentication plugins: WebAssembly modules that decide
// who may connect and what they may do. It speaks version 1 of the plugin ABI
// (sdk/ABI.md, sdk/wicket.proto) on wazero and implements auth.Decider.
//
// A Host owns what plugins share: compiled modules, each in a wazero runtime of
// its own (code.go), and the workers that verify password hashes. A Plugin owns a
// few workers. A worker is a goroutine with one instance of the guest; nothing
// else ever touches that instance, so neither the guest nor its memory is locked.
//
//	any goroutine ── Authenticate/Authorize ──▶ inbox ──▶ worker ──▶ guest
//	hash workers  ── completion ─────────────▶ inbox ──┘     │
//	caller's done ◀── verdict ───────────────────────────────┘
//
// A guest that cannot answer yet says PENDING and is called again when the
// host call it waits for has completed. Thousands of requests may wait on one
// instance; each is an entry in a list ordered by deadline, not a goroutine
// and not a timer. The host never calls a guest from inside one of its imports.
//
// What a plugin keeps, its keys and values and its metrics, belongs to its name:
// all instances share it, and the next version finds it (kept.go). Timers belong
// to an instance and are called by its worker between requests; so are events,
// which wait in a bounded queue for one worker of the plugin.
//
// Modules are rewritten before they are compiled (package meter): guests pay
// for what they do and ask the host for more, which is how they are stopped.
//
// Foreign code is bounded on every side: a time slice for each call, a
// deadline for each request, caps on memory, tables, module size, queue and
// requests in flight. A guest that traps, overruns its slice or answers
// nonsense is thrown away with all its pending requests, which are answered
// by the plugin's OnError policy; a new instance replaces it. There is no
// policy that allows.
//
// Buffers: a request given to a Plugin belongs to it until done is called.
// Bytes that a guest passes to an import are copied inside that import. The
// guest's input buffer is cleared after each call, so that passwords do not
// stay in it.
package wasm
