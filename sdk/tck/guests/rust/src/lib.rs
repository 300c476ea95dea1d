//! The guest of the conformance kit in Rust; sdk/tck/guests/README.md says what it does.

mod exchange;
mod keep;
mod text;
mod token;

use std::cell::RefCell;
use text::{access_text, connect_text, event_text, load_text, response_text, Text};
use wicket::json::{self, quote};
use wicket::{escape, Access, CertField, Code, Connect, Error, Event, HttpRequest, Limits, Load, Reason, Request, Rule, Verdict};

wicket::plugin! {
    abi: 3,
    load: load,
    authenticate: authenticate,
    authorize: authorize,
    client_hello: exchange::hello,
    event: |e: Event| async move { wicket::info(event_text(&e)) },
    unload: || wicket::info("bye"),
}

const HASH: &str = "$7$101$c2FsdA==$aGFzaA==";

/// What "config" answers with.
#[derive(Default)]
struct Settings {
    plugin: String,
    text: Option<String>,
    nested: Option<String>,
}

thread_local!(static SETTINGS: RefCell<Settings> = RefCell::default());

fn load(l: &Load) -> Result<(), String> {
    if l.plugin == "refused" {
        return Err("no thanks".into());
    }
    let config = json::parse(l.config.as_bytes());
    let string = |v: Option<&json::Json>| v.and_then(|v| v.text()).map(String::from);
    SETTINGS.with(|s| {
        *s.borrow_mut() = Settings {
            plugin: l.plugin.clone(),
            text: string(config.as_ref().and_then(|c| c.get("text"))),
            nested: string(config.as_ref().and_then(|c| c.get("block")).and_then(|b| b.get("key"))),
        }
    });
    wicket::info(load_text(l));
    Ok(())
}

async fn authenticate(req: Request, c: Connect) -> Result<Verdict, Error> {
    match c.username.as_str() {
        "allow" => Ok(Verdict::allow()),
        "deny" => Ok(Verdict::deny()),
        "next" => Ok(Verdict::next()),
        "banned" => Ok(Verdict::deny().reason(Reason::Banned).text(&format!("who is {}", c.client_id))),
        "full" => Ok(full()),
        "named" => Ok(Verdict::next().attribute("role", "sensor").attribute("site", "7").username("sensor-17").client_id("dev-17")),
        "long" => Ok(Verdict::allow().attribute("long", &"x".repeat(60000))),
        "log" => Ok(lines(&c.client_id)),
        "cert" => Ok(certificate(&req)),
        "config" => Ok(settings()),
        "host" => Ok(host()),
        "verify" => verify(&req, &c).await,
        "chain" => {
            let v = verify(&req, &c).await?;
            if v.code() == Code::Allow {
                return ask(&req, &c, get(&c)).await;
            }
            Ok(v)
        }
        "ask" => ask(&req, &c, get(&c)).await,
        "post" => {
            let r = HttpRequest::post("auth", "/auth", &b"{\"username\":\"p\xc3\xa4\"}\0\xff"[..])
                .header("content-type", "application/json")
                .header("x-empty", "")
                .header("", "");
            ask(&req, &c, HttpRequest { timeout_ms: u32::MAX, ..r }).await
        }
        "escape" => {
            let body = format!("{{\"id\":{}}}", quote(&c.client_id));
            ask(&req, &c, HttpRequest::post("auth", &format!("/{}", escape(&c.client_id)), body)).await
        }
        "result" => result(&req).await,
        "kv" => keep::keys_and_values(&c),
        "kv-long" => Ok(keep::long()),
        "metrics" => Ok(keep::metrics(&c)),
        "timer" => keep::timer(&c),
        "every" => keep::every(),
        "timer-ask" => keep::timer_ask(),
        "kick" => keep::kick(&c),
        "jwt-keys" => token::keys(),
        "jwt" => token::verify(&req, &c).await,
        "exchange" => exchange::exchange(&req, &c).await,
        "trap" => panic!("trap"),
        "loop" => loop {
            opaque(&0);
        },
        "recurse" => Ok(Verdict::deny().ttl(recurse(0))),
        "grow" => Ok(grow()),
        _ => Ok(Verdict::allow().attribute("event", &connect_text(&c))),
    }
}

async fn authorize(_: Request, a: Access) -> Verdict {
    if a.username == "allow" {
        return Verdict::allow();
    }
    Verdict::per_topic(a.topics.iter().map(|t| match t.topic.as_str() {
        "secret" => Code::Deny,
        "open" => Code::Allow,
        _ => Code::Next,
    }))
    .ttl(5000)
    .attribute("event", &access_text(&a))
}

fn full() -> Verdict {
    Verdict::allow()
        .superuser()
        .rule(Rule { qos: 3, retain: 2, ..Rule::publish("devices/${clientid}/#") })
        .rule(Rule { exact: true, ..Rule::subscribe("all/#") })
        .rule(Rule::deny("#"))
        .default(Code::Next)
        .ttl(-1)
        .expire_at(4102444800)
        .attribute("site", "7")
        .username("alice@example.com")
        .client_id("assigned-1")
        .user_property("welcome", "yes")
        .limits(Limits { max_packet_size: 65536, max_inflight: 20, max_subscriptions: 5 })
        .mountpoint("tenant/7/")
}

fn lines(client: &str) -> Verdict {
    wicket::debug(format!("debug {}", client));
    wicket::info(format!("info {}", client));
    wicket::warn(format!("warn {}", client));
    wicket::error(format!("error {}", client));
    Verdict::allow()
}

fn certificate(req: &Request) -> Verdict {
    let mut v = Verdict::allow();
    for (key, field, index) in [("cn", CertField::CommonName, 0), ("dns", CertField::SanDns, 1), ("pem", CertField::Pem, 0)] {
        if let Some(value) = req.certificate(field, index) {
            v = v.attribute(key, &String::from_utf8_lossy(&value));
        }
    }
    v
}

fn settings() -> Verdict {
    SETTINGS.with(|s| {
        let s = s.borrow();
        let mut v = Verdict::allow().attribute("plugin", &s.plugin);
        for (key, value) in [("text", &s.text), ("nested", &s.nested)] {
            if let Some(value) = value {
                v = v.attribute(key, value);
            }
        }
        v
    })
}

fn host() -> Verdict {
    let mut noise = [0; 32];
    wicket::random(&mut noise);
    let mut text = Text::default();
    text.hex(1, &noise);
    Verdict::allow()
        .attribute("now", &wicket::now().to_string())
        .attribute("features", &wicket::features().to_string())
        .attribute("random", &text.0)
}

async fn verify(req: &Request, c: &Connect) -> Result<Verdict, Error> {
    if req.verify_password(HASH, &c.password).await? {
        return Ok(Verdict::allow().attribute("client", &c.client_id));
    }
    Ok(Verdict::deny().reason(Reason::BadUsernameOrPassword))
}

fn get(c: &Connect) -> HttpRequest { HttpRequest::get("auth", &format!("/auth?clientid={}", escape(&c.client_id))) }

async fn ask(req: &Request, c: &Connect, r: HttpRequest) -> Result<Verdict, Error> {
    let r = req.http(r).await?;
    if r.status >= 300 {
        return Ok(Verdict::deny().reason(Reason::BadUsernameOrPassword));
    }
    Ok(Verdict::allow().attribute("client", &c.client_id).attribute("response", &response_text(&r)))
}

async fn result(req: &Request) -> Result<Verdict, Error> {
    let r = req.http(HttpRequest::get("auth", "/result")).await?;
    let body = json::parse(&r.body);
    match body.as_ref().and_then(|b| b.get("result")).and_then(|r| r.text()) {
        Some("allow") => Ok(Verdict::allow()),
        Some("deny") => Ok(Verdict::deny()),
        _ => Err(Error::new("the answer cannot be understood")),
    }
}

/// A value that the compiler cannot know.
fn opaque<T: Copy>(v: &T) -> T { unsafe { std::ptr::read_volatile(v) } }

fn recurse(n: i64) -> i64 {
    let frame = [n; 64];
    if opaque(&frame)[1] < 0 {
        return 0;
    }
    recurse(n + 1) + opaque(&frame)[0]
}

fn grow() -> Verdict {
    let mut all = Vec::new();
    loop {
        let mut block: Vec<u8> = Vec::new();
        if block.try_reserve_exact(1 << 20).is_err() {
            return Verdict::deny();
        }
        all.push(block);
    }
}
