//! The text of messages.

use std::fmt::Write;
use wicket::{Access, ClientHello, Connect, Event, HttpResponse, Load, Property, Proxy, Tls, Topic};

/// NUMBER=VALUE; for each field that is not zero.
#[derive(Default)]
pub struct Text(pub String);

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

    pub fn hex(&mut self, num: u32, v: &[u8]) {
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

    fn topics(&mut self, num: u32, list: &[Topic]) {
        for topic in list {
            self.part(num, |t| {
                t.text(1, &topic.topic);
                t.number(2, topic.qos);
                t.number(3, topic.retain);
                t.text(4, &topic.share);
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

pub fn connect_text(c: &Connect) -> String {
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

pub fn access_text(a: &Access) -> String {
    let mut t = Text::default();
    t.text(1, &a.client_id);
    t.text(2, &a.username);
    t.properties(3, &a.attributes);
    t.number(4, a.action);
    t.topics(5, &a.topics);
    t.text(6, &a.listener);
    t.text(7, &a.peer);
    t.0
}

pub fn hello_text(h: &ClientHello) -> String {
    let mut t = Text::default();
    t.text(1, &h.listener);
    t.text(2, &h.peer);
    if let Some(p) = &h.proxy {
        t.part(3, |t| t.proxy(p));
    }
    t.text(4, &h.server_name);
    t.texts(5, &h.alpn);
    for (num, list) in (6..).zip([&h.versions, &h.suites, &h.extensions, &h.groups, &h.signature_schemes]) {
        for n in list {
            t.put(num, n);
        }
    }
    t.text(11, &h.ja4);
    t.0
}

pub fn event_text(e: &Event) -> String {
    let mut t = Text::default();
    t.number(1, e.kind);
    t.number(2, e.time_ms);
    t.text(3, &e.client_id);
    t.text(4, &e.username);
    t.text(5, &e.listener);
    t.text(6, &e.peer);
    t.number(7, e.reason);
    t.text(8, &e.reason_text);
    t.topics(9, &e.topics);
    t.number(10, e.dropped);
    t.text(11, &e.decider);
    t.properties(12, &e.attributes);
    t.number(13, e.action);
    t.0
}

pub fn load_text(l: &Load) -> String {
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

pub fn response_text(r: &HttpResponse) -> String {
    let mut t = Text::default();
    t.number(1, r.status);
    t.properties(2, &r.headers);
    t.hex(3, &r.body);
    t.0
}
