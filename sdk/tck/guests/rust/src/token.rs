//! What a plugin has to do with tokens.

use wicket::{set_jwt_keys, Connect, Error, ErrorKind, JwtKeys, Request, Verdict};

pub fn keys() -> Result<Verdict, Error> {
    let set = JwtKeys {
        algorithms: vec!["RS256".into(), "".into(), "EdDSA".into()],
        jwks: b"{\"keys\":[]}".to_vec(),
        pem: b"-----BEGIN PUBLIC KEY-----\n".to_vec(),
        ..JwtKeys::default()
    };
    set_jwt_keys(0, &set)?;
    let secret = b"0123456789abcdef\x000123456789abcd\xff".to_vec().into();
    set_jwt_keys(15, &JwtKeys { algorithms: vec!["HS256".into()], secret, ..JwtKeys::default() })?;
    Ok(Verdict::allow())
}

pub async fn verify(req: &Request, c: &Connect) -> Result<Verdict, Error> {
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    match req.verify_jwt(15, &c.password).await {
        Ok(t) => Ok(Verdict::allow().attribute("header", &text(&t.header)).attribute("claims", &text(&t.claims))),
        Err(e) => match e.kind {
            ErrorKind::UnknownKey => Ok(Verdict::deny().text("unknown key")),
            ErrorKind::NotSigned => Ok(Verdict::deny().text("not signed")),
            ErrorKind::Malformed => Ok(Verdict::deny().text("malformed")),
            _ => Err(e),
        },
    }
}
