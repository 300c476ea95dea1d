use core::fmt;

/// How a call of the broker has failed; its text is for the log.
#[derive(Debug)]
pub struct Error {
    /// What has gone wrong.
    pub kind: ErrorKind,
    why: String,
}

/// The ways in which a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum ErrorKind {
    NotGranted,
    Busy,
    Timeout,
    Malformed,
    Failed,
    /// There is no room for a value, or the key holds no counter.
    Full,
    /// The keys of tokens cannot be used.
    Keys,
    /// No key has signed the token.
    NotSigned,
    /// No key has signed the token, which names one that a newer set may have.
    UnknownKey,
    /// The client does not go on with the authentication.
    Ended,
}

impl Error {
    /// An error of the plugin's own, for a handler to return.
    pub fn new(why: impl Into<String>) -> Self { Error { kind: ErrorKind::Failed, why: why.into() } }

    /// What an import has returned instead of a call id or 0.
    pub(crate) fn started(code: i64) -> Self {
        Self::from(match code {
            -1 => ErrorKind::NotGranted,
            -2 => ErrorKind::Busy,
            -3 => ErrorKind::Malformed,
            _ => ErrorKind::Failed,
        })
    }

    /// What a call has been completed with, other than OK.
    pub(crate) fn ended(status: i32, payload: &[u8]) -> Self {
        Self::because(
            match status {
                2 => ErrorKind::Timeout,
                3 => ErrorKind::Busy,
                4 => ErrorKind::Malformed,
                _ => ErrorKind::Failed,
            },
            payload,
        )
    }

    pub(crate) fn because(kind: ErrorKind, sentence: &[u8]) -> Self {
        let mut e = Self::from(kind);
        if !sentence.is_empty() {
            e.why += ": ";
            e.why += &String::from_utf8_lossy(sentence);
        }
        e
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self { Error { kind, why: kind.text().into() } }
}

impl ErrorKind {
    fn text(self) -> &'static str {
        match self {
            ErrorKind::NotGranted => "the operator has not granted this to the plugin",
            ErrorKind::Busy => "too many calls in flight",
            ErrorKind::Timeout => "the call took too long",
            ErrorKind::Malformed => "the broker could not read the request",
            ErrorKind::Failed => "the call failed",
            ErrorKind::Full => "there is no room for the value",
            ErrorKind::Keys => "the keys cannot be used",
            ErrorKind::NotSigned => "no key has signed the token",
            ErrorKind::UnknownKey => "the token names a key that is not there",
            ErrorKind::Ended => "the client does not go on with the authentication",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.why) }
}

impl std::error::Error for Error {}
