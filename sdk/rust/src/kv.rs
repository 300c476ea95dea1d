//! What the plugin keeps: keys and values that all its instances share and that
//! survive a reload, until the process ends. It needs the grant "kv"; nothing here
//! waits. A key has 1 to 256 bytes, a value at most 64 KiB.

use crate::error::{Error, ErrorKind};
use crate::host::{self, raw};

/// The value of a key; `None` when there is none.
pub fn get(key: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    let key = key.as_ref();
    host::fill(64, |at, cap| unsafe { raw::kv_get(key.as_ptr(), key.len(), at, cap) })
}

/// Gives a key a value for some milliseconds, or for good when `ttl` is 0. An error of
/// the kind `Full` says that there is no room, which the operator bounds by
/// kv.max_bytes.
pub fn set(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, ttl: i64) -> Result<(), Error> {
    let (key, value) = (key.as_ref(), value.as_ref());
    match unsafe { raw::kv_set(key.as_ptr(), key.len(), value.as_ptr(), value.len(), ttl) } {
        0 => Ok(()),
        -2 => Err(ErrorKind::Full.into()),
        code => Err(Error::started(code.into())),
    }
}

/// Adds to a counter in one step and returns the sum. A counter that is not there
/// begins at 0 and ends after `ttl` milliseconds, which later additions leave alone: a
/// window that begins with its first event. A `ttl` of 0 is for good.
pub fn add(key: impl AsRef<[u8]>, delta: i64, ttl: i64) -> Result<i64, Error> {
    let key = key.as_ref();
    match unsafe { raw::kv_add(key.as_ptr(), key.len(), delta, ttl) } {
        i64::MIN => Err(ErrorKind::Full.into()),
        sum => Ok(sum),
    }
}

/// Removes a key; false says that there was none.
pub fn delete(key: impl AsRef<[u8]>) -> bool {
    let key = key.as_ref();
    unsafe { raw::kv_delete(key.as_ptr(), key.len()) == 1 }
}
