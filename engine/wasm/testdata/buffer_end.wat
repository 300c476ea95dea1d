;; Returns a buffer that ends outside its memory.
(module
  (memory (export "memory") 1)
  (func (export "wicket_abi_v1") (result i32) i32.const 0)
  (func (export "wicket_buffer") (param i32) (result i32) i32.const 65530)
  (func (export "wicket_load") (param i32 i32) (result i32) i32.const 0)
  (func (export "wicket_authenticate") (param i64 i32 i32) (result i32) i32.const 1)
)
