;; A guest that has tokens verified. The client id, of one letter, chooses how; the
;; user name is the token. Keys of slot 0 are set at load: HS256 with a secret of 32
;; letters a. The outcome of a call is the answer: status 0 allows, others deny with
;; 0x80 and the status as the reason; the payload is its text.
(module
  (import "wicket" "resolve" (func $resolve (param i64 i32 i32 i32) (result i32)))
  (import "wicket" "jwt_keys" (func $keys (param i32 i32 i32 i32 i32) (result i32)))
  (import "wicket" "jwt_verify" (func $verify (param i64 i32 i32 i32) (result i64)))

  ;; 1024 constants, 4096 requests by call id, 69632 answer, 131072 input
  (memory (export "memory") 3)
  ;; JwtKeys {algorithms ["HS256"], secret}
  (data (i32.const 1024) "\0a\05HS256\22\20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
  (data (i32.const 1088) "\0a\05HS256\22\06s3cret") ;; too short
  (data (i32.const 1104) "\0a\05HS")                ;; ends early

  (func (export "wicket_abi_v1") (result i32) i32.const 3)
  (func (export "wicket_buffer") (param i32) (result i32)
    (if (i32.gt_u (local.get 0) (i32.const 65536)) (then (return (i32.const 0))))
    i32.const 131072)
  (func (export "wicket_load") (param i32 i32) (result i32)
    (call $keys (i32.const 0) (i32.const 1024) (i32.const 41) (i32.const 0) (i32.const 0)))

  (func $start (param $req i64) (param $for i64) (param $slot i32) (param $ptr i32) (param $len i32) (result i32)
    (local $call i64)
    (local.set $call (call $verify (local.get $for) (local.get $slot) (local.get $ptr) (local.get $len)))
    (if (i64.le_s (local.get $call) (i64.const 0)) (then (return (i32.wrap_i64 (local.get $call)))))
    (i64.store (i32.add (i32.const 4096) (i32.shl (i32.and (i32.wrap_i64 (local.get $call)) (i32.const 8191)) (i32.const 3))) (local.get $req))
    i32.const 3)

  ;; denies with a text at 69632 of n bytes
  (func $say (param $req i64) (param $n i32)
    (i32.store8 (i32.const 69630) (i32.const 0x12))
    (i32.store8 (i32.const 69631) (local.get $n))
    (drop (call $resolve (local.get $req) (i32.const 0) (i32.const 69630) (i32.add (local.get $n) (i32.const 2)))))

  (func (export "wicket_authenticate") (param $req i64) (param $ptr i32) (param $len i32) (result i32)
    (local $c i32) (local $n i32) (local $code i32)
    (local.set $c (i32.load8_u offset=2 (local.get $ptr)))
    (local.set $n (i32.load8_u offset=4 (local.get $ptr)))
    (local.set $ptr (i32.add (local.get $ptr) (i32.const 5)))
    (if (i32.eq (local.get $c) (i32.const 118)) (then ;; v: verify
      (return (call $start (local.get $req) (local.get $req) (i32.const 0) (local.get $ptr) (local.get $n)))))
    (if (i32.eq (local.get $c) (i32.const 101)) (then ;; e: with an empty slot
      (return (call $start (local.get $req) (local.get $req) (i32.const 1) (local.get $ptr) (local.get $n)))))
    (if (i32.eq (local.get $c) (i32.const 120)) (then ;; x: with no slot
      (return (call $start (local.get $req) (local.get $req) (i32.const 16) (local.get $ptr) (local.get $n)))))
    (if (i32.eq (local.get $c) (i32.const 102)) (then ;; f: for a request that is somebody else's
      (return (call $start (local.get $req) (i64.const 99999) (i32.const 0) (local.get $ptr) (local.get $n)))))
    (if (i32.eq (local.get $c) (i32.const 110)) (then ;; n: for none
      (return (call $start (local.get $req) (i64.const 0) (i32.const 0) (local.get $ptr) (local.get $n)))))
    (if (i32.eq (local.get $c) (i32.const 98)) (then ;; b: bad pointer
      (return (call $start (local.get $req) (local.get $req) (i32.const 0) (i32.const 131072) (i32.const 0x7fffffff)))))
    (if (i32.eq (local.get $c) (i32.const 108)) (then ;; l: long, 128 KiB
      (return (call $start (local.get $req) (local.get $req) (i32.const 0) (i32.const 4096) (i32.const 0x20000)))))
    (if (i32.eq (local.get $c) (i32.const 114)) (then ;; r: again and again
      (loop $l
        (local.set $code (call $start (local.get $req) (local.get $req) (i32.const 0) (local.get $ptr) (local.get $n)))
        (br_if $l (i32.eq (local.get $code) (i32.const 3))))
      (return (local.get $code))))
    (if (i32.eq (local.get $c) (i32.const 115)) (then ;; s: short secret; says what is wrong
      (call $say (local.get $req) (call $keys (i32.const 0) (i32.const 1088) (i32.const 15) (i32.const 69632) (i32.const 127)))
      (return (i32.const 3))))
    (if (i32.eq (local.get $c) (i32.const 116)) (then ;; t: there is no room for what is wrong
      (i32.store8 (i32.const 69632) (i32.const 63))
      (if (i32.le_s (call $keys (i32.const 0) (i32.const 1088) (i32.const 15) (i32.const 69632) (i32.const 3)) (i32.const 3)) (then (unreachable)))
      (call $say (local.get $req) (i32.const 1))
      (return (i32.const 3))))
    (if (i32.eq (local.get $c) (i32.const 109)) (then ;; m: malformed
      (return (call $keys (i32.const 0) (i32.const 1104) (i32.const 4) (i32.const 0) (i32.const 0)))))
    (if (i32.eq (local.get $c) (i32.const 111)) (then ;; o: outside of the slots
      (return (call $keys (i32.const 16) (i32.const 1024) (i32.const 41) (i32.const 0) (i32.const 0)))))
    i32.const 1)

  (func (export "wicket_completed") (param $call i64) (param $status i32) (param $ptr i32) (param $len i32)
    (i32.store (i32.const 69632) (i32.const 0x12018008)) ;; reason 0x80
    (i32.store8 (i32.const 69633) (i32.or (i32.const 0x80) (local.get $status)))
    (i32.store8 (i32.const 69636) (local.get $len))
    (memory.copy (i32.const 69637) (local.get $ptr) (local.get $len))
    (drop (call $resolve
      (i64.load (i32.add (i32.const 4096) (i32.shl (i32.and (i32.wrap_i64 (local.get $call)) (i32.const 8191)) (i32.const 3))))
      (i32.eqz (local.get $status)) (i32.const 69632) (i32.add (local.get $len) (i32.const 5)))))
)
