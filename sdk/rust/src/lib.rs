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
#![allow(clippy::unit_arg)] // Ok(*to = x) is a line

mod error;
mod event;
#[cfg(not(target_arch = "wasm32"))]
pub mod fake;
mod host;
mod http;
pub mod json;
mod jwt;
pub mod kv;
mod metric;
mod request;
#[doc(hidden)]
pub mod rt;
mod timer;
mod verdict;
mod wire;

pub use error::{Error, ErrorKind};
pub use event::{Access, ClientHello, Connect, Event, File, Load, Property, Proxy, Secret, Tls, Topic, Will, PUBLISH, SUBSCRIBE};
pub use host::{debug, disconnect, error, features, info, now, random, warn, CertField, Parting};
pub use http::{escape, HttpRequest, HttpResponse};
pub use jwt::{set_jwt_keys, Jwt, JwtKeys};
pub use metric::{Counter, Gauge, Histogram, Labels};
pub use request::Request;
pub use rt::{spawn, Outcome};
pub use timer::{after, every, Timer};
pub use verdict::{Answer, Code, Limits, Reason, Rule, Verdict};

/// What the operator has granted: bits of [`features`] and of [`Load::features`].
#[allow(missing_docs)]
pub mod feature {
    pub const PASSWORD: u64 = 1;
    pub const HTTP: u64 = 1 << 1;
    pub const KV: u64 = 1 << 2;
    pub const METRICS: u64 = 1 << 3;
    pub const TIMERS: u64 = 1 << 4;
    pub const JWT: u64 = 1 << 5;
    pub const DISCONNECT: u64 = 1 << 6;
    /// No grant: the operator has named events.
    pub const EVENTS: u64 = 1 << 7;
}

/// Names the handlers of the plugin, each of them once or not at all. Those that
/// are absent are not exported, and cost nothing.
///
/// * `load`: `fn(&Load) -> Result<(), String>`, once per instance before any
///   event. An error refuses the plugin and is shown to the operator.
/// * `authenticate`: `async fn(Request, Connect)` with a [`Verdict`], or a
///   `Result` of one, for a client that wants in.
/// * `authorize`: `async fn(Request, Access)` likewise, for the topics of one
///   PUBLISH or SUBSCRIBE that the rules of the session leave open.
/// * `client_hello`: `async fn(Request, ClientHello)` likewise, before a TLS handshake.
///   `Allow` and `Next` let it come. It is asked for each connection: let it be short.
/// * `event`: `async fn(Event)` with nothing, or a `Result` of nothing, of which an
///   error is logged: something that has happened, of a kind that the operator has named.
/// * `unload`: `fn()`, before the instance is closed; it has a tenth of a second.
/// * `abi`: the lowest minor version of the ABI that the plugin can work with, as a
///   number. One that answers NEXT with names or attributes needs 1, NEXT with rules 2;
///   [`after`], [`every`] and [`Request::continue_with`] need 3.
#[macro_export]
macro_rules! plugin {
    ($($all:tt)*) => {
        $crate::__plugin!($($all)*);
        $crate::__newer!(none none $($all)*,);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __plugin {
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

/// Exports what only plugins with `abi: 3` need: what timers call, and with
/// `authenticate` what clients go on with.
#[doc(hidden)]
#[macro_export]
macro_rules! __newer {
    ($abi:ident $asks:ident abi: 3, $($rest:tt)*) => { $crate::__newer!(abi $asks $($rest)*); };
    ($abi:ident $asks:ident authenticate: $value:expr, $($rest:tt)*) => { $crate::__newer!($abi asks $($rest)*); };
    ($abi:ident $asks:ident $other:ident: $value:expr, $($rest:tt)*) => { $crate::__newer!($abi $asks $($rest)*); };
    (none $asks:ident $(,)?) => {};
    (abi none $(,)?) => {
        #[no_mangle]
        extern "C" fn wicket_timer(id: i64) { $crate::rt::timer(id) }
    };
    (abi asks $(,)?) => {
        $crate::__newer!(abi none);
        #[no_mangle]
        extern "C" fn wicket_auth_continue(req: i64, at: *const u8, size: u32) -> i32 { $crate::rt::go_on(req, at, size) }
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
    (client_hello $handler:expr) => {
        #[no_mangle]
        extern "C" fn wicket_client_hello(req: i64, at: *const u8, size: u32) -> i32 {
            $crate::rt::ask::<$crate::ClientHello, _, _, _>(req, at, size, $handler)
        }
    };
    (event $handler:expr) => {
        #[no_mangle]
        extern "C" fn wicket_event(at: *const u8, size: u32) { $crate::rt::notify(at, size, $handler) }
    };
    (unload $handler:expr) => {
        #[no_mangle]
        extern "C" fn wicket_unload() { $handler() }
    };
}
