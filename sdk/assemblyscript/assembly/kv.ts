import { hostKvAdd, hostKvDelete, hostKvGet, hostKvSet } from "./host";
import { Status } from "./status";
import { textAt } from "./wire";

// What the plugin keeps: keys and values that all its instances share and that
// survive a reload, until the process ends. Needs the grant "kv". Nothing here waits.
// A key has 1 to 256 bytes, a value at most 64 KiB.
export class KV {
  // The value of a key, or null when there is none.
  static get(key: string): Uint8Array | null {
    const k = String.UTF8.encode(key);
    let b = new Uint8Array(64);
    let n = hostKvGet(changetype<usize>(k), k.byteLength, b.dataStart, b.length);
    while (n > b.length) { // another instance may change it meanwhile
      b = new Uint8Array(n);
      n = hostKvGet(changetype<usize>(k), k.byteLength, b.dataStart, n);
    }
    return n < 0 ? null : b.subarray(0, n);
  }

  // The same as text; null also when it is not UTF-8.
  static text(key: string): string | null {
    const b = KV.get(key);
    return b ? textAt(b.dataStart, b.length) : null;
  }

  // Gives a key a value for ttl milliseconds, or for good when that is 0. Status.Full:
  // there is no room, which the operator bounds by kv.max_bytes.
  static set(key: string, value: Uint8Array, ttl: i64 = 0): Status {
    const k = String.UTF8.encode(key);
    const done = hostKvSet(changetype<usize>(k), k.byteLength, value.dataStart, value.length, ttl);
    return done == -2 ? Status.Full : <Status>done;
  }

  static setText(key: string, value: string, ttl: i64 = 0): Status {
    return KV.set(key, Uint8Array.wrap(String.UTF8.encode(value)), ttl);
  }

  // Adds to a counter in one step and returns the sum. A counter that is not there
  // begins at 0 and ends after ttl milliseconds, which later additions leave alone: a
  // window that begins with its first event. i64.MIN_VALUE: there is no room, or the
  // key holds no counter.
  static add(key: string, delta: i64, ttl: i64 = 0): i64 {
    const k = String.UTF8.encode(key);
    return hostKvAdd(changetype<usize>(k), k.byteLength, delta, ttl);
  }

  // Removes a key; false when there was none.
  static delete(key: string): bool {
    const k = String.UTF8.encode(key);
    return hostKvDelete(changetype<usize>(k), k.byteLength) == 1;
  }
}
