use crate::error::Error;
use crate::host::raw;
use crate::rt::{self, work, Outcome, Tick};
use core::cell::RefCell;
use core::future::Future;
use std::rc::Rc;

/// A timer that is set. It belongs to its instance of the plugin: each has its own,
/// and they end with it. To drop it does not stop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer(i64);

/// Has something done once, after some milliseconds: 10 at least, 30 days at most.
/// Needs the grant "timers". An error of the kind `Busy` says that the instance has too
/// many timers, 1,024.
pub fn after<F>(milliseconds: i64, f: F) -> Result<Timer, Error>
where
    F: Future + 'static,
    F::Output: Outcome,
{
    set(milliseconds, 0, Tick::Once(work(f)))
}

/// Has something done after some milliseconds, and again as long after each time; see
/// [`after`]. The function is given its own timer, to stop it. What it has begun may
/// still be waiting for the broker when it is called next.
pub fn every<F>(milliseconds: i64, mut f: impl FnMut(Timer) -> F + 'static) -> Result<Timer, Error>
where
    F: Future + 'static,
    F::Output: Outcome,
{
    set(milliseconds, milliseconds, Tick::Every(Rc::new(RefCell::new(move |id| work(f(Timer(id)))))))
}

impl Timer {
    /// Keeps the timer from firing; false says that it has, or was stopped.
    pub fn stop(self) -> bool { rt::forget_timer(self.0) && unsafe { raw::timer_cancel(self.0) } == 0 }
}

fn set(delay: i64, repeat: i64, tick: Tick) -> Result<Timer, Error> {
    let id = unsafe { raw::timer_set(delay, repeat) };
    if id <= 0 {
        return Err(Error::started(id));
    }
    rt::keep_timer(id, tick);
    Ok(Timer(id))
}
