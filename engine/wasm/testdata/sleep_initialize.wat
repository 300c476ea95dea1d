;; Sleeps for an hour while it starts.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_initialize")
    (i64.store (i32.const 24) (i64.const 3600000000000))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 120))))
  (func (export "wicket_abi_v1") (result i32) i32.const 0)
  (func (export "wicket_buffer") (param i32) (result i32) i32.const 1024)
  (func (export "wicket_load") (param i32 i32) (result i32) i32.const 0)
  (func (export "wicket_authenticate") (param i64 i32 i32) (result i32) i32.const 1)
)
