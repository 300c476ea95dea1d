;; A guest that gives WASI more than it should have to look at.
(module
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))

  (memory (export "memory") 1000)
  (data (i32.const 1024) "hello\n")
  (data (i32.const 2048) "\00\04\00\00\02\00\00\00\02\04\00\00\04\00\00\00") ;; he, llo
  (data (i32.const 2064) "\ff\ff\ff\7f\04\00\00\00") ;; outside

  (func (export "wicket_abi_v1") (result i32) i32.const 0)
  (func (export "wicket_buffer") (param i32) (result i32) i32.const 65536)
  (func (export "wicket_load") (param i32 i32) (result i32) i32.const 0)

  ;; Allowed is what answers as it should.
  (func (export "wicket_authenticate") (param i64 i32 i32) (result i32)
    (local $c i32)
    (local.set $c (i32.load8_u offset=2 (local.get 1)))
    (if (i32.eq (local.get $c) (i32.const 112)) (then ;; p: a path of 60 MB; bad descriptor
      (memory.fill (i32.const 131072) (i32.const 97) (i32.const 60000000))
      (return (i32.eq (i32.const 8) (call $open (i32.const 3) (i32.const 0) (i32.const 131072) (i32.const 60000000)
        (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 4096))))))
    (if (i32.eq (local.get $c) (i32.const 118)) (then ;; v: millions of empty vectors; invalid
      (return (i32.eq (i32.const 28) (call $write (i32.const 1) (i32.const 131072) (i32.const 7000000) (i32.const 4096))))))
    (if (i32.eq (local.get $c) (i32.const 110)) (then ;; n: a number of vectors that wraps around
      (return (i32.eq (i32.const 28) (call $write (i32.const 1) (i32.const 2048) (i32.const 0x20000002) (i32.const 4096))))))
    (if (i32.eq (local.get $c) (i32.const 114)) (then ;; r: there is nothing to read
      (return (i32.eq (i32.const 8) (call $read (i32.const 0) (i32.const 2048) (i32.const 2) (i32.const 4096))))))
    (if (i32.eq (local.get $c) (i32.const 100)) (then ;; d: another descriptor
      (return (i32.eq (i32.const 8) (call $write (i32.const 3) (i32.const 2048) (i32.const 2) (i32.const 4096))))))
    (if (i32.eq (local.get $c) (i32.const 102)) (then ;; f: a vector outside; fault
      (return (i32.eq (i32.const 21) (call $write (i32.const 1) (i32.const 2048) (i32.const 3) (i32.const 4096))))))
    (if (i32.eq (local.get $c) (i32.const 119)) (then ;; w: a line
      (return (i32.and (i32.eqz (call $write (i32.const 2) (i32.const 2048) (i32.const 2) (i32.const 4096)))
        (i32.eq (i32.load (i32.const 4096)) (i32.const 6))))))
    i32.const 0)
)
