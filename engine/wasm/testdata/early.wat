;; A guest that asks an upstream while it is loaded, and sleeps then. A completion
;; that it is given meanwhile traps.
(module
  (import "wicket" "http_send" (func $send (param i64 i32 i32) (result i64)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))

  (memory (export "memory") 2)
  (data (i32.const 1024) "\0a\04auth") ;; HttpRequest {upstream "auth"}
  (global $loading (mut i32) (i32.const 0))
  (global $heard (mut i32) (i32.const 0))

  (func (export "wicket_abi_v1") (result i32) i32.const 2)
  (func (export "wicket_buffer") (param i32) (result i32) i32.const 65536)
  (func (export "wicket_load") (param i32 i32) (result i32)
    (global.set $loading (i32.const 1))
    (drop (call $send (i64.const 0) (i32.const 1024) (i32.const 6)))
    (i64.store (i32.const 2072) (i64.const 100000000)) ;; timeout of the subscription, 100 ms
    (drop (call $poll (i32.const 2048) (i32.const 3072) (i32.const 1) (i32.const 4096)))
    (global.set $loading (i32.const 0))
    i32.const 0)

  ;; "u" ends the instance; others are allowed once the upstream's answer has come.
  (func (export "wicket_authenticate") (param i64 i32 i32) (result i32)
    (if (i32.eq (i32.load8_u offset=2 (local.get 1)) (i32.const 117)) (then (unreachable)))
    global.get $heard)

  (func (export "wicket_completed") (param i64 i32 i32 i32)
    (if (global.get $loading) (then (unreachable)))
    (global.set $heard (i32.const 1))))
