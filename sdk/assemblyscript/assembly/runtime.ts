// The exports, and the calls in flight. An instance has one thread, and the broker
// makes one call at a time.

import { Access, AuthContinue, ClientHello, Connect, Event, Load } from "./event";
import { CertField, error, hostCertField, hostHears, hostHttpSend, hostJwtVerify, hostPasswordVerify, hostResolve } from "./host";
import { HttpRequest, HttpResponse } from "./http";
import { Jwt } from "./jwt";
import { Status, statusText } from "./status";
import { Timer } from "./timer";
import { Code, Verdict } from "./verdict";
import { Reader, reader, textAt, Writer } from "./wire";

let load_: ((l: Load) => string | null) | null = null;
let authenticate: ((ctx: Context, c: Connect) => Verdict) | null = null;
let authorize: ((ctx: Context, a: Access) => Verdict) | null = null;
let hello: ((ctx: Context, h: ClientHello) => Verdict) | null = null;
let happened: ((ctx: Context, e: Event) => void) | null = null;
let unload: (() => void) | null = null;
let minor: i32 = 0;

// What runs once per instance, before any event. A text refuses the plugin and is
// shown to the operator.
export function onLoad(f: (l: Load) => string | null): void { load_ = f; }
// The handler of CONNECT.
export function onAuthenticate(f: (ctx: Context, c: Connect) => Verdict): void { authenticate = f; }
// The handler of PUBLISH and SUBSCRIBE, asked when the rules of the session do not
// decide. All topics of a packet come in one event.
export function onAuthorize(f: (ctx: Context, a: Access) => Verdict): void { authorize = f; }
// The handler of TLS handshakes, asked before any of it is computed. Of its verdict
// only the code and the text, for the log, count. There may be a flood of them: let
// it be short.
export function onClientHello(f: (ctx: Context, h: ClientHello) => Verdict): void { hello = f; }
// What is told of events, after the fact, of the kinds that the operator has named.
export function onEvent(f: (ctx: Context, e: Event) => void): void { happened = f; }
// What runs before the instance is closed; it has a tenth of a second.
export function onUnload(f: () => void): void { unload = f; }
// The lowest minor version of the ABI that the plugin can work with. One that
// answers Next with names or attributes needs 1, one with Context.continue 3.
export function needABI(needed: i32): void { minor = needed; }

// The outcome of a call.
export class Result {
  http: HttpResponse = new HttpResponse(); // of an http that is ok
  jwt: Jwt = new Jwt(); // of a verifyJwt that is ok, or a Mismatch

  constructor(readonly status: Status, readonly why: string) {}

  // The call has done what it was to do: there is an answer, the password matches, the
  // token is signed.
  get ok(): bool { return this.status == Status.Ok; }

  // What has gone wrong, for the log.
  get error(): string {
    const text = statusText(this.status);
    return this.why.length > 0 ? text + ": " + this.why : text;
  }

  // Denies as Server unavailable, and logs why.
  fail(): Verdict { return Verdict.fail(this.error); }
}

// What goes on when a call has ended. Whatever it needs are its fields.
export abstract class Completion {
  abstract done(ctx: Context, r: Result): Verdict;
}

// What goes on when a client with an authentication method has answered (MQTT 5.0
// section 4.12). Whatever it needs are its fields.
export abstract class Continuation {
  abstract answered(ctx: Context, data: Uint8Array): Verdict;

  // The client does not go on: it has left, broken a rule or taken too long.
  ended(): void {}
}

// A Context of no request, for what is asked in onLoad. What its completions return
// means nothing.
export function background(): Context { return new Context(0, 0); }

// One request under way: what a handler asks the broker about it.
export class Context {
  // The exchange is the request of the CONNECT that began it.
  constructor(private req: i64, private exchange: i64) {}

  // Asks an upstream, and goes on with next. Needs the grant "http".
  http(r: HttpRequest, next: Completion): Verdict {
    const w = new Writer();
    r.write(w);
    return this.started(hostHttpSend(this.req, w.start, w.length), w, next, Kind.Http);
  }

  // Asks whether password has the given hash: a PHC string, bcrypt, or a form of
  // mosquitto's. It ends with Ok or Mismatch. Needs the grant "password".
  verifyPassword(hash: string, password: Uint8Array, next: Completion): Verdict {
    const w = new Writer();
    w.string(1, hash);
    w.bytes(2, password);
    return this.started(hostPasswordVerify(this.req, w.start, w.length), w, next, Kind.Password);
  }

  // Has the broker verify the signature of a token, a JWS in compact form (RFC 7515
  // section 3.1), with the keys of a slot. It ends with Ok, Mismatch when no key of the
  // slot has signed it, or Malformed. What the claims say, and until when, is for the
  // plugin to judge. Needs the grant "jwt".
  verifyJwt(slot: i32, token: string, next: Completion): Verdict {
    const b = String.UTF8.encode(token);
    return this.awaited(hostJwtVerify(this.req, slot, changetype<usize>(b), b.byteLength), next, Kind.Jwt);
  }

  // Sends data to a client with an authentication method, and goes on with its answer.
  // Call it for a CONNECT only; the plugin needs needABI(3).
  continue(data: Uint8Array, next: Continuation): Verdict {
    const w = new Writer();
    w.bytes(12, data);
    if (hostResolve(this.req, Code.Continue, w.start, w.length) == 0) exchanges.set(this.exchange, next);
    else next.ended();
    w.wipe();
    return Verdict.pending();
  }

  // Answers the request, as the result of a handler does.
  answer(v: Verdict): void { resolve(this.req, v); }

  private started(id: i64, w: Writer, next: Completion, kind: Kind): Verdict {
    w.wipe();
    return this.awaited(id, next, kind);
  }

  private awaited(id: i64, next: Completion, kind: Kind): Verdict {
    if (id <= 0) return next.done(this, new Result(id < 0 && id >= -3 ? <Status>i32(id) : Status.Failed, ""));
    calls.set(id, new Call(this, next, kind));
    return Verdict.pending();
  }

  // A field of the client's certificate as bytes, or null when there is none.
  certificateBytes(field: CertField, index: i32): Uint8Array | null {
    let b = new Uint8Array(256);
    let n = hostCertField(this.req, field, index, b.dataStart, b.length);
    if (n > b.length) {
      b = new Uint8Array(n);
      n = hostCertField(this.req, field, index, b.dataStart, n);
    }
    return n < 0 ? null : b.subarray(0, n);
  }

  // The same as text, for every field but DER; null also when it is not UTF-8.
  certificate(field: CertField, index: i32): string | null {
    const b = this.certificateBytes(field, index);
    return b ? textAt(b.dataStart, b.length) : null;
  }
}

enum Kind { Password, Http, Jwt }

class Call {
  constructor(readonly ctx: Context, readonly next: Completion, readonly kind: Kind) {}
}

const calls = new Map<i64, Call>();
const exchanges = new Map<i64, Continuation>(); // clients that are to go on

const maxBuffer: u32 = 64 << 20;
let input = new StaticArray<u8>(0); // the broker writes events here

export function wicket_abi_v1(): i32 {
  return minor;
}

export function wicket_buffer(min: u32): usize {
  if (min > maxBuffer) return 0;
  const have = u32(input.length);
  if (min > have || (have > 1 << 20 && min < have / 4)) input = new StaticArray<u8>(i32(max<u32>(min, 4 << 10)));
  return changetype<usize>(input);
}

// A reader of an event in the input buffer. The broker means no other place.
function event(at: usize, size: u32): Reader {
  const ok = size == 0 || (at == changetype<usize>(input) && size <= u32(input.length));
  reader.begin(at, ok ? size : 0);
  reader.bad = !ok;
  return reader;
}

export function wicket_load(at: usize, size: u32): i32 {
  const r = event(at, size), l = new Load();
  l.read(r);
  if (r.bad) {
    error("cannot read the load event");
    return 1;
  }
  const f = load_;
  if (f) {
    const why = f(l);
    if (why) {
      error(why);
      return 1;
    }
  }
  hostHears(i32(authenticate != null) | (i32(authorize != null) << 1) | (i32(hello != null) << 2) |
    (i32(happened != null) << 3)); // every function is exported
  return 0;
}

export function wicket_authenticate(req: i64, at: usize, size: u32): i32 {
  const f = authenticate;
  if (!f) return Code.Next;
  const r = event(at, size), c = new Connect();
  c.read(r);
  if (r.bad) return unreadable();
  return answer(req, f(new Context(req, req), c));
}

export function wicket_authorize(req: i64, at: usize, size: u32): i32 {
  const f = authorize;
  if (!f) return Code.Next;
  const r = event(at, size), a = new Access();
  a.read(r);
  if (r.bad) return unreadable();
  return answer(req, f(new Context(req, 0), a));
}

export function wicket_auth_continue(req: i64, at: usize, size: u32): i32 {
  const r = event(at, size), a = new AuthContinue();
  a.read(r);
  if (r.bad) return unreadable();
  const exchange = i64(a.exchange);
  if (!exchanges.has(exchange)) return Code.Deny;
  const next = exchanges.get(exchange);
  exchanges.delete(exchange);
  if (!a.ended) return answer(req, next.answered(new Context(req, exchange), a.authData));
  next.ended();
  return Code.Deny;
}

export function wicket_client_hello(req: i64, at: usize, size: u32): i32 {
  const f = hello;
  if (!f) return Code.Next;
  const r = event(at, size), h = new ClientHello();
  h.read(r);
  if (r.bad) return unreadable();
  return answer(req, f(new Context(req, 0), h));
}

export function wicket_event(at: usize, size: u32): void {
  const f = happened;
  if (!f) return;
  const r = event(at, size), e = new Event();
  e.read(r);
  if (r.bad) unreadable();
  else f(background(), e);
}

export function wicket_timer(id: i64): void {
  Timer.fired(id);
}

function unreadable(): i32 {
  error("cannot read the event");
  return -1;
}

// Answers with the return value of the export where that says everything.
function answer(req: i64, v: Verdict): i32 {
  if (v.code == Code.Pending || v.bare) return v.code;
  resolve(req, v);
  return Code.Pending;
}

function resolve(req: i64, v: Verdict): void {
  if (req != 0 && hostResolve(req, v.code, v.detail.start, v.detail.length) == -3) error("the broker could not read the verdict");
}

export function wicket_completed(id: i64, status: i32, at: usize, size: u32): void {
  if (!calls.has(id)) return;
  const call = calls.get(id);
  calls.delete(id);
  const r = event(at, size);
  let result: Result;
  if (status == Status.Ok || (status == Status.Mismatch && call.kind == Kind.Jwt)) {
    result = new Result(<Status>status, "");
    if (call.kind == Kind.Http) result.http.read(r);
    else if (call.kind == Kind.Jwt) result.jwt.read(r);
    if (r.bad) result = new Result(Status.Failed, "");
  } else {
    result = new Result(<Status>status, r.bad ? "" : String.UTF8.decodeUnsafe(at, size));
  }
  const v = call.next.done(call.ctx, result);
  if (v.code != Code.Pending) call.ctx.answer(v);
}

export function wicket_unload(): void {
  const f = unload;
  if (f) f();
}
