import { Property } from "./event";
import { readProperty } from "./message";
import { Reader, Writer } from "./wire";

// A request to an upstream, which is an HTTP server that the operator has named.
// The path is put after that of its URL; what it holds of a client must be escaped.
export class HttpRequest {
  private headers: Property[] = [];
  private content: Uint8Array = new Uint8Array(0);
  private milliseconds: u32 = 0; // 0: as long as the request has time

  constructor(public method: string, public upstream: string, public path: string) {}

  static get(upstream: string, path: string): HttpRequest {
    return new HttpRequest("", upstream, path);
  }

  static post(upstream: string, path: string, body: string): HttpRequest {
    return new HttpRequest("POST", upstream, path).bytes(Uint8Array.wrap(String.UTF8.encode(body)));
  }

  // Adds a header.
  header(name: string, value: string): HttpRequest {
    const p = new Property();
    p.key = name;
    p.value = value;
    this.headers.push(p);
    return this;
  }

  // Sets the body.
  bytes(body: Uint8Array): HttpRequest {
    this.content = body;
    return this;
  }

  timeout(milliseconds: u32): HttpRequest {
    this.milliseconds = milliseconds;
    return this;
  }

  write(w: Writer): void {
    w.string(1, this.upstream);
    w.string(2, this.method);
    w.string(3, this.path);
    for (let i = 0; i < this.headers.length; i++) w.property(4, this.headers[i].key, this.headers[i].value);
    w.bytes(5, this.content);
    w.number(6, this.milliseconds);
  }
}

// What an upstream has answered, whatever the status.
export class HttpResponse {
  status: u32 = 0;
  headers: Property[] = []; // by name
  body: Uint8Array = new Uint8Array(0);

  // The first header of that name, in any case; empty without.
  header(name: string): string {
    const want = name.toLowerCase();
    for (let i = 0; i < this.headers.length; i++) {
      if (this.headers[i].key.toLowerCase() == want) return this.headers[i].value;
    }
    return "";
  }

  read(r: Reader): void {
    while (r.next()) {
      switch (r.num) {
        case 1: this.status = r.u32(); break;
        case 2: readProperty(r, this.headers); break;
        case 3: this.body = r.bytes(); break;
      }
    }
  }
}

// Percent-encodes what is not an unreserved character (RFC 3986 section 2.3), for a
// path segment, a query or a form. The segments "." and ".." have no such form.
export function escape(text: string): string {
  const b = Uint8Array.wrap(String.UTF8.encode(text));
  let out = "";
  for (let i = 0; i < b.length; i++) {
    const c = b[i];
    const plain = (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || (c >= 0x30 && c <= 0x39) ||
      c == 0x2d || c == 0x2e || c == 0x5f || c == 0x7e;
    if (plain) out += String.fromCharCode(c);
    else out += "%" + "0123456789ABCDEF".charAt(c >> 4) + "0123456789ABCDEF".charAt(c & 15);
  }
  return out;
}
