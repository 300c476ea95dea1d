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

  constructor(private at: usize, private end: usize) {}

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

  private delimited(): bool {
    return this.type == 2 || this.fail();
  }

  string(): string {
    return this.delimited() ? String.UTF8.decodeUnsafe(this.data, this.size) : "";
  }

  bytes(): Uint8Array {
    if (!this.delimited()) return new Uint8Array(0);
    const b = new Uint8Array(this.size);
    memory.copy(b.dataStart, this.data, this.size);
    return b;
  }

  // A reader of an embedded message. Its fault is told by embedded.
  message(): Reader {
    return this.delimited() ? new Reader(this.data, this.data + this.size) : new Reader(0, 0);
  }

  // Takes the outcome of reading an embedded message.
  embedded(r: Reader): void {
    if (r.bad) this.fail();
  }
}

// Writer puts a message together.
export class Writer {
  private space: StaticArray<u8> = new StaticArray<u8>(256);
  length: u32 = 0;

  get start(): usize {
    return changetype<usize>(this.space);
  }

  // Makes room for n bytes and returns where they go.
  private room(n: u32): usize {
    const need = this.length + n;
    if (need > u32(this.space.length)) {
      const more = new StaticArray<u8>(i32(need * 2));
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
