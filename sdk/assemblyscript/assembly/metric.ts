import { hostMetricAdd, hostMetricDefine, hostMetricObserve, hostMetricSet } from "./host";
import { Writer } from "./wire";

function define(name: string, help: string, kind: u32, buckets: u64[], labels: string[]): i32 {
  const w = new Writer();
  w.string(1, name);
  w.string(2, help);
  w.number(3, kind);
  for (let i = 0; i + 1 < labels.length; i += 2) w.property(4, labels[i], labels[i + 1]);
  for (let i = 0; i < buckets.length; i++) w.number(5, buckets[i]);
  return hostMetricDefine(w.start, w.length);
}

// A metric that only rises, such as "limited_total". Prometheus sees it as
// wicket_custom_NAME with the label plugin; all instances count together. Labels are
// names and values in turn. One that the broker refuses, which it logs, counts
// nothing. Make it at the top level or in onLoad. Needs the grant "metrics".
export class Counter {
  private id: i32;

  constructor(name: string, help: string, labels: string[] = []) { this.id = define(name, help, 0, [], labels); }

  // Adds a number that is not negative.
  add(n: i64): void { hostMetricAdd(this.id, n); }

  inc(): void { hostMetricAdd(this.id, 1); }
}

// A metric that rises and falls; see Counter.
export class Gauge {
  private id: i32;

  constructor(name: string, help: string, labels: string[] = []) { this.id = define(name, help, 1, [], labels); }

  // Adds, or takes away.
  add(n: i64): void { hostMetricAdd(this.id, n); }

  set(n: i64): void { hostMetricSet(this.id, n); }
}

// A distribution of whole numbers from 0, with the upper bounds of its buckets; see
// Counter.
export class Histogram {
  private id: i32;

  constructor(name: string, help: string, buckets: u64[], labels: string[] = []) {
    this.id = define(name, help, 2, buckets, labels);
  }

  observe(n: i64): void { hostMetricObserve(this.id, n); }
}
