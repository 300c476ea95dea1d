// Enhanced authentication.

import { Completion, Connect, Context, Continuation, info, Reason, Result, Status, Verdict } from "@wicketmq/plugin/assembly";

export const hash = "$7$101$c2FsdA==$aGFzaA==";

// What the text of data is; it need not be UTF-8.
function is(data: Uint8Array, word: string): bool {
  if (data.length != word.length) return false;
  for (let i = 0; i < data.length; i++) {
    if (data[i] != word.charCodeAt(i)) return false;
  }
  return true;
}

class Dialogue extends Continuation {
  private round: i32 = 0;

  constructor(private client: string, private again: bool) { super(); }

  more(ctx: Context, said: Uint8Array): Verdict {
    const begin = Uint8Array.wrap(String.UTF8.encode((++this.round).toString() + ":"));
    const data = new Uint8Array(begin.length + said.length);
    data.set(begin);
    data.set(said, begin.length);
    return ctx.continue(data, this);
  }

  answered(ctx: Context, data: Uint8Array): Verdict {
    if (is(data, "more")) return this.more(ctx, data);
    if (is(data, "verify")) return ctx.verifyPassword(hash, data, new Proven(this, data));
    if (is(data, "deny")) return Verdict.deny().reason(Reason.BadUsernameOrPassword);
    const v = Verdict.allow().authData(data).attribute("client", this.client).attribute("rounds", this.round.toString());
    return this.again ? v.attribute("again", "1") : v;
  }

  ended(): void { info("ended " + this.client); }
}

class Proven extends Completion {
  constructor(private dialogue: Dialogue, private data: Uint8Array) { super(); }

  done(ctx: Context, r: Result): Verdict {
    if (r.status == Status.Mismatch) return Verdict.deny().reason(Reason.BadUsernameOrPassword);
    return r.ok ? this.dialogue.more(ctx, this.data) : r.fail();
  }
}

export function begin(ctx: Context, c: Connect): Verdict {
  return new Dialogue(c.clientId, c.reauthenticate).more(ctx, c.authData);
}
