//! JSON (RFC 8259), for settings and for the answers of HTTP servers. It is strict:
//! what two readers might understand differently is refused, such as a key that
//! comes twice, half a surrogate pair, or more than 64 levels.

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Json {
    Null,
    Bool(bool),
    /// As it was written.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Reads a text that is one value; `None` when it is not.
pub fn parse(text: &[u8]) -> Option<Json> {
    let mut p = Parser { rest: core::str::from_utf8(text).ok()? };
    let v = p.value(0)?;
    p.space();
    if p.rest.is_empty() {
        Some(v)
    } else {
        None
    }
}

/// The text as a JSON string with its quotes.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\0'..='\x1f' | '\x7f' => {
                out.push_str("\\u00");
                out.push(b"0123456789abcdef"[c as usize >> 4].into());
                out.push(b"0123456789abcdef"[c as usize & 15].into());
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

impl Json {
    /// The value of a key, when this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().find(|m| m.0 == key).map(|m| &m.1),
            _ => None,
        }
    }

    /// The text, when this is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(s) => Some(s),
            _ => None,
        }
    }

    /// The truth, when this is one.
    pub fn bool(&self) -> Option<bool> {
        match self {
            Json::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The number, when this is one that is whole and fits.
    pub fn int(&self) -> Option<i64> {
        match self {
            Json::Number(n) => n.parse().ok(),
            _ => None,
        }
    }

    /// The elements, when this is a list.
    pub fn list(&self) -> &[Json] {
        match self {
            Json::List(l) => l,
            _ => &[],
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn space(&mut self) { self.rest = self.rest.trim_start_matches(&[' ', '\t', '\n', '\r'][..]) }

    /// Passes over a text if it stands here.
    fn eat(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    /// Passes over blanks and, if it follows, a text.
    fn token(&mut self, text: &str) -> Option<()> {
        self.space();
        self.eat(text)
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        self.space();
        if depth > 64 {
            return None;
        }
        match self.rest.bytes().next()? {
            b'"' => self.string().map(Json::Text),
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b't' => self.eat("true").map(|_| Json::Bool(true)),
            b'f' => self.eat("false").map(|_| Json::Bool(false)),
            b'n' => self.eat("null").map(|_| Json::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json> {
        let mut members: Vec<(String, Json)> = Vec::new();
        self.eat("{")?;
        if self.token("}").is_some() {
            return Some(Json::Object(members));
        }
        loop {
            self.space();
            let key = self.string()?;
            if members.iter().any(|m| m.0 == key) {
                return None;
            }
            self.token(":")?;
            members.push((key, self.value(depth + 1)?));
            if self.token("}").is_some() {
                return Some(Json::Object(members));
            }
            self.token(",")?;
        }
    }

    fn list(&mut self, depth: usize) -> Option<Json> {
        let mut list = Vec::new();
        self.eat("[")?;
        if self.token("]").is_some() {
            return Some(Json::List(list));
        }
        loop {
            list.push(self.value(depth + 1)?);
            if self.token("]").is_some() {
                return Some(Json::List(list));
            }
            self.token(",")?;
        }
    }

    fn digits(&mut self) -> Option<()> {
        let rest = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() == self.rest.len() {
            return None;
        }
        self.rest = rest;
        Some(())
    }

    fn number(&mut self) -> Option<Json> {
        let begin = self.rest;
        let _ = self.eat("-");
        if self.eat("0").is_none() {
            self.digits()?;
        }
        if self.eat(".").is_some() {
            self.digits()?;
        }
        if self.eat("e").or_else(|| self.eat("E")).is_some() {
            let _ = self.eat("+").or_else(|| self.eat("-"));
            self.digits()?;
        }
        Some(Json::Number(begin[..begin.len() - self.rest.len()].to_owned()))
    }

    fn string(&mut self) -> Option<String> {
        let mut out = String::new();
        self.eat("\"")?;
        loop {
            let plain = self.rest.find(|c: char| c == '"' || c == '\\' || c < ' ')?;
            out.push_str(&self.rest[..plain]);
            self.rest = &self.rest[plain..];
            if self.eat("\"").is_some() {
                return Some(out);
            }
            self.eat("\\")?;
            let c = self.rest.chars().next()?;
            self.rest = &self.rest[c.len_utf8()..];
            out.push(match c {
                '"' | '\\' | '/' => c,
                'b' => '\x08',
                'f' => '\x0c',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => self.unicode()?,
                _ => return None,
            });
        }
    }

    fn unicode(&mut self) -> Option<char> {
        let high = self.hex()?;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high);
        }
        self.eat("\\u")?;
        let low = self.hex()?;
        if !(0xDC00..0xE000).contains(&low) {
            return None;
        }
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest.get(..4)?;
        if !digits.bytes().all(|c| c.is_ascii_hexdigit()) {
            return None;
        }
        self.rest = &self.rest[4..];
        u32::from_str_radix(digits, 16).ok()
    }
}
