//! Plugins for the MQTT broker Wicket, without another crate.
//!
//! A handler is an async function. It gets an event that is its own, awaits what
//! it asks of the broker, and returns a [`Verdict`], or an error that denies:
//!
//! ```ignore
//! wicket::plugin! { authenticate: authenticate }
//!
//! async fn authenticate(req: Request, c: Connect) -> Result<Verdict, Error> {
//!     let ok = req.verify_password(HASH, &c.password).await?;
//!     Ok(if ok { Verdict::allow() } else { Verdict::deny() })
//! }
//! ```
//!
//! While a handler awaits, the instance serves other requests. Everything runs on
//! one thread, one handler at a time. A panic ends the instance, and the broker
//! starts another. sdk/rust/README.md is the manual, sdk/ABI.md what lies beneath.

#![warn(missing_docs)]

mod event;
mod host;
mod http;
pub mod json;
#[doc(hidden)]
pub mod rt;
mod verdict;
mod wire;

pub use event::{Access, Connect, File, Load, Property, Proxy, Secret, Tls, Topic, Will, PUBLISH, SUBSCRIBE};
pub use host::{debug, error, features, info, now, random, warn, CertField};
pub use http::{escape, HttpRequest, HttpResponse};
pub use rt::{Error, ErrorKind, Request};
pub use verdict::{Answer, Code, Limits, Reason, Rule, Verdict};

/// Names the handlers of the plugin, each of them once or not at all. Those that
/// are absent are not exported, and cost nothing.
///
/// * `load`: `fn(&Load) -> Result<(), String>`, once per instance before any
///   event. An error refuses the plugin and is shown to the operator.
/// * `authenticate`: `async fn(Request, Connect)` with a [`Verdict`], or a
///   `Result` of one, for a client that wants in.
/// * `authorize`: `async fn(Request, Access)` likewise, for the topics of one
///   PUBLISH or SUBSCRIBE that the rules of the session leave open.
/// * `unload`: `fn()`, before the instance is closed; it has a tenth of a second.
/// * `abi`: the lowest minor version of the ABI that the plugin can work with. One
///   that answers NEXT with names or attributes needs 1.
#[macro_export]
macro_rules! plugin {
    ($($hook:ident : $value:expr),* $(,)?) => {
        #[no_mangle]
        extern "C" fn wicket_abi_v1() -> i32 { $crate::__find!(abi 0; $($hook: $value,)*) }
        #[no_mangle]
        extern "C" fn wicket_buffer(min: u32) -> *mut u8 { $crate::rt::buffer(min) }
        #[no_mangle]
        extern "C" fn wicket_load(at: *const u8, size: u32) -> i32 {
            $crate::rt::load(at, size, $crate::__find!(load (|_| Ok(())); $($hook: $value,)*))
        }
        #[no_mangle]
        extern "C" fn wicket_completed(call: i64, status: i32, at: *const u8, size: u32) {
            $crate::rt::completed(call, status, at, size)
        }
        $($crate::__export!($hook $value);)*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __find {
    (abi $default:expr;) => { $default };
    (abi $default:expr; abi: $value:expr, $($rest:tt)*) => { $value };
    (load $default:expr;) => { $default };
    (load $default:expr; load: $value:expr, $($rest:tt)*) => { $value };
    ($wanted:ident $default:expr; $other:ident: $value:expr, $($rest:tt)*) => { $crate::__find!($wanted $default; $($rest)*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    (load $handler:expr) => {};
    (abi $minor:expr) => {};
    (authenticate $handler:expr) => {
        #[no_mangle]
        extern "C" fn wicket_authenticate(req: i64, at: *const u8, size: u32) -> i32 {
            $crate::rt::ask::<$crate::Connect, _, _, _>(req, at, size, $handler)
        }
    };
    (authorize $handler:expr) => {
        #[no_mangle]
        extern "C" fn wicket_authorize(req: i64, at: *const u8, size: u32) -> i32 {
            $crate::rt::ask::<$crate::Access, _, _, _>(req, at, size, $handler)
        }
    };
    (unload $handler:expr) => {
        #[no_mangle]
        extern "C" fn wicket_unload() { $handler() }
    };
}
