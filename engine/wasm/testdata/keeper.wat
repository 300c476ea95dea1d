;; A guest that keeps, counts, waits and listens. The first letter of the client
;; id chooses; a number that an import returns is logged as 8 bytes of hexadecimal.
(module
  (import "wicket" "log" (func $log (param i32 i32 i32)))
  (import "wicket" "kv_get" (func $get (param i32 i32 i32 i32) (result i32)))
  (import "wicket" "kv_set" (func $set (param i32 i32 i32 i32 i64) (result i32)))
  (import "wicket" "kv_add" (func $add (param i32 i32 i64 i64) (result i64)))
  (import "wicket" "kv_delete" (func $delete (param i32 i32) (result i32)))
  (import "wicket" "metric_define" (func $define (param i32 i32) (result i32)))
  (import "wicket" "metric_add" (func $count (param i32 i64) (result i32)))
  (import "wicket" "metric_set" (func $gauge (param i32 i64) (result i32)))
  (import "wicket" "metric_observe" (func $observe (param i32 i64) (result i32)))
  (import "wicket" "timer_set" (func $timer (param i64 i64) (result i64)))
  (import "wicket" "timer_cancel" (func $cancel (param i64) (result i32)))
  (import "wicket" "client_disconnect" (func $disconnect (param i32 i32) (result i32)))

  ;; 0 scratch, 1024 constants, 65536 input
  (memory (export "memory") 3)
  (data (i32.const 1024) "counter0")
  ;; Disconnect {client_id "victim", reason 0x97, reason_text "enough", username "bob"}
  (data (i32.const 1040) "\0a\06victim\10\97\01\1a\06enough\22\03bob")
  (data (i32.const 1072) "0123456789abcdef")
  (global $repeats (mut i64) (i64.const 0))
  (global $loops (mut i32) (i32.const 0))

  (func (export "wicket_abi_v1") (result i32) i32.const 3)
  (func (export "wicket_buffer") (param i32) (result i32)
    (if (i32.gt_u (local.get 0) (i32.const 65536)) (then (return (i32.const 0))))
    i32.const 65536)
  (func (export "wicket_load") (param i32 i32) (result i32) i32.const 0)

  ;; tells a number by a log line of 16 digits
  (func $tell (param $v i64) (local $i i32)
    (loop $l
      (i32.store8 (i32.add (i32.const 512) (local.get $i))
        (i32.load8_u (i32.add (i32.const 1072) (i32.wrap_i64 (i64.and (i64.const 15)
          (i64.shr_u (local.get $v) (i64.extend_i32_u (i32.sub (i32.const 60) (i32.mul (i32.const 4) (local.get $i))))))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 16))))
    (call $log (i32.const 1) (i32.const 512) (i32.const 16)))
  (func $tell32 (param $v i32) (call $tell (i64.extend_i32_s (local.get $v))))

  (func $forever (loop $l (br $l)))

  (func (export "wicket_authenticate") (param $req i64) (param $ptr i32) (param $len i32) (result i32)
    (local $c i32) (local $id i32) (local $n i32)
    (local.set $c (i32.load8_u offset=2 (local.get $ptr)))
    (local.set $id (i32.add (local.get $ptr) (i32.const 3)))
    (local.set $n (i32.sub (i32.load8_u offset=1 (local.get $ptr)) (i32.const 1)))
    ;; a adds 1 to the counter of the rest of the id, for a minute
    (if (i32.eq (local.get $c) (i32.const 97)) (then
      (call $tell (call $add (local.get $id) (local.get $n) (i64.const 1) (i64.const 60000)))))
    ;; s sets the rest of the id to itself, g gets it, d deletes it
    (if (i32.eq (local.get $c) (i32.const 115)) (then
      (call $tell32 (call $set (local.get $id) (local.get $n) (local.get $id) (local.get $n) (i64.const 0)))))
    (if (i32.eq (local.get $c) (i32.const 103)) (then
      (call $tell32 (call $get (local.get $id) (local.get $n) (i32.const 0) (i32.const 4)))))
    (if (i32.eq (local.get $c) (i32.const 100)) (then
      (call $tell32 (call $delete (local.get $id) (local.get $n)))))
    ;; b fills the store with keys of 256 bytes and values of 64 KiB; B with small ones
    (if (i32.eq (local.get $c) (i32.const 98)) (then
      (block $full (loop $l
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (i32.store (i32.const 0) (local.get $n))
        (br_if $full (i32.lt_s (call $set (i32.const 0) (i32.const 256) (i32.const 65536) (i32.const 65536) (i64.const 0)) (i32.const 0)))
        (br $l)))
      (call $tell32 (local.get $n))))
    (if (i32.eq (local.get $c) (i32.const 66)) (then
      (block $full (loop $l
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (i32.store (i32.const 0) (local.get $n))
        (br_if $full (i32.lt_s (call $set (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 0) (i64.const 0)) (i32.const 0)))
        (br $l)))
      (call $tell32 (local.get $n))))
    ;; k keys that are none: empty, too long; a value too long; a time that is none
    (if (i32.eq (local.get $c) (i32.const 107)) (then
      (call $tell32 (call $set (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1) (i64.const 0)))
      (call $tell32 (call $set (i32.const 0) (i32.const 257) (i32.const 0) (i32.const 1) (i64.const 0)))
      (call $tell32 (call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 65537) (i64.const 0)))
      (call $tell32 (call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i64.const -1)))
      (call $tell (call $add (i32.const 0) (i32.const 0) (i64.const 1) (i64.const 0)))
      (call $tell32 (call $get (i32.const 0) (i32.const 257) (i32.const 0) (i32.const 0)))
      (call $tell32 (call $delete (i32.const 0) (i32.const 0)))))
    ;; m defines the metric whose message is the rest of the id, c counts 2 on the
    ;; metric of the number that is the second letter, e sets it to 5, o observes 7
    (if (i32.eq (local.get $c) (i32.const 109)) (then
      (call $tell32 (call $define (local.get $id) (local.get $n)))))
    (if (i32.eq (local.get $c) (i32.const 99)) (then
      (call $tell32 (call $count (i32.sub (i32.load8_u (local.get $id)) (i32.const 48)) (i64.const 2)))))
    (if (i32.eq (local.get $c) (i32.const 67)) (then
      (call $tell32 (call $count (i32.sub (i32.load8_u (local.get $id)) (i32.const 48)) (i64.const -2)))))
    (if (i32.eq (local.get $c) (i32.const 101)) (then
      (call $tell32 (call $gauge (i32.sub (i32.load8_u (local.get $id)) (i32.const 48)) (i64.const 5)))))
    (if (i32.eq (local.get $c) (i32.const 111)) (then
      (call $tell32 (call $observe (i32.sub (i32.load8_u (local.get $id)) (i32.const 48)) (i64.const 7)))))
    (if (i32.eq (local.get $c) (i32.const 79)) (then
      (call $tell32 (call $observe (i32.sub (i32.load8_u (local.get $id)) (i32.const 48)) (i64.const -1)))))
    ;; t sets a timer of a second, r one that repeats, x cancels that, l one that loops
    (if (i32.eq (local.get $c) (i32.const 116)) (then
      (drop (call $timer (i64.const 1000) (i64.const 0)))))
    (if (i32.eq (local.get $c) (i32.const 114)) (then
      (global.set $repeats (call $timer (i64.const 1000) (i64.const 500)))))
    (if (i32.eq (local.get $c) (i32.const 120)) (then
      (call $tell32 (call $cancel (global.get $repeats)))))
    (if (i32.eq (local.get $c) (i32.const 108)) (then
      (global.set $loops (i32.const 1))
      (drop (call $timer (i64.const 10) (i64.const 0)))))
    ;; T sets as many timers as there are, and says how many; w wrong ones
    (if (i32.eq (local.get $c) (i32.const 84)) (then
      (local.set $len (i32.const 0))
      (block $full (loop $l
        (br_if $full (i64.lt_s (call $timer (i64.const 10) (i64.const 10)) (i64.const 0)))
        (local.set $len (i32.add (local.get $len) (i32.const 1)))
        (br $l)))
      (call $tell32 (local.get $len))))
    (if (i32.eq (local.get $c) (i32.const 119)) (then
      (call $tell (call $timer (i64.const 9) (i64.const 0)))
      (call $tell (call $timer (i64.const 10) (i64.const 9)))
      (call $tell (call $timer (i64.const -1) (i64.const 0)))
      (call $tell (call $timer (i64.const 2592000001) (i64.const 0)))
      (call $tell32 (call $cancel (i64.const 0)))
      (call $tell32 (call $cancel (i64.const 99)))))
    ;; v disconnects the victim, V as often as it may, f with the rest of the id
    (if (i32.eq (local.get $c) (i32.const 118)) (then
      (call $tell32 (call $disconnect (i32.const 1040) (i32.const 24)))))
    (if (i32.eq (local.get $c) (i32.const 86)) (then
      (local.set $n (i32.const 0))
      (block $full (loop $l
        (br_if $full (i32.lt_s (call $disconnect (i32.const 1040) (i32.const 24)) (i32.const 0)))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br $l)))
      (call $tell32 (local.get $n))))
    (if (i32.eq (local.get $c) (i32.const 102)) (then
      (call $tell32 (call $disconnect (local.get $id) (local.get $n)))))
    ;; G takes so much memory that the instance is replaced
    (if (i32.eq (local.get $c) (i32.const 71)) (then (drop (memory.grow (i32.const 11)))))
    ;; L has the next event loop
    (if (i32.eq (local.get $c) (i32.const 76)) (then (global.set $loops (i32.const 1))))
    i32.const 1)

  (func (export "wicket_unload") (call $log (i32.const 1) (i32.const 1081) (i32.const 1)))

  (func (export "wicket_timer") (param $id i64)
    (if (global.get $loops) (then (call $forever)))
    (if (i64.eq (local.get $id) (global.get $repeats)) (then (call $log (i32.const 1) (i32.const 1078) (i32.const 1)) (return)))
    (call $log (i32.const 1) (i32.const 1073) (i32.const 1)))

  ;; an event is told as it comes
  (func (export "wicket_event") (param $ptr i32) (param $len i32)
    (if (global.get $loops) (then (call $forever)))
    (call $log (i32.const 2) (local.get $ptr) (local.get $len)))
)
