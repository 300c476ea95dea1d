;; Does not like its configuration.
(module
  (import "wicket" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "users_file: line 3: no colon")
  (func (export "wicket_abi_v1") (result i32) i32.const 0)
  (func (export "wicket_buffer") (param i32) (result i32) i32.const 1024)
  (func (export "wicket_load") (param i32 i32) (result i32)
    (call $log (i32.const 3) (i32.const 0) (i32.const 28))
    i32.const 5)
  (func (export "wicket_authenticate") (param i64 i32 i32) (result i32) i32.const 1)
)
