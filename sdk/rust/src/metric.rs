use crate::host::raw;
use crate::wire;

/// A metric that only rises. It is shown to Prometheus as `wicket_custom_NAME` with
/// the label `plugin`; all instances count together. The default one, and one that the
/// broker has refused, counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter(i32);

/// A metric that rises and falls; see [`Counter`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauge(i32);

/// A metric of a distribution of whole numbers; see [`Counter`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Histogram(i32);

/// The names of labels and their values.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

impl Counter {
    /// Names a counter, such as "limited_total". It needs the grant "metrics". A name
    /// that the broker cannot use is logged by it.
    pub fn new(name: &str, help: &str, labels: Labels<'_>) -> Self { Counter(define(name, help, 0, labels, &[])) }

    /// Adds a number.
    pub fn add(self, n: u64) {
        unsafe { raw::metric_add(self.0, whole(n)) };
    }

    /// Adds one.
    pub fn inc(self) { self.add(1) }
}

impl Gauge {
    /// Names a gauge, such as "buffered"; see [`Counter::new`].
    pub fn new(name: &str, help: &str, labels: Labels<'_>) -> Self { Gauge(define(name, help, 1, labels, &[])) }

    /// Adds, or takes away.
    pub fn add(self, n: i64) {
        unsafe { raw::metric_add(self.0, n) };
    }

    /// Sets the value.
    pub fn set(self, n: i64) {
        unsafe { raw::metric_set(self.0, n) };
    }
}

impl Histogram {
    /// Names a histogram with the upper bounds of its buckets, rising; see
    /// [`Counter::new`].
    pub fn new(name: &str, help: &str, buckets: &[u64], labels: Labels<'_>) -> Self { Histogram(define(name, help, 2, labels, buckets)) }

    /// Counts a value.
    pub fn observe(self, n: u64) {
        unsafe { raw::metric_observe(self.0, whole(n)) };
    }
}

/// The broker's numbers have a sign.
fn whole(n: u64) -> i64 { i64::try_from(n).unwrap_or(i64::MAX) }

fn define(name: &str, help: &str, kind: u64, labels: Labels<'_>, buckets: &[u64]) -> i32 {
    let mut b = Vec::with_capacity(64 + name.len() + help.len());
    wire::put_bytes(&mut b, 1, name.as_bytes());
    wire::put_bytes(&mut b, 2, help.as_bytes());
    wire::put_number(&mut b, 3, kind);
    for (key, value) in labels {
        wire::put_property(&mut b, 4, key, value);
    }
    for &bound in buckets {
        wire::put_number(&mut b, 5, bound);
    }
    unsafe { raw::metric_define(b.as_ptr(), b.len()) }
}
