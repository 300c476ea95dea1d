;; A guest that asks every client for more, and does what the last letter of the
;; answer says: a digit is the code to return, g makes its memory grow and asks
;; again, m answers by a resolve with data. It counts the exchanges that it has open
;; and logs the ends that it is told.
(module
  (import "wicket" "log" (func $log (param i32 i32 i32)))
  (import "wicket" "resolve" (func $resolve (param i64 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 1024) "ended")
  (data (i32.const 1040) "\62\04more")  ;; Decision: auth_data "more"

  (func (export "wicket_abi_v1") (result i32) i32.const 3)
  (func (export "wicket_buffer") (param i32) (result i32)
    (if (i32.gt_u (local.get 0) (i32.const 65536)) (then (return (i32.const 0))))
    i32.const 65536)
  (func (export "wicket_load") (param i32 i32) (result i32) i32.const 0)
  (func (export "wicket_authenticate") (param i64 i32 i32) (result i32) i32.const 4)
  (func (export "wicket_auth_continue") (param $req i64) (param $ptr i32) (param $n i32) (result i32)
    (local $last i32)
    (local.set $last (i32.load8_u (i32.sub (i32.add (local.get $ptr) (local.get $n)) (i32.const 1))))
    (if (i32.eq (local.get $last) (i32.const 1)) (then ;; the field ended
      (call $log (i32.const 1) (i32.const 1024) (i32.const 5))
      (return (i32.const 0))))
    (if (i32.eq (local.get $last) (i32.const 103)) (then
      (drop (memory.grow (i32.const 900)))
      (return (i32.const 4))))
    (if (i32.eq (local.get $last) (i32.const 109)) (then
      (drop (call $resolve (local.get $req) (i32.const 4) (i32.const 1040) (i32.const 6)))
      (return (i32.const 3))))
    (i32.sub (local.get $last) (i32.const 48))))
