;; Never finishes hearing of a host call.
(module
  (import "wicket" "password_verify" (func $verify (param i64 i32 i32) (result i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\0a\01h\12\05right")
  (func $forever (loop $l (br $l)))
  (func (export "wicket_abi_v1") (result i32) i32.const 0)
  (func (export "wicket_buffer") (param i32) (result i32) i32.const 1024)
  (func (export "wicket_load") (param i32 i32) (result i32) i32.const 0)
  (func (export "wicket_authenticate") (param i64 i32 i32) (result i32)
    (drop (call $verify (local.get 0) (i32.const 0) (i32.const 10)))
    i32.const 3)
  (func (export "wicket_completed") (param i64 i32 i32 i32) (call $forever))
)
