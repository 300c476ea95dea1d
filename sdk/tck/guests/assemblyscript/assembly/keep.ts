// What a plugin keeps, counts, and does later.

import {
  Completion, Connect, Context, Counter, disconnect, error, Gauge, Histogram, HttpRequest, info, KV, Reason, Result, Status, statusText, Timer,
  Verdict,
} from "@wicketmq/plugin/assembly";

// The answer to what a user name says, or null.
export function keep(c: Connect): Verdict | null {
  const u = c.username;
  if (u == "kv") return keysAndValues(c.clientId);
  if (u == "kv-long") return Verdict.allow().attribute("long", textOr(KV.text("long"), ""));
  if (u == "metrics") return metrics(c.clientId);
  if (u == "timer") return done(new Line(c.clientId).after(1000));
  if (u == "every") return done(new Tick().every(500));
  if (u == "timer-ask") return done(new Ask().after(10));
  if (u == "kick") return kick(c.clientId);
  return null;
}

function textOr(text: string | null, other: string): string { return text !== null ? text : other; }

// What has not worked denies.
function done(s: Status): Verdict { return s == Status.Ok ? Verdict.allow() : Verdict.fail(statusText(s)); }

function keysAndValues(client: string): Verdict {
  let s = KV.setText("kept", client, 5000);
  if (s != Status.Ok) return done(s);
  const got = KV.text("kept"), sum = KV.add("counter", 2), fresh = KV.add("other", -7, 60000);
  if (sum == i64.MIN_VALUE || fresh == i64.MIN_VALUE) return done(Status.Full);
  s = KV.setText("brief", "x");
  if (s != Status.Ok) return done(s);
  const v = Verdict.allow().attribute("got", textOr(got, "")).attribute("sum", sum.toString()).attribute("new", fresh.toString());
  if (KV.get("brief") && KV.delete("brief") && !KV.delete("brief")) v.attribute("gone", "1");
  return v;
}

function metrics(client: string): Verdict {
  const total = new Counter("tck_total", "Help.", ["by", client]);
  total.add(3);
  total.inc();
  const gauge = new Gauge("tck_gauge", "Help.");
  gauge.set(5);
  gauge.add(-7);
  new Histogram("tck_sizes", "Help.", [1, 10, 100]).observe(7);
  return Verdict.allow();
}

class Line extends Timer {
  constructor(private client: string) { super(); }

  fire(ctx: Context): void { info("timer " + this.client); }
}

class Tick extends Timer {
  private left: i32 = 3;

  fire(ctx: Context): void {
    info("tick");
    if (--this.left == 0) this.stop();
  }
}

class Ask extends Timer {
  fire(ctx: Context): void { ctx.http(HttpRequest.get("auth", "/timer"), new Answered()); }
}

class Answered extends Completion {
  done(ctx: Context, r: Result): Verdict {
    if (r.ok) info("answered " + r.http.status.toString());
    else error(r.error);
    return Verdict.pending();
  }
}

function kick(client: string): Verdict {
  const s = disconnect("sensor-17", Reason.QuotaExceeded, "enough", "alice");
  return done(s == Status.Ok ? disconnect(client) : s);
}
