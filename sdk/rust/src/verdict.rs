use crate::error::Error;
use crate::host;
use crate::wire;
use core::fmt::Display;

/// The answers there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum Code {
    Deny,
    Allow,
    Next,
}

/// Why a client is refused (MQTT 5.0 section 3.2.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum Reason {
    UnspecifiedError = 0x80,
    ImplementationError = 0x83,
    ClientIdNotValid = 0x85,
    BadUsernameOrPassword = 0x86,
    NotAuthorized = 0x87,
    ServerUnavailable = 0x88,
    ServerBusy = 0x89,
    Banned = 0x8A,
    BadAuthMethod = 0x8C,
    QuotaExceeded = 0x97,
}

/// A rule on topics. Rules are tried in order, and the first that matches decides.
/// The filter may hold `${clientid}`, `${username}` and `${client_attrs.NAME}` as
/// whole levels.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// Permits, or else forbids.
    pub permit: bool,
    /// Bits [`crate::PUBLISH`] and [`crate::SUBSCRIBE`]; 0 is both.
    pub actions: u32,
    /// The topic filter.
    pub filter: String,
    /// Bit n is QoS n; 0 is any.
    pub qos: u32,
    /// Publish: 0 any, 1 only retained, 2 only not retained.
    pub retain: u32,
    /// Compares the text, without wildcards.
    pub exact: bool,
}

impl Rule {
    /// Permits publishing.
    pub fn publish(filter: &str) -> Self { Rule { permit: true, actions: crate::PUBLISH, filter: filter.into(), ..Self::default() } }
    /// Permits subscribing.
    pub fn subscribe(filter: &str) -> Self { Rule { permit: true, actions: crate::SUBSCRIBE, filter: filter.into(), ..Self::default() } }
    /// Permits both.
    pub fn all(filter: &str) -> Self { Rule { permit: true, filter: filter.into(), ..Self::default() } }
    /// Forbids both.
    pub fn deny(filter: &str) -> Self { Rule { filter: filter.into(), ..Self::default() } }

    fn encode(&self) -> Vec<u8> {
        let mut b = Vec::with_capacity(self.filter.len() + 16);
        wire::put_number(&mut b, 1, self.permit.into());
        wire::put_number(&mut b, 2, self.actions.into());
        wire::put_bytes(&mut b, 3, self.filter.as_bytes());
        wire::put_number(&mut b, 4, self.qos.into());
        wire::put_number(&mut b, 5, self.retain.into());
        wire::put_number(&mut b, 6, self.exact.into());
        b
    }
}

/// Caps of one session; 0 keeps the broker's.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Limits {
    pub max_packet_size: u32,
    pub max_inflight: u32,
    pub max_subscriptions: u32,
}

/// The answer of a handler. Two are equal that were put together in the same way.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    pub(crate) code: Code,
    pub(crate) detail: Vec<u8>, // a Decision
}

impl Verdict {
    fn of(code: Code) -> Self { Verdict { code, detail: Vec::new() } }

    /// Lets the client in, or permits the action. A client that is let in without
    /// rules may do nothing until [`Verdict::default`] says otherwise.
    pub fn allow() -> Self { Self::of(Code::Allow) }

    /// Refuses as Not authorized, or for the reason given.
    pub fn deny() -> Self { Self::of(Code::Deny) }

    /// Has no opinion: the next plugin is asked. It may still say who a client is,
    /// by user name, client id and attributes.
    pub fn next() -> Self { Self::of(Code::Next) }

    /// Denies as Server unavailable because the plugin could not decide, and logs why.
    pub fn fail(why: impl Display) -> Self {
        host::error(why.to_string());
        Self::deny().reason(Reason::ServerUnavailable)
    }

    /// Allows an [`crate::Access`] with a code for each of its topics, in order.
    pub fn per_topic(codes: impl IntoIterator<Item = Code>) -> Self {
        codes.into_iter().fold(Self::allow(), |v, code| v.number(15, code as u64))
    }

    fn number(mut self, num: u32, n: u64) -> Self {
        wire::put_number(&mut self.detail, num, n);
        self
    }

    fn bytes(mut self, num: u32, b: &[u8]) -> Self {
        wire::put_bytes(&mut self.detail, num, b);
        self
    }

    fn property(mut self, num: u32, key: &str, value: &str) -> Self {
        wire::put_property(&mut self.detail, num, key, value);
        self
    }

    /// Sets the reason of a denial.
    pub fn reason(self, reason: Reason) -> Self { self.number(1, reason as u64) }
    /// Sets the reason string that an MQTT 5.0 client is shown.
    pub fn text(self, text: &str) -> Self { self.bytes(2, text.as_bytes()) }
    /// Lets the client do everything that no rule of the broker denies.
    pub fn superuser(self) -> Self { self.number(3, 1) }
    /// Adds a rule at the end.
    pub fn rule(self, rule: Rule) -> Self { self.bytes(4, &rule.encode()) }
    /// Sets what holds when no rule matches; [`Code::Next`] asks the plugins each time.
    pub fn default(self, code: Code) -> Self { self.number(5, code as u64) }
    /// Sets for how many milliseconds the answer to an access may be cached;
    /// negative: not at all.
    pub fn ttl(self, milliseconds: i64) -> Self { self.number(6, milliseconds as u64) }
    /// Sets when the client is disconnected, in Unix seconds; a time before 1970 has
    /// passed long ago.
    pub fn expire_at(self, unix: i64) -> Self { self.number(7, unix.max(1) as u64) }
    /// Adds an attribute of the client: rules may use it as `${client_attrs.KEY}`.
    pub fn attribute(self, key: &str, value: &str) -> Self { self.property(8, key, value) }
    /// Replaces the user name.
    pub fn username(self, name: &str) -> Self { self.bytes(9, name.as_bytes()) }
    /// Assigns the client id.
    pub fn client_id(self, id: &str) -> Self { self.bytes(10, id.as_bytes()) }
    /// Adds a user property to the CONNACK.
    pub fn user_property(self, key: &str, value: &str) -> Self { self.property(11, key, value) }
    /// Adds what a client with an authentication method is sent with its CONNACK, or with
    /// the AUTH that ends its re-authentication.
    pub fn auth_data(self, data: &[u8]) -> Self { self.bytes(12, data) }
    /// Sets the prefix that stands before every topic of the client.
    pub fn mountpoint(self, prefix: &str) -> Self { self.bytes(14, prefix.as_bytes()) }
    /// Sets caps of the session.
    pub fn limits(self, l: Limits) -> Self {
        let mut b = Vec::new();
        wire::put_number(&mut b, 1, l.max_packet_size.into());
        wire::put_number(&mut b, 2, l.max_inflight.into());
        wire::put_number(&mut b, 3, l.max_subscriptions.into());
        self.bytes(13, &b)
    }

    /// The decision without its details, for tests.
    pub fn code(&self) -> Code { self.code }
}

/// What handlers return: a verdict, or an error that denies.
pub trait Answer {
    /// The verdict.
    fn verdict(self) -> Verdict;
}

impl Answer for Verdict {
    fn verdict(self) -> Verdict { self }
}

impl Answer for Result<Verdict, Error> {
    fn verdict(self) -> Verdict { self.unwrap_or_else(Verdict::fail) }
}
