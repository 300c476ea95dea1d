use crate::error::{Error, ErrorKind};
use crate::event::Secret;
use crate::host::{self, raw, CertField};
use crate::http::{HttpRequest, HttpResponse};
use crate::jwt::Jwt;
use crate::rt::{self, Wait};
use crate::wire::{self, Message};
use core::cell::Cell;
use core::future::Future;
use std::rc::Rc;

/// A request under way: what a handler asks the broker about it. A call is on its
/// way when its method returns: several may be started before the first is awaited.
#[derive(Clone, Debug)]
pub struct Request(Rc<State>);

#[derive(Debug)]
struct State {
    first: i64,      // the number of the event that began it
    open: Cell<i64>, // that of the question to answer; 0: none
}

impl Request {
    pub(crate) fn new(req: i64) -> Self { Request(Rc::new(State { first: req, open: Cell::new(req) })) }

    /// No request, for what is done on behalf of nobody: in a timer, an event, or
    /// [`crate::spawn`]. It can ask upstreams, and nothing else.
    pub fn none() -> Self { Self::new(0) }

    /// The number of the question to answer; 0: there is none.
    pub(crate) fn open(&self) -> i64 { self.0.open.get() }

    /// Asks whether `password` has the given hash: a PHC string, bcrypt, or a form of
    /// mosquitto's. The broker's own workers do it. Needs the grant "password".
    pub fn verify_password(&self, hash: &str, password: &[u8]) -> impl Future<Output = Result<bool, Error>> {
        let mut b = Vec::with_capacity(hash.len() + password.len() + 16);
        wire::put_bytes(&mut b, 1, hash.as_bytes());
        wire::put_bytes(&mut b, 2, password);
        let call = started(unsafe { raw::password_verify(self.open(), b.as_ptr(), b.len()) });
        host::wipe(&mut b);
        async move {
            match call?.await {
                (0, _) => Ok(true),
                (1, _) => Ok(false),
                (status, why) => Err(Error::ended(status, &why)),
            }
        }
    }

    /// Asks an upstream. Needs the grant "http".
    pub fn http(&self, r: HttpRequest) -> impl Future<Output = Result<HttpResponse, Error>> {
        let mut b = r.encode();
        let call = started(unsafe { raw::http_send(self.open(), b.as_ptr(), b.len()) });
        host::wipe(&mut b);
        async move {
            match call?.await {
                (0, payload) => read(&payload),
                (status, why) => Err(Error::ended(status, &why)),
            }
        }
    }

    /// Has the broker verify the signature of a token, a JWS in compact form (RFC 7515
    /// section 3.1), with the keys of a slot: [`crate::set_jwt_keys`]. Needs the grant
    /// "jwt". What its claims say, and until when, is for the handler to judge.
    ///
    /// The error has the kind `NotSigned` when no key of the slot has signed the token,
    /// `UnknownKey` when a newer set of keys might have, and `Malformed` when it is no
    /// such token.
    pub fn verify_jwt(&self, slot: u8, token: &[u8]) -> impl Future<Output = Result<Jwt, Error>> {
        let call = started(unsafe { raw::jwt_verify(self.open(), slot.into(), token.as_ptr(), token.len()) });
        async move {
            match call?.await {
                (0, payload) => read(&payload),
                (1, payload) if read::<Jwt>(&payload)?.unknown_key => Err(ErrorKind::UnknownKey.into()),
                (1, _) => Err(ErrorKind::NotSigned.into()),
                (status, why) => Err(Error::ended(status, &why)),
            }
        }
    }

    /// Sends data to a client with an authentication method (MQTT 5.0 section 4.12) and
    /// returns what it answers. An error says that the exchange is over, and what the
    /// handler returns then means nothing. For the handler `authenticate` only; a plugin
    /// that does this has `abi: 3` in [`crate::plugin!`].
    pub fn continue_with(&self, data: &[u8]) -> impl Future<Output = Result<Secret, Error>> {
        let mut b = Vec::with_capacity(data.len() + 8);
        wire::put_bytes(&mut b, 12, data);
        let sent = self.open() != 0 && unsafe { raw::resolve(self.open(), CONTINUE, b.as_ptr(), b.len()) } == 0;
        host::wipe(&mut b);
        let answer = if sent { Some(rt::exchange(self.0.first)) } else { None };
        let request = self.clone();
        async move {
            let next = match answer {
                Some(answer) => answer.await,
                None => None,
            };
            request.0.open.set(next.as_ref().map_or(0, |n| n.0));
            next.map(|n| n.1).ok_or_else(|| ErrorKind::Ended.into())
        }
    }

    /// A field of the client's certificate, if there is one.
    pub fn certificate(&self, field: CertField, index: i32) -> Option<Vec<u8>> {
        host::fill(256, |at, cap| unsafe { raw::cert_field(self.open(), field as i32, index, at, cap) })
    }
}

const CONTINUE: i32 = 4;

fn started(id: i64) -> Result<Wait<(i32, Vec<u8>)>, Error> {
    if id <= 0 {
        return Err(Error::started(id));
    }
    Ok(rt::call(id))
}

fn read<M: Message>(payload: &[u8]) -> Result<M, Error> {
    M::decode(payload).map_err(|_| Error::new("the broker's answer is malformed"))
}
