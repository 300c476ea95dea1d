//! The imports of the ABI, and what is nothing more than one of them.

use crate::error::Error;
use crate::wire;

/// The broker. Outside of WebAssembly, in a plugin's own unit tests, it is a fake.
#[cfg(target_arch = "wasm32")]
pub(crate) mod raw {
    #[link(wasm_import_module = "wicket")]
    extern "C" {
        pub fn log(level: i32, at: *const u8, size: usize);
        pub fn resolve(req: i64, code: i32, at: *const u8, size: usize) -> i32;
        pub fn features() -> i64;
        pub fn now_unix_ms() -> i64;
        pub fn random(at: *mut u8, size: usize);
        pub fn cert_field(req: i64, field: i32, index: i32, at: *mut u8, cap: usize) -> i32;
        pub fn password_verify(req: i64, at: *const u8, size: usize) -> i64;
        pub fn http_send(req: i64, at: *const u8, size: usize) -> i64;
        pub fn kv_get(key: *const u8, size: usize, at: *mut u8, cap: usize) -> i32;
        pub fn kv_set(key: *const u8, size: usize, at: *const u8, len: usize, ttl: i64) -> i32;
        pub fn kv_add(key: *const u8, size: usize, delta: i64, ttl: i64) -> i64;
        pub fn kv_delete(key: *const u8, size: usize) -> i32;
        pub fn metric_define(at: *const u8, size: usize) -> i32;
        pub fn metric_add(id: i32, delta: i64) -> i32;
        pub fn metric_set(id: i32, value: i64) -> i32;
        pub fn metric_observe(id: i32, value: i64) -> i32;
        pub fn timer_set(delay: i64, repeat: i64) -> i64;
        pub fn timer_cancel(id: i64) -> i32;
        pub fn jwt_keys(slot: i32, at: *const u8, size: usize, out: *mut u8, cap: usize) -> i32;
        pub fn jwt_verify(req: i64, slot: i32, at: *const u8, size: usize) -> i64;
        pub fn client_disconnect(at: *const u8, size: usize) -> i32;
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::fake::raw;

fn log(level: i32, text: &str) { unsafe { raw::log(level, text.as_ptr(), text.len()) } }

/// Writes a line to the broker's log. The broker limits the rate.
pub fn debug(text: impl AsRef<str>) { log(0, text.as_ref()) }
/// Writes a line to the broker's log.
pub fn info(text: impl AsRef<str>) { log(1, text.as_ref()) }
/// Writes a line to the broker's log.
pub fn warn(text: impl AsRef<str>) { log(2, text.as_ref()) }
/// Writes a line to the broker's log.
pub fn error(text: impl AsRef<str>) { log(3, text.as_ref()) }

/// The wall clock in milliseconds since 1970.
pub fn now() -> i64 { unsafe { raw::now_unix_ms() } }

/// What was granted, in bits such as [`crate::feature::KV`].
pub fn features() -> u64 { unsafe { raw::features() as u64 } }

/// Fills `b` from the broker's cryptographic source; at most 1 MiB.
pub fn random(b: &mut [u8]) { unsafe { raw::random(b.as_mut_ptr(), b.len()) } }

/// Reads a value of which the broker says how long it is, and writes one that fits.
pub(crate) fn fill(guess: usize, read: impl Fn(*mut u8, usize) -> i32) -> Option<Vec<u8>> {
    let mut b = vec![0; guess];
    loop {
        let n = usize::try_from(read(b.as_mut_ptr(), b.len())).ok()?;
        let fits = n <= b.len();
        b.resize(n, 0);
        if fits {
            return Some(b);
        }
    }
}

/// Writes zeros. A plain store to memory that is freed next would be left out.
pub(crate) fn wipe(b: &mut [u8]) {
    for c in b {
        unsafe { core::ptr::write_volatile(c, 0) }
    }
}

/// Whom to disconnect, and why.
#[derive(Clone, Debug, Default)]
pub struct Parting {
    /// The client.
    pub client_id: String,
    /// A reason code of a server's DISCONNECT (MQTT 5.0 section 3.14.2.1), 0x80 and
    /// above; 0 is Administrative action.
    pub reason: u8,
    /// The reason string.
    pub reason_text: String,
    /// When not empty, the client is meant only if it has this user name.
    pub username: String,
}

/// Disconnects a client, soon, if it is there and has the name given. Its session
/// stays. Needs the grant "disconnect". An error of the kind `Busy` says that there
/// have been too many in a second, 1,000.
pub fn disconnect(p: &Parting) -> Result<(), Error> {
    let mut b = Vec::with_capacity(64 + p.client_id.len());
    wire::put_bytes(&mut b, 1, p.client_id.as_bytes());
    wire::put_number(&mut b, 2, p.reason.into());
    wire::put_bytes(&mut b, 3, p.reason_text.as_bytes());
    wire::put_bytes(&mut b, 4, p.username.as_bytes());
    match unsafe { raw::client_disconnect(b.as_ptr(), b.len()) } {
        0 => Ok(()),
        code => Err(Error::started(code.into())),
    }
}

/// A field of a client certificate. Those with an index can occur more than once.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
#[repr(i32)]
pub enum CertField {
    Subject,
    CommonName,
    SanDns,
    SanUri,
    SanEmail,
    SanIp,
    Serial,
    Issuer,
    NotBefore,
    NotAfter,
    Sha256,
    SpkiSha256,
    Der,
    Organization,
    OrganizationalUnit,
    Md5,
    Pem,
    CommonNames,
    ExtKeyUsage,
}
