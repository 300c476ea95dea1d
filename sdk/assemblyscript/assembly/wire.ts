// The protobuf wire format, as far as sdk/wicket.proto uses it.

// Reader walks over the fields of one message, which stays where it is. After a
// fault it is at the end, and bad.
export class Reader {
  bad: bool = false;
  num: u32 = 0;
  private type: u32 = 0;
  private n: u64 = 0;
  private data: usize = 0; // of a length-delimited field
  private size: u32 = 0;

  private at: usize = 0;
  private end: usize = 0;

  // Goes to the beginning of a message.
  begin(at: usize, size: u32): void {
    this.bad = false;
    this.at = at;
    this.end = at + size;
  }

  private fail(): bool {
    this.at = this.end;
    this.bad = true;
    return false;
  }

  private varint(): u64 {
    let v: u64 = 0;
    for (let shift: u64 = 0; shift < 70 && this.at < this.end; shift += 7) {
      const c = load<u8>(this.at++);
      if (shift == 63 && c > 1) break;
      v |= u64(c & 0x7f) << shift;
      if (c < 0x80) return v;
    }
    this.fail();
    return 0;
  }

  // Where it is, and how many bytes are left.
  get here(): usize { return this.at; }
  get left(): u32 { return u32(this.end - this.at); }

  // Reads a field; false at the end and after a fault.
  next(): bool {
    if (this.at == this.end) return false;
    const key = this.varint();
    if (key < 8 || key >> 32 != 0) return this.fail();
    this.num = u32(key >> 3);
    this.type = u32(key & 7);
    let size: u64 = 0;
    switch (this.type) {
      case 0:
        this.n = this.varint();
        return !this.bad;
      case 1:
        size = 8;
        break;
      case 2:
        size = this.varint();
        break;
      case 5:
        size = 4;
        break;
      default:
        return this.fail();
    }
    if (this.bad || size > u64(this.end - this.at)) return this.fail();
    this.data = this.at;
    this.size = u32(size);
    this.at += usize(size);
    return true;
  }

  u64(): u64 {
    if (this.type != 0) this.fail();
    return this.type == 0 ? this.n : 0;
  }

  u32(): u32 {
    const n = this.u64();
    if (n >> 32 != 0) this.fail();
    return u32(n);
  }

  bool(): bool {
    return this.u64() != 0;
  }

  // Where the field begins that is a text or an embedded message.
  get start(): usize { return this.data; }

  // How many bytes it has; 0 of any other field, which is a fault.
  get length(): u32 {
    if (this.type == 2) return this.size;
    this.fail();
    return 0;
  }

  // The length of a text. One that is not UTF-8 is a fault.
  text(): u32 {
    const size = this.length;
    if (size != 0 && !validUTF8(this.data, size)) this.fail();
    return size;
  }

  string(): string {
    const size = this.text();
    return this.bad ? "" : String.UTF8.decodeUnsafe(this.data, size);
  }

  bytes(): Uint8Array {
    const b = new Uint8Array(this.length);
    memory.copy(b.dataStart, this.data, b.length);
    return b;
  }

  // Goes into the embedded message that is the field, up to leave, which is given what
  // this returns.
  enter(): usize {
    const outer = this.end;
    if (this.length == 0) this.data = this.at;
    this.end = this.at;
    this.at = this.data;
    return outer;
  }

  leave(outer: usize): void {
    this.end = outer;
    if (this.bad) this.at = outer;
  }

  // Passes over an embedded message, which has to have the form: for each number from
  // 1 on t for a text, n for a number, f for a flag.
  check(form: string): void {
    const outer = this.enter();
    while (this.next()) {
      if (this.num > u32(form.length)) continue;
      switch (form.charCodeAt(this.num - 1)) {
        case 0x74: this.text(); break;
        case 0x6e: this.u32(); break;
        case 0x66: this.bool(); break;
      }
    }
    this.leave(outer);
  }
}

// The one that is in use: nothing of a plugin runs while a message is read.
export const reader = new Reader();

// No overlong forms, no surrogates, nothing above U+10FFFF (RFC 3629 section 3).
export function validUTF8(at: usize, size: u32): bool {
  const end = at + size;
  while (at < end) {
    if (end - at >= 8 && (load<u64>(at) & 0x8080808080808080) == 0) {
      at += 8;
      continue;
    }
    const c = load<u8>(at++);
    if (c < 0x80) continue;
    if (c < 0xc2 || c > 0xf4) return false;
    let low: u8 = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    let high: u8 = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    for (let more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3; more > 0; more--) {
      if (at == end) return false;
      const next = load<u8>(at++);
      if (next < low || next > high) return false;
      low = 0x80;
      high = 0xbf;
    }
  }
  return true;
}

const none = new StaticArray<u8>(0);

// The text of bytes; null when they are not UTF-8.
export function textAt(at: usize, size: u32): string | null {
  return validUTF8(at, size) ? String.UTF8.decodeUnsafe(at, size) : null;
}

// Writer puts a message together.
export class Writer {
  private space: StaticArray<u8> = none;
  length: u32 = 0;

  get start(): usize {
    return changetype<usize>(this.space);
  }

  // Makes room for n bytes and returns where they go.
  private room(n: u32): usize {
    const need = this.length + n;
    if (need > u32(this.space.length)) {
      const more = new StaticArray<u8>(i32(max<u32>(need * 2, 64)));
      memory.copy(changetype<usize>(more), this.start, this.length);
      this.wipe();
      this.space = more;
    }
    const at = this.start + this.length;
    this.length = need;
    return at;
  }

  // Overwrites what was written, which may be a secret.
  wipe(): void {
    memory.fill(this.start, 0, this.length);
  }

  private varint(v: u64): void {
    for (; v >= 0x80; v >>= 7) store<u8>(this.room(1), u8(v) | 0x80);
    store<u8>(this.room(1), u8(v));
  }

  number(num: u32, v: u64): void {
    this.varint(u64(num << 3));
    this.varint(v);
  }

  string(num: u32, v: string): void {
    const size = String.UTF8.byteLength(v);
    this.varint(u64((num << 3) | 2));
    this.varint(u64(size));
    String.UTF8.encodeUnsafe(changetype<usize>(v), v.length, this.room(size));
  }

  bytes(num: u32, v: Uint8Array): void {
    this.varint(u64((num << 3) | 2));
    this.varint(u64(v.length));
    memory.copy(this.room(v.length), v.dataStart, v.length);
  }

  message(num: u32, m: Writer): void {
    this.varint(u64((num << 3) | 2));
    this.varint(u64(m.length));
    memory.copy(this.room(m.length), m.start, m.length);
  }

  property(num: u32, key: string, value: string): void {
    const m = new Writer();
    m.string(1, key);
    m.string(2, value);
    this.message(num, m);
  }
}
