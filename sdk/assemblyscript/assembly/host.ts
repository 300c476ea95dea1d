// The imports of the ABI, and what is nothing more than one of them.

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

// What was granted: bit 0 password, bit 1 http.
export function features(): u64 { return u64(hostFeatures()); }

// n bytes from the broker's cryptographic source; at most 1 MiB.
export function random(n: i32): Uint8Array {
  const b = new Uint8Array(n);
  hostRandom(b.dataStart, n);
  return b;
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
