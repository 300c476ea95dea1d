import { hostJwtKeys } from "./host";
import { Status, statusText } from "./status";
import { Reader, Writer } from "./wire";

// What tokens are verified with, and the algorithms to accept, such as "RS256" or
// "EdDSA". A key verifies only the algorithms of its own type. The methods change it
// and return it.
export class JwtKeys {
  private set: Uint8Array = new Uint8Array(0);
  private text: string = "";
  private bytes: Uint8Array = new Uint8Array(0);

  constructor(private algorithms: string[]) {}

  // A JSON Web Key Set (RFC 7517 section 5), such as the body of an answer.
  jwks(json: Uint8Array): JwtKeys {
    this.set = json;
    return this;
  }

  // Public keys or certificates.
  pem(text: string): JwtKeys {
    this.text = text;
    return this;
  }

  // For HS256, HS384 and HS512.
  secret(bytes: Uint8Array): JwtKeys {
    this.bytes = bytes;
    return this;
  }

  write(w: Writer): void {
    for (let i = 0; i < this.algorithms.length; i++) w.string(1, this.algorithms[i]);
    w.bytes(2, this.set);
    w.string(3, this.text);
    w.bytes(4, this.bytes);
  }
}

// Puts keys into a slot of this instance, 0 to 15, in place of what was there; in
// onLoad too. A text says why they cannot be used; then the slot keeps what it has.
// Needs the grant "jwt".
export function setJwtKeys(slot: i32, keys: JwtKeys): string | null {
  const w = new Writer(), why = new Uint8Array(512);
  keys.write(w);
  const n = hostJwtKeys(slot, w.start, w.length, why.dataStart, why.length);
  w.wipe();
  if (n == 0) return null;
  if (n < 0) return statusText(<Status>n);
  return "the keys cannot be used" + (n <= why.length ? ": " + String.UTF8.decodeUnsafe(why.dataStart, n) : "");
}

// What the broker has found out about a token.
export class Jwt {
  header: string = ""; // JSON, when the token is signed
  claims: string = ""; // JSON: Json.parse
  unknownKey: bool = false; // it is not: the slot has no key that it can mean, and a newer set may

  read(r: Reader): void {
    while (r.next()) {
      if (r.num == 1) this.header = r.string();
      else if (r.num == 2) this.claims = r.string();
      else if (r.num == 3) this.unknownKey = r.bool();
    }
  }
}
