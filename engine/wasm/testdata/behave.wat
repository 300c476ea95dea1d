;; A guest that does what the client id asks for: its first letter chooses.
;; Tests use it for good behaviour and bad.
(module
  (import "wicket" "log" (func $log (param i32 i32 i32)))
  (import "wicket" "resolve" (func $resolve (param i64 i32 i32 i32) (result i32)))
  (import "wicket" "features" (func $features (result i64)))
  (import "wicket" "now_unix_ms" (func $now (result i64)))
  (import "wicket" "random" (func $random (param i32 i32)))
  (import "wicket" "cert_field" (func $cert (param i64 i32 i32 i32 i32) (result i32)))
  (import "wicket" "password_verify" (func $verify (param i64 i32 i32) (result i64)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))

  ;; 0 scratch, 1024 constants, 4096 parked requests, 40960 calls, 65536 input
  (memory (export "memory") 2)
  ;; Decision: rules [{permit, filter "a/#"}], default 1, ttl_ms 1000
  (data (i32.const 1024) "\22\07\08\01\1a\03a/#\28\01\30\e8\07")
  ;; PasswordVerify: hash "h", password "right"; and "wrong"
  (data (i32.const 1056) "\0a\01h\12\05right")
  (data (i32.const 1072) "\0a\01h\12\05wrong")
  (data (i32.const 1088) "hello from the guest\n")
  (data (i32.const 1120) "\12\7f\ff")          ;; Decision that ends early
  (global $parked (mut i32) (i32.const 0))
  (global $kept (mut i64) (i64.const 0))

  (func (export "wicket_abi_v1") (result i32) i32.const 0)

  (func (export "wicket_buffer") (param $min i32) (result i32)
    (local $pages i32)
    (local.set $pages (i32.add (i32.const 1) (i32.shr_u (i32.add (local.get $min) (i32.const 65535)) (i32.const 16))))
    (if (i32.gt_u (local.get $pages) (memory.size))
      (then (if (i32.eq (memory.grow (i32.sub (local.get $pages) (memory.size))) (i32.const -1))
        (then (return (i32.const 0))))))
    i32.const 65536)

  (func (export "wicket_load") (param i32 i32) (result i32)
    (call $log (i32.const 0) (i32.const 1088) (i32.const 20))
    i32.const 0)

  (func (export "wicket_unload"))

  ;; An event or timer is never sent yet; the names are known.
  (func (export "wicket_event") (param i32 i32))
  (func (export "wicket_timer") (param i64))

  (func $forever (loop $l (br $l)))

  (func $deep (param i32) (result i32)
    (i32.add (i32.const 1) (call $deep (i32.add (local.get 0) (i32.const 1)))))

  ;; The n-th letter of the client id.
  (func $letter (param $ptr i32) (param $n i32) (result i32)
    (i32.load8_u (i32.add (local.get $ptr) (i32.add (i32.const 2) (local.get $n)))))

  ;; Bad pointers and lengths, chosen by a digit.
  (func $bad_ptr (param $k i32) (result i32)
    (if (i32.eq (local.get $k) (i32.const 48)) (then (return (i32.const 0))))
    (if (i32.eq (local.get $k) (i32.const 49)) (then (return (i32.const -1))))
    (if (i32.eq (local.get $k) (i32.const 50)) (then (return (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 1)))))
    (if (i32.eq (local.get $k) (i32.const 51)) (then (return (i32.shl (memory.size) (i32.const 16)))))
    (i32.const 65536))
  (func $bad_len (param $k i32) (result i32)
    (if (i32.eq (local.get $k) (i32.const 48)) (then (return (i32.const -1))))
    (if (i32.eq (local.get $k) (i32.const 49)) (then (return (i32.const 1))))
    (if (i32.eq (local.get $k) (i32.const 50)) (then (return (i32.const 2))))
    (if (i32.eq (local.get $k) (i32.const 51)) (then (return (i32.const 1))))
    (i32.const 0x7fffffff))

  ;; w<import><kind>: one import with one bad pair.
  (func $wild (param $req i64) (param $import i32) (param $kind i32)
    (local $p i32) (local $n i32)
    (local.set $p (call $bad_ptr (local.get $kind)))
    (local.set $n (call $bad_len (local.get $kind)))
    (if (i32.eq (local.get $import) (i32.const 48)) (then (call $log (i32.const 1) (local.get $p) (local.get $n))))
    (if (i32.eq (local.get $import) (i32.const 49)) (then (drop (call $resolve (local.get $req) (i32.const 1) (local.get $p) (local.get $n)))))
    (if (i32.eq (local.get $import) (i32.const 50)) (then (call $random (local.get $p) (local.get $n))))
    (if (i32.eq (local.get $import) (i32.const 51)) (then (drop (call $cert (local.get $req) (i32.const 0) (i32.const 0) (local.get $p) (local.get $n)))))
    (if (i32.eq (local.get $import) (i32.const 52)) (then (drop (call $verify (local.get $req) (local.get $p) (local.get $n)))))
    (if (i32.eq (local.get $import) (i32.const 53)) (then (drop (call $random_get (local.get $p) (local.get $n)))))
    (if (i32.eq (local.get $import) (i32.const 54)) (then (drop (call $poll (local.get $p) (local.get $p) (local.get $n) (local.get $p)))))
    (if (i32.eq (local.get $import) (i32.const 55)) (then (drop (call $write (i32.const 1) (local.get $p) (local.get $n) (local.get $p))))))

  (func $park (param $req i64)
    (i64.store (i32.add (i32.const 4096) (i32.shl (global.get $parked) (i32.const 3))) (local.get $req))
    (global.set $parked (i32.add (global.get $parked) (i32.const 1))))

  ;; Allows all parked requests, the last first.
  (func $release
    (block $done (loop $l
      (br_if $done (i32.eqz (global.get $parked)))
      (global.set $parked (i32.sub (global.get $parked) (i32.const 1)))
      (drop (call $resolve (i64.load (i32.add (i32.const 4096) (i32.shl (global.get $parked) (i32.const 3))))
        (i32.const 1) (i32.const 0) (i32.const 0)))
      (br $l))))

  ;; Asks the host to verify a password; the request waits.
  (func $ask (param $req i64) (param $msg i32) (result i32)
    (local $call i64)
    (local.set $call (call $verify (local.get $req) (local.get $msg) (i32.const 10)))
    (if (i64.le_s (local.get $call) (i64.const 0)) (then (return (i32.const -1))))
    (i64.store (i32.add (i32.const 40960) (i32.shl (i32.and (i32.wrap_i64 (local.get $call)) (i32.const 2047)) (i32.const 3))) (local.get $req))
    i32.const 3)

  ;; status 0 allows, everything else denies
  (func (export "wicket_completed") (param $call i64) (param $status i32) (param i32 i32)
    (drop (call $resolve
      (i64.load (i32.add (i32.const 40960) (i32.shl (i32.and (i32.wrap_i64 (local.get $call)) (i32.const 2047)) (i32.const 3))))
      (i32.eqz (local.get $status)) (i32.const 0) (i32.const 0))))

  ;; Denies with the certificate field k<a..o><index> as the reason text.
  (func $field (param $req i64) (param $ptr i32) (result i32)
    (local $n i32)
    (local.set $n (call $cert (local.get $req)
      (i32.sub (call $letter (local.get $ptr) (i32.const 1)) (i32.const 97))
      (i32.sub (call $letter (local.get $ptr) (i32.const 2)) (i32.const 48))
      (i32.const 2) (i32.const 120)))
    (if (i32.lt_s (local.get $n) (i32.const 0)) (then (return (i32.const 2))))
    (if (i32.gt_s (local.get $n) (i32.const 120)) (then (return (i32.const 0))))
    (i32.store8 (i32.const 0) (i32.const 0x12))
    (i32.store8 (i32.const 1) (local.get $n))
    (drop (call $resolve (local.get $req) (i32.const 0) (i32.const 0) (i32.add (local.get $n) (i32.const 2))))
    i32.const 3)

  ;; poll_oneoff with one relative clock of ten seconds
  (func $sleep
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 128))
    (i64.store (i32.const 24) (i64.const 10000000000))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 120))))

  ;; fd_write of a thousand vectors that all cover the whole memory
  (func $flood
    (local $k i32)
    (loop $l
      (i32.store (i32.add (i32.const 4096) (i32.shl (local.get $k) (i32.const 3))) (i32.const 0))
      (i32.store (i32.add (i32.const 4100) (i32.shl (local.get $k) (i32.const 3))) (i32.shl (memory.size) (i32.const 16)))
      (local.set $k (i32.add (local.get $k) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $k) (i32.const 1000))))
    (drop (call $write (i32.const 1) (i32.const 4096) (i32.const 1000) (i32.const 0))))

  (func $do (param $req i64) (param $ptr i32) (param $len i32) (result i32)
    (local $c i32)
    (local.set $c (call $letter (local.get $ptr) (i32.const 0)))
    (if (i32.eq (local.get $c) (i32.const 97)) (then (return (i32.const 1))))                       ;; a allow
    (if (i32.eq (local.get $c) (i32.const 110)) (then (return (i32.const 2))))                      ;; n next
    (if (i32.eq (local.get $c) (i32.const 112)) (then (call $park (local.get $req)) (return (i32.const 3)))) ;; p pending
    (if (i32.eq (local.get $c) (i32.const 116)) (then (call $release) (return (i32.const 1))))      ;; t release the pending
    (if (i32.eq (local.get $c) (i32.const 99)) (then (return (i32.const 4))))                       ;; c continue
    (if (i32.eq (local.get $c) (i32.const 45)) (then (return (i32.const -7))))                      ;; - plugin error
    (if (i32.eq (local.get $c) (i32.const 57)) (then (return (i32.const 99))))                      ;; 9 unknown code
    (if (i32.eq (local.get $c) (i32.const 108)) (then (call $forever)))                             ;; l loop
    (if (i32.eq (local.get $c) (i32.const 117)) (then (unreachable)))                               ;; u unreachable
    (if (i32.eq (local.get $c) (i32.const 115)) (then (return (call $deep (i32.const 0)))))         ;; s stack
    (if (i32.eq (local.get $c) (i32.const 111)) (then (return (i32.load (i32.const -8)))))          ;; o out of bounds
    (if (i32.eq (local.get $c) (i32.const 101)) (then (call $exit (i32.const 3))))                  ;; e exit
    (if (i32.eq (local.get $c) (i32.const 122)) (then (call $sleep) (return (i32.const 1))))        ;; z sleep
    (if (i32.eq (local.get $c) (i32.const 102)) (then (call $flood) (return (i32.const 1))))        ;; f flood
    (if (i32.eq (local.get $c) (i32.const 119)) (then                                               ;; w wild pointer
      (call $wild (local.get $req) (call $letter (local.get $ptr) (i32.const 1)) (call $letter (local.get $ptr) (i32.const 2)))
      (return (i32.const 1))))
    (if (i32.eq (local.get $c) (i32.const 109)) (then                                               ;; m grow without end
      (loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      (return (i32.const 1))))
    (if (i32.eq (local.get $c) (i32.const 103)) (then                                               ;; g grow and touch 3 MiB
      (drop (memory.grow (i32.const 48)))
      (memory.fill (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 3145728)) (i32.const 1) (i32.const 3145728))
      (return (i32.const 1))))
    (if (i32.eq (local.get $c) (i32.const 114)) (then                                               ;; r resolve with rules
      (drop (call $resolve (local.get $req) (i32.const 1) (i32.const 1024) (i32.const 14)))
      (return (i32.const 3))))
    (if (i32.eq (local.get $c) (i32.const 50)) (then                                                ;; 2 resolve twice
      (drop (call $resolve (local.get $req) (i32.const 1) (i32.const 0) (i32.const 0)))
      (drop (call $resolve (local.get $req) (i32.const 0) (i32.const 0) (i32.const 0)))
      (return (i32.const 0))))
    (if (i32.eq (local.get $c) (i32.const 120)) (then                                               ;; x resolve foreign requests
      (drop (call $resolve (i64.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
      (drop (call $resolve (i64.const -1) (i32.const 1) (i32.const 0) (i32.const 0)))
      (drop (call $resolve (i64.add (local.get $req) (i64.const 1)) (i32.const 1) (i32.const 0) (i32.const 0)))
      (drop (call $verify (i64.const 12345) (i32.const 1056) (i32.const 10)))
      (return (i32.const 0))))
    (if (i32.eq (local.get $c) (i32.const 106)) (then                                               ;; j resolve with junk
      (drop (call $resolve (local.get $req) (i32.const 1) (i32.const 1120) (i32.const 3)))
      (return (i32.const 3))))
    (if (i32.eq (local.get $c) (i32.const 118)) (then (return (call $ask (local.get $req) (i32.const 1056))))) ;; v right password
    (if (i32.eq (local.get $c) (i32.const 87)) (then (return (call $ask (local.get $req) (i32.const 1072))))) ;; W wrong password
    (if (i32.eq (local.get $c) (i32.const 107)) (then (return (call $field (local.get $req) (local.get $ptr))))) ;; k certificate field
    (if (i32.eq (local.get $c) (i32.const 104)) (then                                               ;; h host: clock and random
      (call $random (i32.const 0) (i32.const 8))
      (return (i32.and
        (i64.gt_u (call $now) (i64.const 1700000000000))
        (i64.ne (i64.load (i32.const 0)) (i64.const 0))))))
    i32.const 0)

  (func (export "wicket_authenticate") (param i64 i32 i32) (result i32)
    (call $do (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wicket_authorize") (param i64 i32 i32) (result i32)
    (call $do (local.get 0) (local.get 1) (local.get 2)))
)
