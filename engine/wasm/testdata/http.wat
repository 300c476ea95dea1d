;; A guest that asks upstreams. The first letter of the client id chooses how;
;; status 0 of the answer allows.
(module
  (import "wicket" "resolve" (func $resolve (param i64 i32 i32 i32) (result i32)))
  (import "wicket" "http_send" (func $send (param i64 i32 i32) (result i64)))

  ;; 1024 constants, 4096 requests by call id, 131072 input
  (memory (export "memory") 3)
  ;; HttpRequest {upstream "auth", path "/p", headers [{"a", "b"}], body "xy", timeout_ms 2000}
  (data (i32.const 1024) "\0a\04auth\1a\02/p\22\06\0a\01a\12\01b\2a\02xy\30\d0\0f")
  (data (i32.const 1056) "\0a\05other\1a\02/p")      ;; another upstream
  (data (i32.const 1072) "\0a\05au")                  ;; ends early

  (func (export "wicket_abi_v1") (result i32) i32.const 2)
  (func (export "wicket_buffer") (param i32) (result i32)
    (if (i32.gt_u (local.get 0) (i32.const 65536)) (then (return (i32.const 0))))
    i32.const 131072)
  (func (export "wicket_load") (param i32 i32) (result i32) i32.const 0)

  (func $start (param $req i64) (param $for i64) (param $msg i32) (param $len i32) (result i32)
    (local $call i64)
    (local.set $call (call $send (local.get $for) (local.get $msg) (local.get $len)))
    (if (i64.le_s (local.get $call) (i64.const 0)) (then (return (i32.wrap_i64 (local.get $call)))))
    (i64.store (i32.add (i32.const 4096) (i32.shl (i32.and (i32.wrap_i64 (local.get $call)) (i32.const 8191)) (i32.const 3))) (local.get $req))
    i32.const 3)

  (func (export "wicket_authenticate") (param $req i64) (param $ptr i32) (param $len i32) (result i32)
    (local $c i32) (local $code i32)
    (local.set $c (i32.load8_u offset=2 (local.get $ptr)))
    (if (i32.eq (local.get $c) (i32.const 103)) (then ;; g
      (return (call $start (local.get $req) (local.get $req) (i32.const 1024) (i32.const 25)))))
    (if (i32.eq (local.get $c) (i32.const 115)) (then ;; s: stray, belongs to no request
      (return (call $start (local.get $req) (i64.const 0) (i32.const 1024) (i32.const 25)))))
    (if (i32.eq (local.get $c) (i32.const 102)) (then ;; f: of a request that is somebody else's
      (return (call $start (local.get $req) (i64.const 99999) (i32.const 1024) (i32.const 25)))))
    (if (i32.eq (local.get $c) (i32.const 111)) (then ;; o: other upstream
      (return (call $start (local.get $req) (local.get $req) (i32.const 1056) (i32.const 11)))))
    (if (i32.eq (local.get $c) (i32.const 109)) (then ;; m: malformed
      (return (call $start (local.get $req) (local.get $req) (i32.const 1072) (i32.const 4)))))
    (if (i32.eq (local.get $c) (i32.const 98)) (then ;; b: bad pointer
      (return (call $start (local.get $req) (local.get $req) (i32.const 131072) (i32.const 0x7fffffff)))))
    (if (i32.eq (local.get $c) (i32.const 108)) (then ;; l: again and again
      (loop $l
        (local.set $code (call $start (local.get $req) (local.get $req) (i32.const 1024) (i32.const 25)))
        (br_if $l (i32.eq (local.get $code) (i32.const 3))))
      (return (local.get $code))))
    (if (i32.eq (local.get $c) (i32.const 117)) (then (unreachable))) ;; u
    i32.const 1)

  (func (export "wicket_completed") (param $call i64) (param $status i32) (param i32 i32)
    (drop (call $resolve
      (i64.load (i32.add (i32.const 4096) (i32.shl (i32.and (i32.wrap_i64 (local.get $call)) (i32.const 8191)) (i32.const 3))))
      (i32.eqz (local.get $status)) (i32.const 0) (i32.const 0))))
)
