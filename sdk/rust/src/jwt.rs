use crate::error::{Error, ErrorKind};
use crate::event::Secret;
use crate::host::{self, raw};
use crate::wire::{self, Malformed, Message, Value};

/// The keys that tokens are verified with: a JSON Web Key Set, PEM text, a secret, or
/// several of them. A key verifies only the algorithms of its own type.
#[derive(Debug, Default)]
pub struct JwtKeys {
    /// The algorithms to accept, such as "RS256" or "EdDSA" (RFC 7518 section 3.1);
    /// at least one.
    pub algorithms: Vec<String>,
    /// A JSON Web Key Set (RFC 7517 section 5).
    pub jwks: Vec<u8>,
    /// Public keys or certificates.
    pub pem: Vec<u8>,
    /// For HMAC; as long as the hash at least.
    pub secret: Secret,
}

/// A token that is signed.
#[derive(Debug, Default)]
pub struct Jwt {
    /// Its header, a JSON object.
    pub header: Vec<u8>,
    /// Its claims, a JSON object.
    pub claims: Vec<u8>,
    pub(crate) unknown_key: bool,
}

impl Message for Jwt {
    fn field(&mut self, num: u32, v: Value<'_>) -> Result<(), Malformed> {
        match num {
            1 => self.header = v.bytes()?.to_vec(),
            2 => self.claims = v.bytes()?.to_vec(),
            3 => self.unknown_key = v.bool()?,
            _ => {}
        }
        Ok(())
    }
}

/// Puts keys into a slot of this instance, 0 to 15, in place of what was there; also
/// while the plugin is loaded. Needs the grant "jwt". An error of the kind `Keys` says
/// what is wrong with them; the slot keeps what it had then.
pub fn set_jwt_keys(slot: u8, keys: &JwtKeys) -> Result<(), Error> {
    let mut b = Vec::with_capacity(256 + keys.jwks.len() + keys.pem.len());
    for algorithm in &keys.algorithms {
        wire::put_bytes(&mut b, 1, algorithm.as_bytes());
    }
    wire::put_bytes(&mut b, 2, &keys.jwks);
    wire::put_bytes(&mut b, 3, &keys.pem);
    wire::put_bytes(&mut b, 4, &keys.secret);
    let mut why = [0; 512];
    let n = unsafe { raw::jwt_keys(slot.into(), b.as_ptr(), b.len(), why.as_mut_ptr(), why.len()) };
    host::wipe(&mut b);
    match usize::try_from(n) {
        Ok(0) => Ok(()),
        Ok(n) => Err(Error::because(ErrorKind::Keys, why.get(..n).unwrap_or_default())),
        Err(_) => Err(Error::started(n.into())),
    }
}
