//! The exports, and the tasks that wait for the broker. One thread, no locks: an
//! export polls a handler until it waits, and the completion of what it waits for wakes
//! it. Nothing of `STATE` is borrowed while code of the plugin runs.

use crate::error::Error;
use crate::event::{Continuation, Event, Load, Secret};
use crate::host::{self, raw};
use crate::request::Request;
use crate::verdict::{Answer, Code, Verdict};
use crate::wire::Message;
use core::cell::RefCell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

const MAX_BUFFER: usize = 64 << 20;
const PENDING: i32 = 3;

/// A handler at work. It ends with a verdict, or without one in the background.
pub(crate) type Work = Pin<Box<dyn Future<Output = Option<Verdict>>>>;

struct Task {
    request: Request,
    work: Work,
}

/// What a timer does.
pub(crate) enum Tick {
    Once(Work),
    Every(Rc<RefCell<dyn FnMut(i64) -> Work>>),
}

#[derive(Default)]
struct State {
    input: Vec<u8>, // the broker writes events here
    last: usize,    // the newest task
    tasks: BTreeMap<usize, Task>,
    ready: VecDeque<usize>, // tasks that were woken
    calls: BTreeMap<i64, Slot<(i32, Vec<u8>)>>,
    exchanges: BTreeMap<i64, Slot<Option<(i64, Secret)>>>, // by the event that began each
    timers: BTreeMap<i64, Tick>,
}

thread_local!(static STATE: RefCell<State> = RefCell::default());

fn state<T>(f: impl FnOnce(&mut State) -> T) -> T { STATE.with(|s| f(&mut s.borrow_mut())) }

/// What comes from the broker, and who waits for it.
type Slot<T> = Rc<RefCell<(Option<T>, Option<Waker>)>>;

/// Waits for what comes from the broker.
pub(crate) struct Wait<T>(Slot<T>);

impl<T> Future for Wait<T> {
    type Output = T;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut slot = self.0.borrow_mut();
        slot.1 = Some(cx.waker().clone());
        slot.0.take().map_or(Poll::Pending, Poll::Ready)
    }
}

fn wait<T>() -> (Slot<T>, Wait<T>) {
    let slot = Rc::new(RefCell::new((None, None)));
    (slot.clone(), Wait(slot))
}

fn give<T>(slot: Slot<T>, value: T) {
    let mut slot = slot.borrow_mut();
    slot.0 = Some(value);
    if let Some(waker) = slot.1.take() {
        waker.wake();
    }
}

/// Waits for a host call that was started.
pub(crate) fn call(id: i64) -> Wait<(i32, Vec<u8>)> {
    let (slot, wait) = wait();
    state(|s| s.calls.insert(id, slot));
    wait
}

/// Waits for the client to go on with an exchange, which is told by the number of the
/// event that began it. `None`: it does not.
pub(crate) fn exchange(first: i64) -> Wait<Option<(i64, Secret)>> {
    let (slot, wait) = wait();
    state(|s| s.exchanges.insert(first, slot));
    wait
}

pub(crate) fn keep_timer(id: i64, tick: Tick) { state(|s| s.timers.insert(id, tick)); }

pub(crate) fn forget_timer(id: i64) -> bool {
    let tick = state(|s| s.timers.remove(&id)); // dropped when the state is not borrowed
    tick.is_some()
}

/// What work in the background ends with: nothing, or an error that is logged.
pub trait Outcome {
    /// Logs the error.
    fn report(self);
}

impl Outcome for () {
    fn report(self) {}
}

impl Outcome for Result<(), Error> {
    fn report(self) {
        if let Err(e) = self {
            host::error(e.to_string());
        }
    }
}

pub(crate) fn work<F>(f: F) -> Work
where
    F: Future + 'static,
    F::Output: Outcome,
{
    Box::pin(async {
        f.await.report();
        None
    })
}

/// Does something on behalf of no request, such as asking for what several requests
/// need. It begins when the handler waits or returns, also from `load`.
pub fn spawn<F>(f: F)
where
    F: Future + 'static,
    F::Output: Outcome,
{
    begin(work(f));
}

fn begin(work: Work) {
    let task = Task { request: Request::none(), work };
    state(|s| {
        let key = s.key();
        s.tasks.insert(key, task);
        s.ready.push_back(key);
    });
}

impl State {
    /// A number for a new task.
    fn key(&mut self) -> usize {
        loop {
            self.last = self.last.wrapping_add(1);
            if !self.tasks.contains_key(&self.last) {
                return self.last;
            }
        }
    }
}

/// A waker is the number of its task. Everything is on one thread.
fn waker(key: usize) -> Waker {
    const TABLE: RawWakerVTable = RawWakerVTable::new(|key| RawWaker::new(key, &TABLE), wake, wake, |_| {});
    fn wake(key: *const ()) { state(|s| s.ready.push_back(key as usize)) }
    unsafe { Waker::from_raw(RawWaker::new(key as *const (), &TABLE)) }
}

/// Runs a task until it waits, or ends with a verdict.
fn run(key: usize, mut task: Task) -> Option<(Request, Verdict)> {
    match task.work.as_mut().poll(&mut Context::from_waker(&waker(key))) {
        Poll::Ready(v) => v.map(|v| (task.request, v)),
        Poll::Pending => {
            state(|s| s.tasks.insert(key, task));
            None
        }
    }
}

/// Runs the tasks that were woken, until all of them wait.
pub(crate) fn settle() {
    while let Some(key) = state(|s| s.ready.pop_front()) {
        if let Some((request, v)) = state(|s| s.tasks.remove(&key)).and_then(|task| run(key, task)) {
            resolve(&request, v);
        }
    }
}

fn resolve(request: &Request, v: Verdict) {
    let req = request.open();
    if req != 0 && unsafe { raw::resolve(req, v.code as i32, v.detail.as_ptr(), v.detail.len()) } == -3 {
        host::error("the broker could not read the verdict");
    }
}

pub fn buffer(min: u32) -> *mut u8 {
    let n = min as usize;
    state(|s| {
        if n > MAX_BUFFER {
            return core::ptr::null_mut();
        }
        if n > s.input.len() || s.input.len() > 1 << 20 && n < s.input.len() / 4 {
            let (mut new, size) = (Vec::new(), n.max(4 << 10));
            if new.try_reserve_exact(size).is_err() {
                return core::ptr::null_mut();
            }
            new.resize(size, 0);
            s.input = new;
        }
        s.input.as_mut_ptr()
    })
}

/// Reads an event in the input buffer. The broker means no other place.
fn event<T>(at: *const u8, size: u32, read: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
    state(|s| match s.input.get(..size as usize) {
        _ if size == 0 => read(&[]),
        Some(b) if b.as_ptr() == at => read(b),
        _ => None,
    })
}

fn message<E: Message>(at: *const u8, size: u32) -> Option<E> {
    let e = event(at, size, |b| E::decode(b).ok());
    if e.is_none() {
        host::error("cannot read the event");
    }
    e
}

pub fn load(at: *const u8, size: u32, handler: fn(&Load) -> Result<(), String>) -> i32 {
    std::panic::set_hook(Box::new(|info| host::error(info.to_string())));
    match message(at, size).map(|l| handler(&l)) {
        Some(Ok(())) => {
            settle();
            0
        }
        Some(Err(why)) => {
            host::error(why);
            1
        }
        None => 1,
    }
}

pub fn ask<E, H, F, A>(req: i64, at: *const u8, size: u32, handler: H) -> i32
where
    E: Message,
    H: FnOnce(Request, E) -> F,
    F: Future<Output = A> + 'static,
    A: Answer,
{
    let e = match message(at, size) {
        Some(e) => e,
        None => return -1,
    };
    let request = Request::new(req);
    let answer = handler(request.clone(), e);
    let task = Task { request, work: Box::pin(async { Some(answer.await.verdict()) }) };
    let code = match run(state(State::key), task) {
        Some((request, v)) if v.detail.is_empty() && request.open() == req => v.code as i32,
        Some((request, v)) => {
            resolve(&request, v);
            PENDING
        }
        None => PENDING,
    };
    settle();
    code
}

pub fn go_on(req: i64, at: *const u8, size: u32) -> i32 {
    let m: Continuation = match message(at, size) {
        Some(m) => m,
        None => return -1,
    };
    if !end_round(m.exchange as i64, if m.ended { None } else { Some((req, m.auth_data)) }) {
        return Code::Deny as i32;
    }
    settle();
    PENDING
}

/// Has an exchange go on, or end; false says that there is none.
pub(crate) fn end_round(first: i64, next: Option<(i64, Secret)>) -> bool {
    let slot = state(|s| s.exchanges.remove(&first));
    slot.map(|slot| give(slot, next)).is_some()
}

pub fn completed(call: i64, status: i32, at: *const u8, size: u32) {
    match event(at, size, |b| Some(b.to_vec())) {
        Some(payload) => end_call(call, status, payload),
        None => end_call(call, 5, Vec::new()),
    }
    settle();
}

pub(crate) fn end_call(call: i64, status: i32, payload: Vec<u8>) {
    if let Some(slot) = state(|s| s.calls.remove(&call)) {
        give(slot, (status, payload));
    }
}

pub fn notify<H, F>(at: *const u8, size: u32, handler: H)
where
    H: FnOnce(Event) -> F,
    F: Future + 'static,
    F::Output: Outcome,
{
    if let Some(e) = message(at, size) {
        spawn(handler(e));
        settle();
    }
}

pub fn timer(id: i64) {
    let every = match state(|s| s.timers.remove(&id)) {
        Some(Tick::Once(work)) => return begin_now(work),
        Some(Tick::Every(f)) => f,
        None => return,
    };
    keep_timer(id, Tick::Every(every.clone()));
    let work = (every.borrow_mut())(id);
    begin_now(work)
}

fn begin_now(work: Work) {
    begin(work);
    settle();
}
