//! Enhanced authentication, and what is asked before the TLS handshake.

use crate::text::hello_text;
use crate::HASH;
use wicket::{ClientHello, Connect, Error, HttpRequest, Reason, Request, Verdict};

pub async fn exchange(req: &Request, c: &Connect) -> Result<Verdict, Error> {
    let mut said = c.auth_data.to_vec();
    for round in 1.. {
        match req.continue_with(&[format!("{}:", round).as_bytes(), &said].concat()).await {
            Ok(answer) => said = answer.to_vec(),
            Err(_) => {
                wicket::info(format!("ended {}", c.client_id));
                break;
            }
        }
        let more = match &said[..] {
            b"more" => true,
            b"deny" => false,
            b"verify" => req.verify_password(HASH, &said).await?,
            _ => return Ok(welcome(c, round, &said)),
        };
        if !more {
            return Ok(Verdict::deny().reason(Reason::BadUsernameOrPassword));
        }
    }
    Ok(Verdict::deny())
}

fn welcome(c: &Connect, rounds: u32, said: &[u8]) -> Verdict {
    let v = Verdict::allow().auth_data(said).attribute("client", &c.client_id).attribute("rounds", &rounds.to_string());
    if c.reauthenticate {
        return v.attribute("again", "1");
    }
    v
}

pub async fn hello(req: Request, h: ClientHello) -> Result<Verdict, Error> {
    match h.server_name.as_str() {
        "allow" => Ok(Verdict::allow()),
        "deny" => Ok(Verdict::deny()),
        "next" => Ok(Verdict::next()),
        "banned" => Ok(Verdict::deny().text(&format!("who is {}", h.peer))),
        "ask" => {
            let r = req.http(HttpRequest::get("auth", "/hello")).await?;
            Ok(if r.status < 300 { Verdict::next() } else { Verdict::deny() })
        }
        _ => {
            wicket::info(hello_text(&h));
            Ok(Verdict::next())
        }
    }
}
