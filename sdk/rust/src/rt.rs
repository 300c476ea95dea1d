//! The exports, and the futures that wait for the broker. One thread, no locks: an
//! export polls a handler until it waits, and the completion of what it waits for
//! polls it again. Nothing of `STATE` is borrowed while a handler runs.

use crate::event::Load;
use crate::host::{self, raw, CertField};
use crate::http::{HttpRequest, HttpResponse};
use crate::verdict::{Answer, Verdict};
use crate::wire::{self, Message};
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

const MAX_BUFFER: usize = 64 << 20;
const PENDING: i32 = 3;

type Task = Pin<Box<dyn Future<Output = Verdict>>>;

#[derive(Default)]
struct State {
    input: Vec<u8>,               // the broker writes events here
    tasks: BTreeMap<i64, Task>,   // by request
    calls: BTreeMap<i64, Shared>, // in flight
}

thread_local!(static STATE: RefCell<State> = RefCell::default());

/// What a call and who waits for it share.
type Shared = Rc<RefCell<Slot>>;

struct Slot {
    req: i64,
    done: Option<(i32, Vec<u8>)>,
}

/// How a call of the broker has failed; its text is for the log.
#[derive(Debug)]
pub struct Error {
    /// What has gone wrong.
    pub kind: ErrorKind,
    why: String,
}

/// The ways in which a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ErrorKind {
    NotGranted,
    Busy,
    Timeout,
    Malformed,
    Failed,
}

impl Error {
    /// An error of the plugin's own, for a handler to return.
    pub fn new(why: impl Into<String>) -> Self { Error { kind: ErrorKind::Failed, why: why.into() } }

    fn started(id: i64) -> Self {
        let kind = match id {
            -1 => ErrorKind::NotGranted,
            -2 => ErrorKind::Busy,
            -3 => ErrorKind::Malformed,
            _ => ErrorKind::Failed,
        };
        Error { kind, why: kind.text().into() }
    }

    fn ended(status: i32, payload: &[u8]) -> Self {
        let kind = match status {
            2 => ErrorKind::Timeout,
            3 => ErrorKind::Busy,
            4 => ErrorKind::Malformed,
            _ => ErrorKind::Failed,
        };
        let mut why = kind.text().to_owned();
        if !payload.is_empty() {
            why += ": ";
            why += &String::from_utf8_lossy(payload);
        }
        Error { kind, why }
    }
}

impl ErrorKind {
    fn text(self) -> &'static str {
        match self {
            ErrorKind::NotGranted => "the operator has not granted this to the plugin",
            ErrorKind::Busy => "too many calls in flight",
            ErrorKind::Timeout => "the call took too long",
            ErrorKind::Malformed => "the broker could not read the request",
            ErrorKind::Failed => "the call failed",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.why) }
}

impl std::error::Error for Error {}

/// A request under way: what a handler asks the broker about it.
#[derive(Clone, Debug)]
pub struct Request(i64);

impl Request {
    /// Asks whether `password` has the given hash: a PHC string, bcrypt, or a form of
    /// mosquitto's. The broker's own workers do it. Needs the grant "password".
    pub fn verify_password(&self, hash: &str, password: &[u8]) -> impl Future<Output = Result<bool, Error>> {
        let mut b = Vec::with_capacity(hash.len() + password.len() + 16);
        wire::put_bytes(&mut b, 1, hash.as_bytes());
        wire::put_bytes(&mut b, 2, password);
        let call = self.start(&mut b, |req, at, size| unsafe { raw::password_verify(req, at, size) });
        async move {
            match call?.await {
                (0, _) => Ok(true),
                (1, _) => Ok(false),
                (status, why) => Err(Error::ended(status, &why)),
            }
        }
    }

    /// Asks an upstream. Needs the grant "http". The request is on its way when this
    /// returns: several may be started before the first is awaited.
    pub fn http(&self, r: HttpRequest) -> impl Future<Output = Result<HttpResponse, Error>> {
        let call = self.start(&mut r.encode(), |req, at, size| unsafe { raw::http_send(req, at, size) });
        async move {
            match call?.await {
                (0, payload) => HttpResponse::decode(&payload).map_err(|_| Error::new("the broker's answer is malformed")),
                (status, why) => Err(Error::ended(status, &why)),
            }
        }
    }

    /// A field of the client's certificate, if there is one.
    pub fn certificate(&self, field: CertField, index: i32) -> Option<Vec<u8>> {
        let mut b = vec![0; 256];
        loop {
            let n = unsafe { raw::cert_field(self.0, field as i32, index, b.as_mut_ptr(), b.len()) };
            let n = usize::try_from(n).ok()?;
            let fits = n <= b.len();
            b.resize(n, 0);
            if fits {
                return Some(b);
            }
        }
    }

    fn start(&self, message: &mut [u8], import: impl FnOnce(i64, *const u8, usize) -> i64) -> Result<Call, Error> {
        let id = import(self.0, message.as_ptr(), message.len());
        wipe(message);
        if id <= 0 {
            return Err(Error::started(id));
        }
        let slot = Rc::new(RefCell::new(Slot { req: self.0, done: None }));
        STATE.with(|s| s.borrow_mut().calls.insert(id, slot.clone()));
        Ok(Call(slot))
    }
}

fn wipe(b: &mut [u8]) {
    for c in b {
        unsafe { core::ptr::write_volatile(c, 0) }
    }
}

struct Call(Shared);

impl Future for Call {
    type Output = (i32, Vec<u8>);
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0.borrow_mut().done.take() {
            Some(done) => Poll::Ready(done),
            None => Poll::Pending,
        }
    }
}

/// A waker that does nothing: completions poll the handler themselves.
fn waker() -> Waker {
    const TABLE: RawWakerVTable = RawWakerVTable::new(|_| RAW, |_| {}, |_| {}, |_| {});
    const RAW: RawWaker = RawWaker::new(core::ptr::null(), &TABLE);
    unsafe { Waker::from_raw(RAW) }
}

fn poll(task: &mut Task) -> Poll<Verdict> { task.as_mut().poll(&mut Context::from_waker(&waker())) }

pub fn buffer(min: u32) -> *mut u8 {
    let n = min as usize;
    STATE.with(|s| {
        let input = &mut s.borrow_mut().input;
        if n > MAX_BUFFER {
            return core::ptr::null_mut();
        }
        if n > input.len() || input.len() > 1 << 20 && n < input.len() / 4 {
            let (mut new, size) = (Vec::new(), n.max(4 << 10));
            if new.try_reserve_exact(size).is_err() {
                return core::ptr::null_mut();
            }
            new.resize(size, 0);
            *input = new;
        }
        input.as_mut_ptr()
    })
}

/// Reads an event in the input buffer. The broker means no other place.
fn event<T>(at: *const u8, size: u32, read: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
    STATE.with(|s| {
        let s = s.borrow();
        match s.input.get(..size as usize) {
            _ if size == 0 => read(&[]),
            Some(b) if b.as_ptr() == at => read(b),
            _ => None,
        }
    })
}

pub fn load(at: *const u8, size: u32, handler: fn(&Load) -> Result<(), String>) -> i32 {
    std::panic::set_hook(Box::new(|info| host::error(info.to_string())));
    let l = match event(at, size, |b| Load::decode(b).ok()) {
        Some(l) => l,
        None => {
            host::error("cannot read the load event");
            return 1;
        }
    };
    match handler(&l) {
        Ok(()) => 0,
        Err(why) => {
            host::error(why);
            1
        }
    }
}

pub fn ask<E, H, F, A>(req: i64, at: *const u8, size: u32, handler: H) -> i32
where
    E: Message,
    H: FnOnce(Request, E) -> F,
    F: Future<Output = A> + 'static,
    A: Answer,
{
    let e = match event(at, size, |b| E::decode(b).ok()) {
        Some(e) => e,
        None => {
            host::error("cannot read the event");
            return -1;
        }
    };
    let answer = handler(Request(req), e);
    let mut task: Task = Box::pin(async { answer.await.verdict() });
    match poll(&mut task) {
        Poll::Ready(v) if v.detail.is_empty() => return v.code as i32,
        Poll::Ready(v) => resolve(req, v),
        Poll::Pending => STATE.with(|s| drop(s.borrow_mut().tasks.insert(req, task))),
    }
    PENDING
}

pub fn completed(call: i64, status: i32, at: *const u8, size: u32) {
    let slot = match STATE.with(|s| s.borrow_mut().calls.remove(&call)) {
        Some(slot) => slot,
        None => return,
    };
    let payload = event(at, size, |b| Some(b.to_vec()));
    let req = slot.borrow().req;
    slot.borrow_mut().done = Some(payload.map_or((5, Vec::new()), |p| (status, p)));
    let mut task = match STATE.with(|s| s.borrow_mut().tasks.remove(&req)) {
        Some(task) => task,
        None => return, // the handler did not wait for it
    };
    match poll(&mut task) {
        Poll::Ready(v) => resolve(req, v),
        Poll::Pending => STATE.with(|s| drop(s.borrow_mut().tasks.insert(req, task))),
    }
}

fn resolve(req: i64, v: Verdict) {
    if unsafe { raw::resolve(req, v.code as i32, v.detail.as_ptr(), v.detail.len()) } == -3 {
        host::error("the broker could not read the verdict");
    }
}
