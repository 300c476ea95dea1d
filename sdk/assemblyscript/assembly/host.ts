// The imports of the ABI, and what is nothing more than one of them. Those that a
// plugin does not use are not in its module, and need no grant.

import { Status } from "./status";
import { Writer } from "./wire";

// @ts-ignore: decorator
@external("wicket", "log")
declare function hostLog(level: i32, at: usize, size: i32): void;
// @ts-ignore: decorator
@external("wicket", "resolve")
export declare function hostResolve(req: i64, code: i32, at: usize, size: i32): i32;
// @ts-ignore: decorator
@external("wicket", "hears")
export declare function hostHears(questions: i32): void;
// @ts-ignore: decorator
@external("wicket", "features")
declare function hostFeatures(): i64;
// @ts-ignore: decorator
@external("wicket", "now_unix_ms")
declare function hostNow(): i64;
// @ts-ignore: decorator
@external("wicket", "random")
declare function hostRandom(at: usize, size: i32): void;
// @ts-ignore: decorator
@external("wicket", "cert_field")
export declare function hostCertField(req: i64, field: i32, index: i32, at: usize, cap: i32): i32;
// @ts-ignore: decorator
@external("wicket", "password_verify")
export declare function hostPasswordVerify(req: i64, at: usize, size: i32): i64;
// @ts-ignore: decorator
@external("wicket", "http_send")
export declare function hostHttpSend(req: i64, at: usize, size: i32): i64;
// @ts-ignore: decorator
@external("wicket", "kv_get")
export declare function hostKvGet(key: usize, keySize: i32, at: usize, cap: i32): i32;
// @ts-ignore: decorator
@external("wicket", "kv_set")
export declare function hostKvSet(key: usize, keySize: i32, at: usize, size: i32, ttl: i64): i32;
// @ts-ignore: decorator
@external("wicket", "kv_add")
export declare function hostKvAdd(key: usize, keySize: i32, delta: i64, ttl: i64): i64;
// @ts-ignore: decorator
@external("wicket", "kv_delete")
export declare function hostKvDelete(key: usize, keySize: i32): i32;
// @ts-ignore: decorator
@external("wicket", "metric_define")
export declare function hostMetricDefine(at: usize, size: i32): i32;
// @ts-ignore: decorator
@external("wicket", "metric_add")
export declare function hostMetricAdd(id: i32, delta: i64): i32;
// @ts-ignore: decorator
@external("wicket", "metric_set")
export declare function hostMetricSet(id: i32, value: i64): i32;
// @ts-ignore: decorator
@external("wicket", "metric_observe")
export declare function hostMetricObserve(id: i32, value: i64): i32;
// @ts-ignore: decorator
@external("wicket", "timer_set")
export declare function hostTimerSet(delay: i64, repeat: i64): i64;
// @ts-ignore: decorator
@external("wicket", "timer_cancel")
export declare function hostTimerCancel(id: i64): i32;
// @ts-ignore: decorator
@external("wicket", "jwt_keys")
export declare function hostJwtKeys(slot: i32, at: usize, size: i32, why: usize, cap: i32): i32;
// @ts-ignore: decorator
@external("wicket", "jwt_verify")
export declare function hostJwtVerify(req: i64, slot: i32, at: usize, size: i32): i64;
// @ts-ignore: decorator
@external("wicket", "client_disconnect")
declare function hostClientDisconnect(at: usize, size: i32): i32;

function log(level: i32, text: string): void {
  const b = String.UTF8.encode(text);
  hostLog(level, changetype<usize>(b), b.byteLength);
}

// Write a line to the broker's log. The broker limits the rate.
export function debug(text: string): void { log(0, text); }
export function info(text: string): void { log(1, text); }
export function warn(text: string): void { log(2, text); }
export function error(text: string): void { log(3, text); }

// The wall clock in milliseconds since 1970.
export function now(): i64 { return hostNow(); }

// The bits of features, and of Load.features.
export enum Feature { Password = 1, Http = 2, Kv = 4, Metrics = 8, Timers = 16, Jwt = 32, Disconnect = 64, Events = 128 }

// What was granted.
export function features(): u64 { return u64(hostFeatures()); }

// n bytes from the broker's cryptographic source; at most 1 MiB.
export function random(n: i32): Uint8Array {
  const b = new Uint8Array(n);
  hostRandom(b.dataStart, n);
  return b;
}

// Disconnects a client, soon, if it is there and, where username is not empty, has
// that name. Its session stays. The reason is one of a DISCONNECT (MQTT 5.0 section
// 3.14.2.1), 0 Administrative action. Status.Busy: there have been 1,000 in a second.
// Needs the grant "disconnect".
export function disconnect(clientId: string, reason: u32 = 0, text: string = "", username: string = ""): Status {
  const w = new Writer();
  w.string(1, clientId);
  w.number(2, reason);
  w.string(3, text);
  w.string(4, username);
  return <Status>hostClientDisconnect(w.start, w.length);
}

// Fields of a client certificate. Those with an index can occur more than once.
export enum CertField {
  Subject, CommonName, SanDns, SanUri, SanEmail, SanIp, Serial, Issuer, NotBefore, NotAfter, Sha256, SpkiSha256, Der,
  Organization, OrganizationalUnit, Md5, Pem, CommonNames, ExtKeyUsage,
}

// Where the program ends up that has thrown; asconfig.json names it.
// @ts-ignore: decorator
@global
function wicketAbort(message: string | null, file: string | null, line: u32, column: u32): void {
  error("abort: " + (message ? message : "") + " at " + (file ? file : "") + ":" + line.toString());
  unreachable();
}
