;; Logs while it starts, as a Go init may.
(module
  (import "wicket" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "starting")
  (func (export "_initialize") (call $log (i32.const 1) (i32.const 0) (i32.const 8)))
  (func (export "wicket_abi_v1") (result i32) i32.const 0)
  (func (export "wicket_buffer") (param i32) (result i32) i32.const 1024)
  (func (export "wicket_load") (param i32 i32) (result i32) i32.const 0)
  (func (export "wicket_authenticate") (param i64 i32 i32) (result i32) i32.const 1)
)
