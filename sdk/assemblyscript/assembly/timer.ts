import { hostTimerCancel, hostTimerSet } from "./host";
import { Context } from "./runtime";
import { Status } from "./status";

// What happens later, in this instance of the plugin. Whatever it needs are its
// fields. Needs the grant "timers".
export abstract class Timer {
  private id: i64 = 0;
  private repeats: bool = false;

  // Its time has come. ctx asks upstreams on behalf of no request.
  abstract fire(ctx: Context): void;

  // Has it fire once, in 10 milliseconds to 30 days. Status.Busy: the instance has
  // 1,024 timers.
  after(milliseconds: i64): Status { return this.start(milliseconds, 0); }

  // Has it fire again and again, each time so long after the last.
  every(milliseconds: i64): Status { return this.start(milliseconds, milliseconds); }

  // Keeps it from firing; false when it was not going to.
  stop(): bool {
    const id = this.id;
    this.id = 0;
    return id > 0 && timers.delete(id) && hostTimerCancel(id) == 0;
  }

  private start(delay: i64, repeat: i64): Status {
    if (this.id > 0) this.stop();
    const id = hostTimerSet(delay, repeat);
    if (id <= 0) return id == -2 ? Status.Busy : Status.MalformedCall;
    this.id = id;
    this.repeats = repeat != 0;
    timers.set(id, this);
    return Status.Ok;
  }

  // The broker says that the timer id has fired.
  static fired(id: i64): void {
    if (!timers.has(id)) return;
    const t = timers.get(id);
    if (!t.repeats) {
      timers.delete(id);
      t.id = 0;
    }
    t.fire(new Context(0, 0));
  }
}

// Those that are set.
const timers = new Map<i64, Timer>();
