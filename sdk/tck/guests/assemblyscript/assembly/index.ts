// The guest of the conformance kit in AssemblyScript; sdk/tck/guests/README.md says
// what it does.

import {
  Access, CertField, ClientHello, Code, Completion, Connect, Context, debug, error, escape, Event, features, HttpRequest, info, Json, Limits,
  Load, needABI, now, onAuthenticate, onAuthorize, onClientHello, onEvent, onLoad, onUnload, random, Reason, Result, Rule, Status, textOf, Verdict, warn,
} from "@wicketmq/plugin/assembly";
import { begin, hash } from "./exchange";
import { keep } from "./keep";
import { Text } from "./text";
import { keys, verifyToken } from "./token";
export * from "@wicketmq/plugin/assembly/exports";

// What "config" answers with.
let plugin = "";
let text: string | null = null;
let nested: string | null = null;

onLoad((l: Load): string | null => {
  if (l.plugin == "refused") return "no thanks";
  plugin = l.plugin;
  const config = Json.parse(l.config);
  text = textOf(config, "text");
  nested = config ? textOf(config.get("block"), "key") : null;
  info(Text.load(l));
  return null;
});

onUnload(() => info("bye"));

needABI(3);

class Greeted extends Completion {
  done(ctx: Context, r: Result): Verdict {
    if (!r.ok) return r.fail();
    return r.http.status < 300 ? Verdict.next() : Verdict.deny();
  }
}

onClientHello((ctx: Context, h: ClientHello): Verdict => {
  const name = h.serverName;
  if (name == "allow") return Verdict.allow();
  if (name == "deny") return Verdict.deny();
  if (name == "next") return Verdict.next();
  if (name == "banned") return Verdict.deny().text("who is " + h.peer);
  if (name == "ask") return ctx.http(HttpRequest.get("auth", "/hello"), new Greeted());
  info(Text.hello(h));
  return Verdict.next();
});

onEvent((ctx: Context, e: Event) => info(Text.event(e)));

class Asked extends Completion {
  constructor(private client: string) { super(); }

  done(ctx: Context, r: Result): Verdict {
    if (!r.ok) return r.fail();
    if (r.http.status >= 300) return Verdict.deny().reason(Reason.BadUsernameOrPassword);
    return Verdict.allow().attribute("client", this.client).attribute("response", Text.response(r.http));
  }
}

class Verified extends Completion {
  constructor(private client: string, private ask: bool) { super(); }

  done(ctx: Context, r: Result): Verdict {
    if (r.status == Status.Mismatch) return Verdict.deny().reason(Reason.BadUsernameOrPassword);
    if (!r.ok) return r.fail();
    return this.ask ? get(ctx, this.client) : Verdict.allow().attribute("client", this.client);
  }
}

class Understood extends Completion {
  done(ctx: Context, r: Result): Verdict {
    if (!r.ok) return r.fail();
    const result = textOf(Json.parseBytes(r.http.body), "result");
    if (result == "allow") return Verdict.allow();
    if (result == "deny") return Verdict.deny();
    return Verdict.fail("the answer cannot be understood");
  }
}

function get(ctx: Context, client: string): Verdict {
  return ctx.http(HttpRequest.get("auth", "/auth?clientid=" + escape(client)), new Asked(client));
}

function post(ctx: Context, client: string): Verdict {
  const body = new Uint8Array(20);
  String.UTF8.encodeUnsafe(changetype<usize>('{"username":"pä"}'), 17, body.dataStart);
  body[19] = 0xff;
  const r = HttpRequest.post("auth", "/auth", "").bytes(body);
  r.header("content-type", "application/json").header("x-empty", "").header("", "").timeout(4294967295);
  return ctx.http(r, new Asked(client));
}

function full(): Verdict {
  const first = Rule.publish("devices/${clientid}/#"), second = Rule.subscribe("all/#");
  first.qos = 3;
  first.retain = 2;
  second.exact = true;
  return Verdict.allow().superuser().rule(first).rule(second).rule(Rule.deny("#"))
    .default(Code.Next).ttl(-1).expireAt(4102444800).attribute("site", "7")
    .username("alice@example.com").clientId("assigned-1").userProperty("welcome", "yes")
    .limits(new Limits(65536, 20, 5)).mountpoint("tenant/7/");
}

function lines(client: string): Verdict {
  debug("debug " + client);
  info("info " + client);
  warn("warn " + client);
  error("error " + client);
  return Verdict.allow();
}

function add(v: Verdict, key: string, value: string | null): void {
  if (value !== null) v.attribute(key, value);
}

function certificate(ctx: Context): Verdict {
  const v = Verdict.allow();
  add(v, "cn", ctx.certificate(CertField.CommonName, 0));
  add(v, "dns", ctx.certificate(CertField.SanDns, 1));
  add(v, "pem", ctx.certificate(CertField.Pem, 0));
  return v;
}

function settings(): Verdict {
  const v = Verdict.allow().attribute("plugin", plugin);
  add(v, "text", text);
  add(v, "nested", nested);
  return v;
}

function host(): Verdict {
  const t = new Text();
  t.hex(1, random(32));
  return Verdict.allow().attribute("now", now().toString()).attribute("features", features().toString()).attribute("random", t.out);
}

let sink: i64 = 0;

function recurse(n: i64): i64 {
  sink = n;
  if (sink < 0) return 0;
  return recurse(n + 1) ^ sink;
}

function grow(): Verdict {
  while (memory.grow(16) >= 0) sink++;
  return Verdict.deny();
}

onAuthenticate((ctx: Context, c: Connect): Verdict => {
  const u = c.username, id = c.clientId;
  if (u == "allow") return Verdict.allow();
  if (u == "deny") return Verdict.deny();
  if (u == "next") return Verdict.next();
  if (u == "banned") return Verdict.deny().reason(Reason.Banned).text("who is " + id);
  if (u == "full") return full();
  if (u == "named") return Verdict.next().attribute("role", "sensor").attribute("site", "7").username("sensor-17").clientId("dev-17");
  if (u == "long") return Verdict.allow().attribute("long", "x".repeat(60000));
  if (u == "log") return lines(id);
  if (u == "cert") return certificate(ctx);
  if (u == "config") return settings();
  if (u == "host") return host();
  if (u == "verify") return ctx.verifyPassword(hash, c.password, new Verified(id, false));
  if (u == "chain") return ctx.verifyPassword(hash, c.password, new Verified(id, true));
  if (u == "ask") return get(ctx, id);
  if (u == "post") return post(ctx, id);
  if (u == "escape") return ctx.http(HttpRequest.post("auth", "/" + escape(id), '{"id":' + Json.quote(id) + "}"), new Asked(id));
  if (u == "result") return ctx.http(HttpRequest.get("auth", "/result"), new Understood());
  if (u == "exchange") return begin(ctx, c);
  if (u == "jwt-keys") return keys();
  if (u == "jwt") return verifyToken(ctx, c.password);
  const kept = keep(c);
  if (kept) return kept;
  if (u == "trap") throw new Error("trap");
  if (u == "recurse") return Verdict.deny().ttl(recurse(0));
  if (u == "grow") return grow();
  while (u == "loop") sink++;
  return Verdict.allow().attribute("event", Text.connect(c));
});

onAuthorize((ctx: Context, a: Access): Verdict => {
  const v = Verdict.allow();
  if (a.username == "allow") return v;
  for (let i = 0; i < a.topics.length; i++) {
    const t = a.topics[i].topic;
    v.topic(t == "secret" ? Code.Deny : t == "open" ? Code.Allow : Code.Next);
  }
  return v.ttl(5000).attribute("event", Text.access(a));
});
