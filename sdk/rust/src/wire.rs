//! The protobuf wire format, as far as sdk/wicket.proto uses it.

/// Bytes are not a message of the kind asked for.
#[derive(Debug)]
pub struct Malformed;

type Result<T> = core::result::Result<T, Malformed>;

/// The value of one field.
pub enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed, // of an unknown field only
}

impl<'a> Value<'a> {
    pub fn u64(self) -> Result<u64> {
        match self {
            Value::Number(n) => Ok(n),
            _ => Err(Malformed),
        }
    }

    pub fn u32(self) -> Result<u32> { u32::try_from(self.u64()?).map_err(|_| Malformed) }

    pub fn bool(self) -> Result<bool> { Ok(self.u64()? != 0) }

    pub fn bytes(self) -> Result<&'a [u8]> {
        match self {
            Value::Bytes(b) => Ok(b),
            _ => Err(Malformed),
        }
    }

    pub fn text(self) -> Result<String> { Ok(core::str::from_utf8(self.bytes()?).map_err(|_| Malformed)?.to_owned()) }

    pub fn message<M: Message>(self) -> Result<M> { M::decode(self.bytes()?) }
}

/// What can be read: a message is its zero value and then field by field.
pub trait Message: Default {
    /// Takes a field; one that is unknown is ignored.
    fn field(&mut self, num: u32, v: Value<'_>) -> Result<()>;

    fn decode(mut b: &[u8]) -> Result<Self> {
        let mut m = Self::default();
        while !b.is_empty() {
            let key = u32::try_from(varint(&mut b)?).map_err(|_| Malformed)?;
            if key < 8 {
                return Err(Malformed);
            }
            let v = match key & 7 {
                0 => Value::Number(varint(&mut b)?),
                1 => take(&mut b, 8).map(|_| Value::Fixed)?,
                2 => {
                    let n = varint(&mut b)?;
                    Value::Bytes(take(&mut b, n)?)
                }
                5 => take(&mut b, 4).map(|_| Value::Fixed)?,
                _ => return Err(Malformed),
            };
            m.field(key >> 3, v)?;
        }
        Ok(m)
    }
}

fn take<'a>(b: &mut &'a [u8], n: u64) -> Result<&'a [u8]> {
    if n > b.len() as u64 {
        return Err(Malformed);
    }
    let (head, rest) = b.split_at(n as usize);
    *b = rest;
    Ok(head)
}

fn varint(b: &mut &[u8]) -> Result<u64> {
    let mut v = 0;
    for shift in (0..70).step_by(7) {
        let c = take(b, 1)?[0];
        if shift == 63 && c > 1 {
            break;
        }
        v |= u64::from(c & 0x7f) << shift;
        if c < 0x80 {
            return Ok(v);
        }
    }
    Err(Malformed)
}

fn put_varint(to: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        to.push(v as u8 | 0x80);
        v >>= 7;
    }
    to.push(v as u8);
}

pub fn put_number(to: &mut Vec<u8>, num: u32, v: u64) {
    put_varint(to, u64::from(num) << 3);
    put_varint(to, v);
}

pub fn put_bytes(to: &mut Vec<u8>, num: u32, v: &[u8]) {
    put_varint(to, u64::from(num) << 3 | 2);
    put_varint(to, v.len() as u64);
    to.extend_from_slice(v);
}

pub fn put_property(to: &mut Vec<u8>, num: u32, key: &str, value: &str) {
    let mut m = Vec::with_capacity(key.len() + value.len() + 8);
    put_bytes(&mut m, 1, key.as_bytes());
    put_bytes(&mut m, 2, value.as_bytes());
    put_bytes(to, num, &m);
}
