;; A guest that is asked about TLS handshakes and does what the name of the
;; listener asks for: its first letter chooses.
(module
  (import "wicket" "resolve" (func $resolve (param i64 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 1024) "\12\05go on")       ;; Decision: reason_text
  (data (i32.const 1040) "\12\7f\ff")         ;; Decision that ends early

  (func (export "wicket_abi_v1") (result i32) i32.const 3)
  (func (export "wicket_buffer") (param i32) (result i32) i32.const 65536)
  (func (export "wicket_load") (param i32 i32) (result i32) i32.const 0)

  (func (export "wicket_client_hello") (param $req i64) (param $ptr i32) (param $len i32) (result i32)
    (local $c i32)
    (local.set $c (i32.load8_u (i32.add (local.get $ptr) (i32.const 2))))
    (if (i32.eq (local.get $c) (i32.const 97)) (then (return (i32.const 1))))   ;; allow
    (if (i32.eq (local.get $c) (i32.const 110)) (then (return (i32.const 2))))  ;; next
    (if (i32.eq (local.get $c) (i32.const 112)) (then (return (i32.const 3))))  ;; pending
    (if (i32.eq (local.get $c) (i32.const 99)) (then (return (i32.const 4))))   ;; continue
    (if (i32.eq (local.get $c) (i32.const 101)) (then (return (i32.const -1)))) ;; error
    (if (i32.eq (local.get $c) (i32.const 117)) (then (return (i32.const 9))))  ;; unknown code
    (if (i32.eq (local.get $c) (i32.const 116)) (then (unreachable)))           ;; trap
    (if (i32.eq (local.get $c) (i32.const 114)) (then                           ;; resolve, twice
      (drop (call $resolve (local.get $req) (i32.const 0) (i32.const 1024) (i32.const 7)))
      (drop (call $resolve (local.get $req) (i32.const 1) (i32.const 0) (i32.const 0)))
      (return (i32.const 3))))
    (if (i32.eq (local.get $c) (i32.const 109)) (then                           ;; malformed decision
      (drop (call $resolve (local.get $req) (i32.const 1) (i32.const 1040) (i32.const 3)))
      (return (i32.const 1))))
    i32.const 0))
