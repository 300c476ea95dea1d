//! The imports of the ABI, and what is nothing more than one of them.

/// The broker. Outside of WebAssembly, in a plugin's own unit tests, there is none:
/// lines go to the standard error output, and calls are not granted.
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
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod raw {
    pub unsafe fn log(level: i32, at: *const u8, size: usize) {
        eprintln!("{} {}", level, String::from_utf8_lossy(std::slice::from_raw_parts(at, size)));
    }
    pub unsafe fn resolve(_: i64, _: i32, _: *const u8, _: usize) -> i32 { -1 }
    pub unsafe fn features() -> i64 { 0 }
    pub unsafe fn now_unix_ms() -> i64 { 0 }
    pub unsafe fn random(_: *mut u8, _: usize) { unimplemented!("random numbers are the broker's") }
    pub unsafe fn cert_field(_: i64, _: i32, _: i32, _: *mut u8, _: usize) -> i32 { -1 }
    pub unsafe fn password_verify(_: i64, _: *const u8, _: usize) -> i64 { -1 }
    pub unsafe fn http_send(_: i64, _: *const u8, _: usize) -> i64 { -1 }
}

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

/// What was granted: bit 0 password, bit 1 http.
pub fn features() -> u64 { unsafe { raw::features() as u64 } }

/// Fills `b` from the broker's cryptographic source; at most 1 MiB.
pub fn random(b: &mut [u8]) { unsafe { raw::random(b.as_mut_ptr(), b.len()) } }

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
