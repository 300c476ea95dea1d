//! The guest of the conformance kit in Rust; sdk/tck/guests/README.md says what it does.

use std::cell::RefCell;
use std::fmt::Write;
use wicket::json::{self, quote};
use wicket::{
    escape, Access, CertField, Code, Connect, Error, HttpRequest, HttpResponse, Limits, Load, Property, Proxy, Reason, Request, Rule, Tls,
    Verdict,
};

wicket::plugin! {
    load: load,
    authenticate: authenticate,
    authorize: authorize,
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

/// NUMBER=VALUE; for each field that is not zero.
#[derive(Default)]
struct Text(String);

impl Text {
    fn put(&mut self, num: u32, v: impl std::fmt::Display) { write!(self.0, "{}={};", num, v).unwrap() }

    fn text(&mut self, num: u32, v: &str) {
        if !v.is_empty() {
            self.put(num, v);
        }
    }

    fn number(&mut self, num: u32, v: impl Into<u64>) {
        let v = v.into();
        if v != 0 {
            self.put(num, v);
        }
    }

    fn hex(&mut self, num: u32, v: &[u8]) {
        if v.len() > 1024 {
            return self.put(num, format!("#{}", v.len()));
        }
        let digits: String = v.iter().map(|b| format!("{:02x}", b)).collect();
        self.text(num, &digits);
    }

    fn part(&mut self, num: u32, fields: impl FnOnce(&mut Text)) {
        let mut inner = Text::default();
        fields(&mut inner);
        self.put(num, format!("{{{}}}", inner.0));
    }

    fn texts(&mut self, num: u32, list: &[String]) {
        for v in list {
            self.put(num, v);
        }
    }

    fn properties(&mut self, num: u32, list: &[Property]) {
        for p in list {
            self.part(num, |t| {
                t.text(1, &p.key);
                t.text(2, &p.value);
            });
        }
    }

    fn proxy(&mut self, p: &Proxy) {
        self.number(1, p.version);
        self.text(2, &p.source);
        self.text(3, &p.destination);
        self.text(4, &p.common_name);
        self.number(5, p.verified);
        self.text(6, &p.via);
        self.text(7, &p.server_name);
        self.text(8, &p.alpn);
        self.text(9, &p.tls_version);
        self.text(10, &p.cipher);
    }

    fn tls(&mut self, t: &Tls) {
        self.text(1, &t.version);
        self.text(2, &t.suite);
        self.text(3, &t.sni);
        self.text(4, &t.alpn);
        self.number(5, t.resumed);
        self.text(6, &t.psk_identity);
        self.number(7, t.certificate_presented);
        self.number(8, t.certificate_verified);
        self.text(9, &t.common_name);
        self.text(10, &t.subject);
        self.texts(11, &t.san);
        self.text(12, &t.fingerprint);
        self.text(13, &t.serial);
    }
}

fn connect_text(c: &Connect) -> String {
    let mut t = Text::default();
    t.text(1, &c.client_id);
    t.text(2, &c.username);
    t.hex(3, &c.password);
    t.number(4, c.protocol);
    t.number(5, c.clean_start);
    t.number(6, c.keepalive);
    t.number(7, c.session_expiry);
    t.text(8, &c.listener);
    t.text(9, &c.transport);
    t.text(10, &c.peer);
    if let Some(p) = &c.proxy {
        t.part(11, |t| t.proxy(p));
    }
    if let Some(tls) = &c.tls {
        t.part(12, |t| t.tls(tls));
    }
    t.properties(13, &c.attributes);
    t.text(14, &c.auth_method);
    t.hex(15, &c.auth_data);
    if let Some(w) = &c.will {
        t.part(16, |t| {
            t.text(1, &w.topic);
            t.number(2, w.qos);
            t.number(3, w.retain);
        });
    }
    t.properties(17, &c.user_properties);
    t.number(18, c.has_username);
    t.number(19, c.has_password);
    t.text(20, &c.connect_username);
    t.text(21, &c.connect_client_id);
    t.0
}

fn access_text(a: &Access) -> String {
    let mut t = Text::default();
    t.text(1, &a.client_id);
    t.text(2, &a.username);
    t.properties(3, &a.attributes);
    t.number(4, a.action);
    for topic in &a.topics {
        t.part(5, |t| {
            t.text(1, &topic.topic);
            t.number(2, topic.qos);
            t.number(3, topic.retain);
            t.text(4, &topic.share);
        });
    }
    t.text(6, &a.listener);
    t.text(7, &a.peer);
    t.0
}

fn load_text(l: &Load) -> String {
    let mut t = Text::default();
    t.text(1, &l.plugin);
    t.text(2, &l.config);
    for f in &l.files {
        t.part(3, |t| {
            t.text(1, &f.key);
            t.text(2, &f.path);
            t.hex(3, &f.content);
        });
    }
    t.number(4, l.features);
    t.number(5, l.abi_minor);
    t.texts(6, &l.upstreams);
    t.0
}

fn response_text(r: &HttpResponse) -> String {
    let mut t = Text::default();
    t.number(1, r.status);
    t.properties(2, &r.headers);
    t.hex(3, &r.body);
    t.0
}
