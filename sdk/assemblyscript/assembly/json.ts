// JSON (RFC 8259), for settings and for the answers of HTTP servers. It is strict:
// what two readers might understand differently is refused, such as a key that comes
// twice, half a surrogate pair, bytes that are not UTF-8, or more than 64 levels.

import { validUTF8 } from "./wire";

enum Kind { Null, Bool, Number, Text, List, Object }

export class Json {
  private kind: Kind = Kind.Null;
  private value: string = ""; // of a Bool, Number or Text
  private keys: string[] = [];
  private items: Json[] = [];

  // Reads a text that is one value; null when it is not.
  static parse(text: string): Json | null {
    return new Parser(text).document();
  }

  // The same for bytes, such as a body.
  static parseBytes(b: Uint8Array): Json | null {
    if (!validUTF8(b.dataStart, b.length)) return null;
    return Json.parse(String.UTF8.decodeUnsafe(b.dataStart, b.length));
  }

  // A text as a JSON string with its quotes.
  static quote(text: string): string {
    let out = '"';
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c == 0x22 || c == 0x5c) out += "\\" + text.charAt(i);
      else if (c < 0x20 || c == 0x7f) out += "\\u00" + "0123456789abcdef".charAt(c >> 4) + "0123456789abcdef".charAt(c & 15);
      else out += text.charAt(i);
    }
    return out + '"';
  }

  static of(kind: Kind, value: string): Json {
    const v = new Json();
    v.kind = kind;
    v.value = value;
    return v;
  }

  // Adds a member or an element; false when the key is there already.
  add(key: string, v: Json): bool {
    if (this.kind == Kind.Object) {
      if (this.keys.includes(key)) return false;
      this.keys.push(key);
    }
    this.items.push(v);
    return true;
  }

  // The value of a key, when this is an object that has it.
  get(key: string): Json | null {
    const i = this.keys.indexOf(key);
    return i < 0 ? null : this.items[i];
  }

  // The text, when this is one.
  get text(): string | null { return this.kind == Kind.Text ? this.value : null; }
  get isTrue(): bool { return this.kind == Kind.Bool && this.value == "true"; }
  // The number, when this is one; else NaN.
  get number(): f64 { return this.kind == Kind.Number ? F64.parseFloat(this.value) : NaN; }
  // The elements, when this is a list.
  get list(): Json[] { return this.kind == Kind.List ? this.items : []; }
}

// The text of a key of an object; null when one of them is not there.
export function textOf(object: Json | null, key: string): string | null {
  if (!object) return null;
  const v = object.get(key);
  return v ? v.text : null;
}

class Parser {
  private i: i32 = 0;
  constructor(private s: string) {}

  document(): Json | null {
    const v = this.any(0);
    this.space();
    return this.i == this.s.length ? v : null;
  }

  private peek(): i32 { return this.i < this.s.length ? this.s.charCodeAt(this.i) : -1; }

  private space(): void {
    for (;;) {
      const c = this.peek();
      if (c != 0x20 && c != 0x09 && c != 0x0a && c != 0x0d) return;
      this.i++;
    }
  }

  // Passes over blanks and, if it follows, a character.
  private token(c: i32): bool {
    this.space();
    if (this.peek() != c) return false;
    this.i++;
    return true;
  }

  private any(depth: i32): Json | null {
    this.space();
    if (depth > 64) return null;
    switch (this.peek()) {
      case 0x22: {
        const s = this.string();
        return s === null ? null : Json.of(Kind.Text, s);
      }
      case 0x7b: return this.many(depth, Kind.Object, 0x7d);
      case 0x5b: return this.many(depth, Kind.List, 0x5d);
      case 0x74: return this.word("true", Kind.Bool);
      case 0x66: return this.word("false", Kind.Bool);
      case 0x6e: return this.word("null", Kind.Null);
    }
    return this.number();
  }

  private word(w: string, kind: Kind): Json | null {
    if (this.s.substr(this.i, w.length) != w) return null;
    this.i += w.length;
    return Json.of(kind, w);
  }

  private many(depth: i32, kind: Kind, close: i32): Json | null {
    const all = Json.of(kind, "");
    this.i++;
    if (this.token(close)) return all;
    do {
      let key = "";
      if (kind == Kind.Object) {
        this.space();
        const k = this.string();
        if (k === null || !this.token(0x3a)) return null;
        key = k;
      }
      const v = this.any(depth + 1);
      if (!v || !all.add(key, v)) return null;
      if (this.token(close)) return all;
    } while (this.token(0x2c));
    return null;
  }

  private digits(): bool {
    const begin = this.i;
    while (this.peek() >= 0x30 && this.peek() <= 0x39) this.i++;
    return this.i > begin;
  }

  private number(): Json | null {
    const begin = this.i;
    if (this.peek() == 0x2d) this.i++;
    if (this.peek() == 0x30) this.i++;
    else if (!this.digits()) return null;
    if (this.peek() == 0x2e) {
      this.i++;
      if (!this.digits()) return null;
    }
    if ((this.peek() | 0x20) == 0x65) {
      this.i++;
      if (this.peek() == 0x2b || this.peek() == 0x2d) this.i++;
      if (!this.digits()) return null;
    }
    return Json.of(Kind.Number, this.s.substring(begin, this.i));
  }

  private string(): string | null {
    if (this.peek() != 0x22) return null;
    let out = "";
    let plain = ++this.i;
    while (this.peek() >= 0x20) {
      const c = this.peek();
      if (c == 0x22) {
        out += this.s.substring(plain, this.i++);
        return out;
      }
      if (c != 0x5c) {
        this.i++;
        continue;
      }
      out += this.s.substring(plain, this.i);
      const e = this.escaped();
      if (e === null) return null;
      out += e;
      plain = this.i;
    }
    return null;
  }

  private escaped(): string | null {
    this.i++;
    const c = this.peek();
    this.i++;
    switch (c) {
      case 0x22: return '"';
      case 0x5c: return "\\";
      case 0x2f: return "/";
      case 0x62: return "\b";
      case 0x66: return "\f";
      case 0x6e: return "\n";
      case 0x72: return "\r";
      case 0x74: return "\t";
      case 0x75: return this.unicode();
    }
    return null;
  }

  private unicode(): string | null {
    const high = this.hex();
    if (high < 0 || (high >= 0xdc00 && high < 0xe000)) return null;
    if (high < 0xd800 || high > 0xdbff) return String.fromCharCode(high);
    if (this.s.substr(this.i, 2) != "\\u") return null;
    this.i += 2;
    const low = this.hex();
    if (low < 0xdc00 || low > 0xdfff) return null;
    return String.fromCharCode(high, low);
  }

  private hex(): i32 {
    let n = 0;
    for (let k = 0; k < 4; k++) {
      const c = this.peek();
      const l = c | 0x20;
      if (c >= 0x30 && c <= 0x39) n = (n << 4) | (c - 0x30);
      else if (c > 0 && l >= 0x61 && l <= 0x66) n = (n << 4) | (l - 0x57);
      else return -1;
      this.i++;
    }
    return n;
  }
}
