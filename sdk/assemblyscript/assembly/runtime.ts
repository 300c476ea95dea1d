// The exports, and the calls in flight. An instance has one thread, and the broker
// makes one call at a time.

import { Access, Connect, Load } from "./event";
import { CertField, error, hostCertField, hostHears, hostHttpSend, hostPasswordVerify, hostResolve } from "./host";
import { HttpRequest, HttpResponse } from "./http";
import { Code, Verdict } from "./verdict";
import { Reader, Writer } from "./wire";

let load_: ((l: Load) => string | null) | null = null;
let authenticate: ((ctx: Context, c: Connect) => Verdict) | null = null;
let authorize: ((ctx: Context, a: Access) => Verdict) | null = null;
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
// What runs before the instance is closed; it has a tenth of a second.
export function onUnload(f: () => void): void { unload = f; }
// The lowest minor version of the ABI that the plugin can work with. One that
// answers Next with names or attributes needs 1.
export function needABI(needed: i32): void { minor = needed; }

// How a call has ended; negative: it was not started.
export enum Status {
  MalformedCall = -3,
  Busy = -2,
  NotGranted = -1,
  Ok = 0,
  Mismatch = 1,
  Timeout = 2,
  Refused = 3,
  Malformed = 4,
  Failed = 5,
}

// The outcome of a call.
export class Result {
  http: HttpResponse = new HttpResponse(); // of an http that is ok

  constructor(readonly status: Status, readonly why: string) {}

  // The call has done what it was to do: there is an answer, or the password matches.
  get ok(): bool { return this.status == Status.Ok; }

  // What has gone wrong, for the log.
  get error(): string {
    let text = "the call failed";
    switch (this.status) {
      case Status.NotGranted: text = "the operator has not granted this to the plugin"; break;
      case Status.Busy:
      case Status.Refused: text = "too many calls in flight"; break;
      case Status.Timeout: text = "the call took too long"; break;
      case Status.MalformedCall:
      case Status.Malformed: text = "the broker could not read the request"; break;
    }
    return this.why.length > 0 ? text + ": " + this.why : text;
  }

  // Denies as Server unavailable, and logs why.
  fail(): Verdict { return Verdict.fail(this.error); }
}

// What goes on when a call has ended. Whatever it needs are its fields.
export abstract class Completion {
  abstract done(ctx: Context, r: Result): Verdict;
}

// One request under way: what a handler asks the broker about it.
export class Context {
  constructor(private req: i64) {}

  // Asks an upstream, and goes on with next. Needs the grant "http".
  http(r: HttpRequest, next: Completion): Verdict {
    const w = new Writer();
    r.write(w);
    return this.started(hostHttpSend(this.req, w.start, w.length), w, next, true);
  }

  // Asks whether password has the given hash: a PHC string, bcrypt, or a form of
  // mosquitto's. It ends with Ok or Mismatch. Needs the grant "password".
  verifyPassword(hash: string, password: Uint8Array, next: Completion): Verdict {
    const w = new Writer();
    w.string(1, hash);
    w.bytes(2, password);
    return this.started(hostPasswordVerify(this.req, w.start, w.length), w, next, false);
  }

  private started(id: i64, w: Writer, next: Completion, http: bool): Verdict {
    w.wipe();
    if (id <= 0) return next.done(this, new Result(id < 0 && id >= -3 ? <Status>i32(id) : Status.Failed, ""));
    calls.set(id, new Call(this.req, next, http));
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

  // The same as text, for every field but DER.
  certificate(field: CertField, index: i32): string | null {
    const b = this.certificateBytes(field, index);
    return b ? String.UTF8.decodeUnsafe(b.dataStart, b.length) : null;
  }
}

class Call {
  constructor(readonly req: i64, readonly next: Completion, readonly http: bool) {}
}

const calls = new Map<i64, Call>();

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
  if (size != 0 && (at != changetype<usize>(input) || size > u32(input.length))) {
    const r = new Reader(0, 0);
    r.bad = true;
    return r;
  }
  return new Reader(at, at + size);
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
  hostHears(i32(authenticate != null) | (i32(authorize != null) << 1)); // every function is exported
  return 0;
}

export function wicket_authenticate(req: i64, at: usize, size: u32): i32 {
  const f = authenticate;
  if (!f) return Code.Next;
  const r = event(at, size), c = new Connect();
  c.read(r);
  if (r.bad) return unreadable();
  return answer(req, f(new Context(req), c));
}

export function wicket_authorize(req: i64, at: usize, size: u32): i32 {
  const f = authorize;
  if (!f) return Code.Next;
  const r = event(at, size), a = new Access();
  a.read(r);
  if (r.bad) return unreadable();
  return answer(req, f(new Context(req), a));
}

function unreadable(): i32 {
  error("cannot read the event");
  return -1;
}

// Answers with the return value of the export where that says everything.
function answer(req: i64, v: Verdict): i32 {
  if (v.code == Code.Pending || v.detail.length == 0) return v.code;
  resolve(req, v);
  return Code.Pending;
}

function resolve(req: i64, v: Verdict): void {
  if (hostResolve(req, v.code, v.detail.start, v.detail.length) == -3) error("the broker could not read the verdict");
}

export function wicket_completed(id: i64, status: i32, at: usize, size: u32): void {
  if (!calls.has(id)) return;
  const call = calls.get(id);
  calls.delete(id);
  const r = event(at, size);
  let result: Result;
  if (status == Status.Ok) {
    result = new Result(Status.Ok, "");
    if (call.http) result.http.read(r);
    if (r.bad) result = new Result(Status.Failed, "");
  } else {
    result = new Result(<Status>status, r.bad ? "" : String.UTF8.decodeUnsafe(at, size));
  }
  const v = call.next.done(new Context(call.req), result);
  if (v.code != Code.Pending) resolve(call.req, v);
}

export function wicket_unload(): void {
  const f = unload;
  if (f) f();
}
