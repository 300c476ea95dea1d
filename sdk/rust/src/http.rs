use crate::event::Property;
use crate::wire::{self, Malformed, Message, Value};

/// A request to an upstream, which is an HTTP server that the operator has named.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    /// The operator's name of the server.
    pub upstream: String,
    /// Empty for GET.
    pub method: String,
    /// Put after the path of the upstream's URL, with its query. What it holds of
    /// a client must be escaped: [`escape`].
    pub path: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Milliseconds; 0 is as long as the request has time.
    pub timeout_ms: u32,
}

impl HttpRequest {
    /// A GET.
    pub fn get(upstream: &str, path: &str) -> Self { HttpRequest { upstream: upstream.into(), path: path.into(), ..Self::default() } }

    /// A POST.
    pub fn post(upstream: &str, path: &str, body: impl Into<Vec<u8>>) -> Self {
        HttpRequest { method: "POST".into(), body: body.into(), ..Self::get(upstream, path) }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut b = Vec::with_capacity(64 + self.path.len() + self.body.len());
        wire::put_bytes(&mut b, 1, self.upstream.as_bytes());
        wire::put_bytes(&mut b, 2, self.method.as_bytes());
        wire::put_bytes(&mut b, 3, self.path.as_bytes());
        for (name, value) in &self.headers {
            wire::put_property(&mut b, 4, name, value);
        }
        wire::put_bytes(&mut b, 5, &self.body);
        wire::put_number(&mut b, 6, self.timeout_ms.into());
        b
    }
}

/// What an upstream has answered, whatever the status.
#[derive(Debug, Default)]
pub struct HttpResponse {
    /// The status code.
    pub status: u32,
    /// By name.
    pub headers: Vec<Property>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|h| h.key.eq_ignore_ascii_case(name)).map(|h| h.value.as_str())
    }
}

impl Message for HttpResponse {
    fn field(&mut self, num: u32, v: Value<'_>) -> Result<(), Malformed> {
        match num {
            1 => self.status = v.u32()?,
            2 => self.headers.push(v.message()?),
            3 => self.body = v.bytes()?.to_vec(),
            _ => {}
        }
        Ok(())
    }
}

/// Percent-encodes what is not an unreserved character (RFC 3986 section 2.3), for
/// a path segment, a query or a form. The segments `.` and `..` have no such form.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.bytes() {
        if c.is_ascii_alphanumeric() || b"-._~".contains(&c) {
            out.push(c.into());
        } else {
            out.push('%');
            out.push(b"0123456789ABCDEF"[usize::from(c >> 4)].into());
            out.push(b"0123456789ABCDEF"[usize::from(c & 15)].into());
        }
    }
    out
}
