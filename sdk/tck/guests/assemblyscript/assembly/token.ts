// What a plugin has to do with tokens.

import { Completion, Context, JwtKeys, Result, setJwtKeys, Status, Verdict } from "@wicketmq/plugin/assembly";

function bytes(text: string): Uint8Array { return Uint8Array.wrap(String.UTF8.encode(text)); }

export function keys(): Verdict {
  const set = new JwtKeys(["RS256", "", "EdDSA"]).jwks(bytes('{"keys":[]}')).pem("-----BEGIN PUBLIC KEY-----\n");
  const secret = bytes("0123456789abcdef\0" + "0123456789abcd.");
  secret[31] = 0xff;
  let why = setJwtKeys(0, set);
  if (why === null) why = setJwtKeys(15, new JwtKeys(["HS256"]).secret(secret));
  return why === null ? Verdict.allow() : Verdict.fail(why);
}

class Signed extends Completion {
  done(ctx: Context, r: Result): Verdict {
    if (r.status == Status.Mismatch) return Verdict.deny().text(r.jwt.unknownKey ? "unknown key" : "not signed");
    if (r.status == Status.Malformed) return Verdict.deny().text("malformed");
    if (!r.ok) return r.fail();
    return Verdict.allow().attribute("header", r.jwt.header).attribute("claims", r.jwt.claims);
  }
}

export function verifyToken(ctx: Context, token: Uint8Array): Verdict {
  return ctx.verifyJwt(15, String.UTF8.decodeUnsafe(token.dataStart, token.length), new Signed());
}
