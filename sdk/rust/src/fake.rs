//! Stands in for the broker in a plugin's own unit tests, with `cargo test` on the
//! author's machine. It belongs to its thread, and each test has one of its own.
//!
//! ```ignore
//! #[test]
//! fn who_is_known_comes_in() {
//!     fake::upstream("auth", |_| Ok(HttpResponse { status: 200, ..HttpResponse::default() }));
//!     let v = fake::ask(authenticate, Connect { client_id: "c1".into(), ..Connect::default() });
//!     assert_eq!(v.code(), Code::Allow);
//! }
//! ```

use crate::error::ErrorKind;
use crate::event::{Property, Secret};
use crate::host::{CertField, Parting};
use crate::http::{HttpRequest, HttpResponse};
use crate::request::Request;
use crate::rt::{self, Outcome};
use crate::verdict::{Answer, Verdict};
use crate::wire::{self, Malformed, Message, Value};
use core::cell::RefCell;
use core::future::Future;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

type Upstream = Rc<dyn Fn(HttpRequest) -> Result<HttpResponse, ErrorKind>>;
type Passwords = Rc<dyn Fn(&str, &[u8]) -> bool>;
type Client = Rc<RefCell<dyn FnMut(&[u8]) -> Option<Vec<u8>>>>;

#[derive(Default)]
struct Broker {
    now: i64,
    last: i64, // number of a request, call or timer
    due: VecDeque<Due>,
    upstreams: BTreeMap<String, Upstream>,
    passwords: Option<Passwords>,
    tokens: BTreeMap<Vec<u8>, Vec<u8>>,
    client: Option<Client>,
    certificate: BTreeMap<(i32, i32), Vec<u8>>,
    kept: BTreeMap<Vec<u8>, Kept>,
    metrics: Vec<Metric>,
    timers: BTreeMap<i64, (i64, i64)>, // when, and how long after each time
    gone: Vec<Parting>,
}

/// What the plugin is to be told next.
enum Due {
    Completed(i64, i32, Vec<u8>),
    Continued(i64, Option<Vec<u8>>),
}

struct Kept {
    value: Vec<u8>,
    ends: i64, // 0: never
}

thread_local!(static BROKER: RefCell<Broker> = RefCell::default());

fn broker<T>(f: impl FnOnce(&mut Broker) -> T) -> T { BROKER.with(|b| f(&mut b.borrow_mut())) }

impl Broker {
    fn number(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    fn complete(&mut self, status: i32, payload: Vec<u8>) -> i64 {
        let id = self.number();
        self.due.push_back(Due::Completed(id, status, payload));
        id
    }

    fn find(&mut self, key: &[u8]) -> Option<&mut Kept> {
        let now = self.now;
        self.kept.retain(|_, k| k.ends == 0 || k.ends > now);
        self.kept.get_mut(key)
    }
}

/// Has an upstream answer requests, or fail.
pub fn upstream(name: &str, answer: impl Fn(HttpRequest) -> Result<HttpResponse, ErrorKind> + 'static) {
    broker(|b| b.upstreams.insert(name.into(), Rc::new(answer)));
}

/// Says which password has which hash.
pub fn passwords(right: impl Fn(&str, &[u8]) -> bool + 'static) { broker(|b| b.passwords = Some(Rc::new(right))) }

/// Has a token signed, with these claims. Others are not, whatever the slot.
pub fn token(text: &str, claims: &str) { broker(|b| b.tokens.insert(text.into(), claims.into())); }

/// Answers what [`Request::continue_with`] sends; `None` ends the exchange.
pub fn client(answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + 'static) { broker(|b| b.client = Some(Rc::new(RefCell::new(answer)))) }

/// Gives clients a certificate with this field.
pub fn certificate(field: CertField, index: i32, value: &str) {
    broker(|b| b.certificate.insert((field as i32, index), value.into()));
}

/// Asks a handler about an event, and returns its verdict.
pub fn ask<E, H, F, A>(handler: H, event: E) -> Verdict
where
    H: FnOnce(Request, E) -> F,
    F: Future<Output = A> + 'static,
    A: Answer,
{
    let said = Rc::new(RefCell::new(None));
    let (answer, to) = (handler(Request::new(broker(Broker::number)), event), said.clone());
    rt::spawn(async move { *to.borrow_mut() = Some(answer.await.verdict()) });
    serve();
    let v = said.borrow_mut().take();
    v.expect("the handler waits for what does not come")
}

/// Tells a handler of an event.
pub fn tell<E, H, F>(handler: H, event: E)
where
    H: FnOnce(E) -> F,
    F: Future + 'static,
    F::Output: Outcome,
{
    rt::spawn(handler(event));
    serve();
}

/// Lets time pass for the clock, values and timers, and has those fire that are due
/// meanwhile, in their order.
pub fn advance(milliseconds: i64) {
    serve();
    let end = broker(|b| b.now) + milliseconds;
    while let Some((at, id)) = broker(|b| b.timers.iter().map(|(id, t)| (t.0, *id)).min()).filter(|t| t.0 <= end) {
        let repeat = broker(|b| {
            b.now = at;
            b.timers.remove(&id).map_or(0, |t| t.1)
        });
        if repeat > 0 {
            broker(|b| b.timers.insert(id, (at + repeat, repeat)));
        }
        rt::timer(id);
        serve();
    }
    broker(|b| b.now = end);
}

/// What a metric has come to: the value of a counter or gauge, and of a histogram how
/// many values it has.
pub fn metric(name: &str, labels: &[(&str, &str)]) -> i64 {
    broker(|b| b.metrics.iter().find(|m| m.is(name, labels)).map_or(0, |m| m.value))
}

/// Whom the plugin has disconnected.
pub fn disconnected() -> Vec<Parting> { broker(|b| b.gone.clone()) }

/// Runs what was begun, until nothing is due any more.
fn serve() {
    loop {
        rt::settle();
        match broker(|b| b.due.pop_front()) {
            Some(Due::Completed(id, status, payload)) => rt::end_call(id, status, payload),
            Some(Due::Continued(req, said)) => drop(rt::end_round(req, said.map(|s| (req, Secret::from(s))))),
            None => return,
        }
    }
}

#[derive(Default)]
struct Metric {
    name: String,
    kind: u32,
    labels: Vec<Property>,
    value: i64,
}

impl Metric {
    fn is(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.name == name && self.labels.iter().map(|l| (l.key.as_str(), l.value.as_str())).eq(labels.iter().copied())
    }
}

impl Message for Metric {
    fn field(&mut self, num: u32, v: Value<'_>) -> Result<(), Malformed> {
        match num {
            1 => self.name = v.text()?,
            3 => self.kind = v.u32()?,
            4 => self.labels.push(v.message()?),
            _ => {}
        }
        Ok(())
    }
}

impl Message for HttpRequest {
    fn field(&mut self, num: u32, v: Value<'_>) -> Result<(), Malformed> {
        match num {
            1 => self.upstream = v.text()?,
            2 => self.method = v.text()?,
            3 => self.path = v.text()?,
            4 => {
                let h: Property = v.message()?;
                self.headers.push((h.key, h.value));
            }
            5 => self.body = v.bytes()?.to_vec(),
            6 => self.timeout_ms = v.u32()?,
            _ => {}
        }
        Ok(())
    }
}

impl Message for Parting {
    fn field(&mut self, num: u32, v: Value<'_>) -> Result<(), Malformed> {
        match num {
            1 => self.client_id = v.text()?,
            2 => self.reason = v.u32()? as u8,
            3 => self.reason_text = v.text()?,
            4 => self.username = v.text()?,
            _ => {}
        }
        Ok(())
    }
}

/// Fields 1 and 2 of a message that are bytes, which is what some calls consist of.
#[derive(Default)]
struct Pair(Vec<u8>, Vec<u8>);

impl Message for Pair {
    fn field(&mut self, num: u32, v: Value<'_>) -> Result<(), Malformed> {
        match num {
            1 => self.0 = v.bytes()?.to_vec(),
            2 => self.1 = v.bytes()?.to_vec(),
            _ => {}
        }
        Ok(())
    }
}

/// The auth_data of a Decision.
#[derive(Default)]
struct Challenge(Vec<u8>);

impl Message for Challenge {
    fn field(&mut self, num: u32, v: Value<'_>) -> Result<(), Malformed> {
        if num == 12 {
            self.0 = v.bytes()?.to_vec();
        }
        Ok(())
    }
}

fn answered(r: Result<HttpResponse, ErrorKind>) -> (i32, Vec<u8>) {
    let r = match r {
        Ok(r) => r,
        Err(ErrorKind::Timeout) => return (2, Vec::new()),
        Err(ErrorKind::Busy) => return (3, Vec::new()),
        Err(ErrorKind::Malformed) => return (4, Vec::new()),
        Err(_) => return (5, Vec::new()),
    };
    let mut b = Vec::new();
    wire::put_number(&mut b, 1, r.status.into());
    for h in &r.headers {
        wire::put_property(&mut b, 2, &h.key, &h.value);
    }
    wire::put_bytes(&mut b, 3, &r.body);
    (0, b)
}

/// The imports.
pub(crate) mod raw {
    use super::*;

    unsafe fn bytes<'a>(at: *const u8, size: usize) -> &'a [u8] { core::slice::from_raw_parts(at, size) }

    unsafe fn give(value: &[u8], at: *mut u8, cap: usize) -> i32 {
        if value.len() <= cap {
            core::ptr::copy_nonoverlapping(value.as_ptr(), at, value.len());
        }
        value.len() as i32
    }

    pub unsafe fn log(level: i32, at: *const u8, size: usize) {
        eprintln!("{} {}", level, String::from_utf8_lossy(bytes(at, size)));
    }

    pub unsafe fn resolve(req: i64, code: i32, at: *const u8, size: usize) -> i32 {
        let (client, challenge) = match (broker(|b| b.client.clone()), Challenge::decode(bytes(at, size))) {
            (Some(client), Ok(challenge)) if code == 4 => (client, challenge.0),
            _ => return -1,
        };
        let said = (client.borrow_mut())(&challenge);
        broker(|b| b.due.push_back(Due::Continued(req, said)));
        0
    }

    pub unsafe fn features() -> i64 { 0xff }

    pub unsafe fn now_unix_ms() -> i64 { broker(|b| b.now) }

    /// Not random at all, but never twice the same.
    pub unsafe fn random(at: *mut u8, size: usize) {
        for i in 0..size {
            *at.add(i) = (broker(Broker::number) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()[0];
        }
    }

    pub unsafe fn cert_field(_: i64, field: i32, index: i32, at: *mut u8, cap: usize) -> i32 {
        broker(|b| b.certificate.get(&(field, index)).map_or(-1, |v| give(v, at, cap)))
    }

    pub unsafe fn password_verify(_: i64, at: *const u8, size: usize) -> i64 {
        match (broker(|b| b.passwords.clone()), Pair::decode(bytes(at, size))) {
            (Some(right), Ok(Pair(hash, password))) => {
                let right = right(&String::from_utf8_lossy(&hash), &password);
                broker(|b| b.complete((!right).into(), Vec::new()))
            }
            _ => -1,
        }
    }

    pub unsafe fn http_send(_: i64, at: *const u8, size: usize) -> i64 {
        let r = HttpRequest::decode(bytes(at, size)).unwrap_or_default();
        match broker(|b| b.upstreams.get(&r.upstream).cloned()) {
            Some(upstream) => {
                let (status, payload) = answered(upstream(r));
                broker(|b| b.complete(status, payload))
            }
            None => -1,
        }
    }

    pub unsafe fn kv_get(key: *const u8, size: usize, at: *mut u8, cap: usize) -> i32 {
        broker(|b| b.find(bytes(key, size)).map_or(-1, |k| give(&k.value, at, cap)))
    }

    pub unsafe fn kv_set(key: *const u8, size: usize, at: *const u8, len: usize, ttl: i64) -> i32 {
        let (key, value) = (bytes(key, size).to_vec(), bytes(at, len).to_vec());
        if key.is_empty() || key.len() > 256 || value.len() > 64 << 10 || ttl < 0 {
            return -3;
        }
        broker(|b| {
            let ends = if ttl > 0 { b.now + ttl } else { 0 };
            b.kept.insert(key, Kept { value, ends });
        });
        0
    }

    pub unsafe fn kv_add(key: *const u8, size: usize, delta: i64, ttl: i64) -> i64 {
        let begun = [0; 8];
        let name = bytes(key, size);
        if broker(|b| b.find(name).is_none()) && kv_set(key, size, begun.as_ptr(), 8, ttl) != 0 {
            return i64::MIN;
        }
        broker(|b| {
            let value = &mut b.kept.get_mut(name).expect("it is there").value;
            let was = match <[u8; 8]>::try_from(&value[..]) {
                Ok(was) => i64::from_le_bytes(was),
                Err(_) => return i64::MIN,
            };
            let sum = was.saturating_add(delta).max(i64::MIN + 1);
            *value = sum.to_le_bytes().to_vec();
            sum
        })
    }

    pub unsafe fn kv_delete(key: *const u8, size: usize) -> i32 {
        let key = bytes(key, size);
        broker(|b| i32::from(b.find(key).is_some() && b.kept.remove(key).is_some()))
    }

    pub unsafe fn metric_define(at: *const u8, size: usize) -> i32 {
        let new = Metric::decode(bytes(at, size)).unwrap_or_default();
        let labels: Vec<_> = new.labels.iter().map(|l| (l.key.as_str(), l.value.as_str())).collect();
        let known = broker(|b| b.metrics.iter().position(|m| m.is(&new.name, &labels)));
        let at = known.unwrap_or_else(|| broker(|b| b.metrics.len()));
        if known.is_none() {
            broker(|b| b.metrics.push(new));
        }
        at as i32 + 1
    }

    fn metric(id: i32, kinds: &[u32], change: impl FnOnce(&mut i64)) -> i32 {
        broker(|b| match usize::try_from(id - 1).ok().and_then(|i| b.metrics.get_mut(i)) {
            Some(m) if kinds.contains(&m.kind) => {
                change(&mut m.value);
                0
            }
            _ => -3,
        })
    }

    pub unsafe fn metric_add(id: i32, delta: i64) -> i32 { metric(id, &[0, 1], |v| *v = v.saturating_add(delta)) }
    pub unsafe fn metric_set(id: i32, value: i64) -> i32 { metric(id, &[1], |v| *v = value) }
    pub unsafe fn metric_observe(id: i32, _: i64) -> i32 { metric(id, &[2], |v| *v += 1) }

    pub unsafe fn timer_set(delay: i64, repeat: i64) -> i64 {
        if delay < 10 || repeat != 0 && repeat < 10 {
            return -3;
        }
        broker(|b| {
            let (id, at) = (b.number(), b.now + delay);
            b.timers.insert(id, (at, repeat));
            id
        })
    }

    pub unsafe fn timer_cancel(id: i64) -> i32 { broker(|b| b.timers.remove(&id).map_or(-1, |_| 0)) }

    pub unsafe fn jwt_keys(slot: i32, _: *const u8, _: usize, _: *mut u8, _: usize) -> i32 {
        if slot > 15 {
            return -3;
        }
        0
    }

    pub unsafe fn jwt_verify(_: i64, _: i32, at: *const u8, size: usize) -> i64 {
        broker(|b| {
            let mut payload = Vec::new();
            let claims = b.tokens.get(bytes(at, size));
            if let Some(claims) = claims {
                wire::put_bytes(&mut payload, 1, b"{}");
                wire::put_bytes(&mut payload, 2, claims);
            }
            let status = claims.is_none().into();
            b.complete(status, payload)
        })
    }

    pub unsafe fn client_disconnect(at: *const u8, size: usize) -> i32 {
        let p = Parting::decode(bytes(at, size)).unwrap_or_default();
        broker(|b| b.gone.push(p));
        0
    }
}
