import { Completion, Context, escape, HttpRequest, onAuthenticate, Result, Rule, Verdict } from "@wicketmq/plugin/assembly";
export * from "@wicketmq/plugin/assembly/exports";

class Checked extends Completion {
  done(ctx: Context, r: Result): Verdict {
    if (!r.ok) return r.fail();
    if (r.http.status != 200) return Verdict.deny();
    return Verdict.allow().rule(Rule.all("devices/${clientid}/#"));
  }
}

onAuthenticate((ctx, c) =>
  ctx.http(HttpRequest.get("auth", "/check?client=" + escape(c.clientId)), new Checked()));
