;; A guest that never answers: the first letter of the client id chooses how.
(module
  (import "wicket" "now_unix_ms" (func $now (result i64)))
  (import "wicket" "random" (func $random (param i32 i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (type $nothing (func))
  (type $clock (func (result i64)))
  (memory (export "memory") 64)
  (table 4 4 funcref)
  (elem (i32.const 0) func $turn $now)
  (global $sink (mut i64) (i64.const 0))

  (func (export "wicket_abi_v1") (result i32) (i32.const 0))
  (func (export "wicket_buffer") (param i32) (result i32) (i32.const 65536))
  (func (export "wicket_load") (param i32 i32) (result i32) (i32.const 0))

  (func $turn (call_indirect (type $nothing) (i32.const 0)))

  ;; A tree of calls that is never deep.
  (func $tree (param i32)
    (if (local.get 0) (then
      (call $tree (i32.sub (local.get 0) (i32.const 1)))
      (call $tree (i32.sub (local.get 0) (i32.const 1))))))

  (func $leaf (param i64) (result i64)
    (i64.div_u (i64.const -1) (i64.or (local.get 0) (i64.const 1))))

  (func (export "wicket_authenticate") (param $req i64) (param $ptr i32) (param $len i32) (result i32)
    (local $k i32) (local $x i64)
    (block $zero_vectors (block $write (block $indirect_import (block $random_numbers (block $clock (block $copy (block $fill
    (block $leaves (block $tree_of_calls (block $recursion (block $arms (block $jump_table (block $inner (block $blocks (block $tight
      (br_table $tight $blocks $inner $jump_table $arms $recursion $tree_of_calls $leaves $fill $copy $clock
                $random_numbers $indirect_import $write $zero_vectors
        (i32.sub (i32.load8_u (i32.add (local.get $ptr) (i32.const 2))) (i32.const 97))))
    ;; a: the smallest loop there is
      (loop (br 0)))
    ;; b: a loop in blocks, left and entered again
      (loop $l (block (block (br 0)) (block (loop (br_if $l (i32.const 1)))))))
    ;; c: an inner loop of one turn
      (loop $l (loop) (br $l)))
    ;; d: a jump table
      (loop $l (block $a (block $b
        (local.set $k (i32.rem_u (i32.add (local.get $k) (i32.const 1)) (i32.const 3)))
        (br_table $a $b $l (local.get $k)))) (br $l)))
    ;; e: the arms of an if
      (loop $l (if (i32.eqz (local.get $k)) (then (local.set $k (i32.const 1)) (br $l)) (else (local.set $k (i32.const 0)) (br $l)))))
    ;; f: recursion through a table, in tail position
      (call $turn))
    ;; g: recursion without depth and without loops
      (call $tree (i32.const 60)))
    ;; h: a function that does not pay for itself
      (loop $l (local.set $x (call $leaf (call $leaf (call $leaf (local.get $x))))) (br $l)))
    ;; i: all of memory filled again and again
      (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 4194304)) (br $l)))
    ;; j: and copied
      (loop $l (memory.copy (i32.const 0) (i32.const 1) (i32.const 4194303)) (br $l)))
    ;; k: a cheap import
      (loop $l (global.set $sink (call $now)) (br $l)))
    ;; l: an expensive one
      (loop $l (call $random (i32.const 0) (i32.const 1048576)) (br $l)))
    ;; m: an import out of a table
      (loop $l (global.set $sink (call_indirect (type $clock) (i32.const 1))) (br $l)))
    ;; n: writes
      (loop $l
        (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 4194000))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br $l)))
    ;; o: writes of half a million empty pieces
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 4194304))
      (loop $l (drop (call $write (i32.const 1) (i32.const 0) (i32.const 524280) (i32.const 0))) (br $l))
      (unreachable))
)
