//! Handlers with the stand-in for the broker, which is what plugins test theirs with.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use wicket::{
    fake, kv, set_jwt_keys, CertField, Code, Connect, Counter, Error, ErrorKind, Event, Gauge, Histogram, HttpRequest, HttpResponse,
    JwtKeys, Parting, Property, Reason, Request, Secret, Verdict,
};

fn status(status: u32) -> Result<HttpResponse, ErrorKind> { Ok(HttpResponse { status, ..HttpResponse::default() }) }

async fn by_server(req: Request, c: Connect) -> Result<Verdict, Error> {
    let r = HttpRequest::post("auth", &c.client_id, &c.password[..]).header("a", "b");
    let r = req.http(HttpRequest { timeout_ms: 7, ..r }).await?;
    Ok(if r.status == 200 { Verdict::allow().attribute("by", r.header("BY").unwrap_or("-")) } else { Verdict::deny() })
}

#[test]
fn http() {
    assert_eq!(fake::ask(by_server, Connect::default()), Verdict::deny().reason(Reason::ServerUnavailable)); // not granted
    fake::upstream("auth", |r| {
        assert_eq!((r.method.as_str(), r.timeout_ms, r.headers), ("POST", 7, vec![("a".to_owned(), "b".to_owned())]));
        match r.path.as_str() {
            "slow" => Err(ErrorKind::Timeout),
            "known" => Ok(HttpResponse { status: 200, headers: vec![Property { key: "by".into(), value: "me".into() }], body: r.body }),
            _ => status(404),
        }
    });
    for (client, want) in [
        ("known", Verdict::allow().attribute("by", "me")),
        ("other", Verdict::deny()),
        ("slow", Verdict::deny().reason(Reason::ServerUnavailable)),
    ] {
        let c = Connect { client_id: client.into(), password: b"secret".to_vec().into(), ..Connect::default() };
        assert_eq!(fake::ask(by_server, c), want);
    }
}

#[test]
fn calls_are_under_way_together() {
    let order = Rc::new(RefCell::new(String::new()));
    let seen = order.clone();
    fake::upstream("auth", move |r| {
        seen.borrow_mut().push_str(&r.path);
        status(200)
    });
    let v = fake::ask(
        |req, ()| async move {
            let first = req.http(HttpRequest::get("auth", "1"));
            let second = req.http(HttpRequest::get("auth", "2"));
            drop(req.http(HttpRequest::get("auth", "3"))); // nobody waits for it
            let (b, a) = (second.await?, first.await?);
            Ok::<_, Error>(if a.status == b.status { Verdict::allow() } else { Verdict::deny() })
        },
        (),
    );
    assert_eq!((v.code(), order.borrow().as_str()), (Code::Allow, "123"));
}

/// A value that one handler sets and others wait for.
#[derive(Clone, Default)]
struct Shared(Rc<(Cell<Option<u32>>, RefCell<Vec<Waker>>)>);

impl Future for Shared {
    type Output = u32;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        if let Some(v) = self.0 .0.get() {
            return Poll::Ready(v);
        }
        self.0 .1.borrow_mut().push(cx.waker().clone());
        Poll::Pending
    }
}

#[test]
fn one_handler_wakes_another() {
    fake::upstream("keys", |_| status(207));
    let shared = Shared::default();
    let v = fake::ask(
        |_, ()| async move {
            let setter = shared.clone();
            wicket::spawn(async move {
                let r = Request::none().http(HttpRequest::get("keys", "/")).await?;
                setter.0 .0.set(Some(r.status));
                for waker in setter.0 .1.borrow_mut().drain(..) {
                    waker.wake_by_ref();
                    waker.wake(); // once more than it takes
                }
                Ok::<_, Error>(())
            });
            Verdict::allow().attribute("status", &shared.await.to_string())
        },
        (),
    );
    assert_eq!(v, Verdict::allow().attribute("status", "207"));
}

#[test]
fn passwords_and_certificates() {
    fake::passwords(|hash, password| hash == "h" && password == b"right");
    fake::certificate(CertField::SanDns, 1, &"x".repeat(1000));
    for (password, want) in [("right", Code::Allow), ("wrong", Code::Deny)] {
        let v = fake::ask(
            |req, ()| async move {
                assert_eq!(req.certificate(CertField::SanDns, 1).map(|v| v.len()), Some(1000));
                assert_eq!(req.certificate(CertField::SanDns, 0), None);
                let ok = req.verify_password("h", password.as_bytes()).await?;
                Ok::<_, Error>(if ok { Verdict::allow() } else { Verdict::deny() })
            },
            (),
        );
        assert_eq!(v.code(), want);
    }
}

async fn by_rounds(req: Request, c: Connect) -> Verdict {
    let mut said = Vec::new();
    while let Ok(more) = req.continue_with(format!("{}?", said.len()).as_bytes()).await {
        if more.is_empty() {
            return Verdict::allow().auth_data(&said);
        }
        said.extend_from_slice(&more);
    }
    Verdict::deny().text(&c.auth_method)
}

#[test]
fn exchanges() {
    let c = || Connect { auth_method: "ROUNDS".into(), ..Connect::default() };
    assert_eq!(fake::ask(by_rounds, c()), Verdict::deny().text("ROUNDS")); // nobody is there
    fake::client(|data| match data {
        b"0?" => Some(b"ab".to_vec()),
        b"2?" => Some(b"cd".to_vec()),
        b"4?" => Some(Vec::new()),
        _ => None,
    });
    assert_eq!(fake::ask(by_rounds, c()), Verdict::allow().auth_data(b"abcd"));
    fake::client(|data| if data == b"0?" { Some(b"a".to_vec()) } else { None });
    assert_eq!(fake::ask(by_rounds, c()), Verdict::deny().text("ROUNDS"));
}

#[test]
fn tokens() {
    fake::token("good", "{\"sub\":\"c1\"}");
    let ask = |token: &'static str| {
        fake::ask(
            move |req, ()| async move {
                match req.verify_jwt(0, token.as_bytes()).await {
                    Ok(t) => Verdict::allow().text(&String::from_utf8_lossy(&t.claims)),
                    Err(e) => Verdict::deny().text(&e.to_string()),
                }
            },
            (),
        )
    };
    assert_eq!(ask("good"), Verdict::allow().text("{\"sub\":\"c1\"}"));
    assert_eq!(ask("bad"), Verdict::deny().text("no key has signed the token"));
    assert!(set_jwt_keys(15, &JwtKeys::default()).is_ok());
    assert_eq!(set_jwt_keys(16, &JwtKeys::default()).map_err(|e| e.kind), Err(ErrorKind::Malformed));
}

#[test]
fn keys_and_values() {
    assert_eq!((kv::get("a"), kv::delete("a")), (None, false));
    kv::set("a", [1; 100], 50).unwrap();
    assert_eq!(kv::get("a"), Some(vec![1; 100]));
    assert_eq!(kv::add("a", 1, 0).map_err(|e| e.kind), Err(ErrorKind::Full)); // no counter
    fake::advance(50);
    assert_eq!(kv::get("a"), None);
    assert_eq!(kv::set("", "", 0).map_err(|e| e.kind), Err(ErrorKind::Malformed));
    assert_eq!(kv::add("n", 2, 100).unwrap() + kv::add("n", -5, 1).unwrap(), -1);
    fake::advance(99);
    assert_eq!(kv::add("n", i64::MIN, 0).unwrap(), i64::MIN + 1);
    fake::advance(1);
    assert_eq!(kv::add("n", 1, 0).unwrap(), 1);
    assert_eq!((kv::delete("n"), kv::delete("n")), (true, false));
}

#[test]
fn metrics() {
    let labels = [("by", "x")];
    let count = Counter::new("n_total", "Help.", &labels);
    count.inc();
    count.add(u64::MAX); // as many as there are
    assert_eq!(fake::metric("n_total", &labels), i64::MAX);
    assert_eq!(fake::metric("n_total", &[]), 0);
    let gauge = Gauge::new("g", "Help.", &[]);
    gauge.set(5);
    Gauge::new("g", "Help.", &[]).add(-7);
    assert_eq!(fake::metric("g", &[]), -2);
    Histogram::new("h", "Help.", &[1, 10], &[]).observe(3);
    assert_eq!(fake::metric("h", &[]), 1);
    Histogram::default().observe(3); // counts nothing
}

#[test]
fn timers() {
    let count = Counter::new("ticks_total", "", &[]);
    let ticks = || fake::metric("ticks_total", &[]);
    let once = wicket::after(100, async move { count.inc() }).unwrap();
    let never = wicket::after(100, async move { count.add(1000) }).unwrap();
    let mut left = 3;
    wicket::every(40, move |timer| {
        left -= 1;
        let last = left == 0;
        async move {
            count.add(10);
            if last && !timer.stop() {
                return Err(Error::new("it cannot be stopped"));
            }
            Ok(())
        }
    })
    .unwrap();
    assert!(never.stop() && !never.stop());
    fake::advance(99);
    assert_eq!(ticks(), 20);
    fake::advance(1);
    assert_eq!(ticks(), 21);
    fake::advance(1000);
    assert_eq!(ticks(), 31);
    assert!(!once.stop());
    assert_eq!(wicket::after(9, async {}).map_err(|e| e.kind), Err(ErrorKind::Malformed));
    assert_eq!(wicket::now(), 1100);
}

#[test]
fn events() {
    async fn gone(e: Event) -> Result<(), Error> {
        match e.kind {
            Event::DISCONNECTED => wicket::disconnect(&Parting { client_id: e.client_id, reason: 0x98, ..Parting::default() }),
            _ => Err(Error::new("what is that?")),
        }
    }
    for kind in [Event::DISCONNECTED, 99] {
        fake::tell(gone, Event { kind, client_id: "c1".into(), ..Event::default() });
    }
    let gone = fake::disconnected();
    assert_eq!(gone.iter().map(|p| (p.client_id.as_str(), p.reason)).collect::<Vec<_>>(), [("c1", 0x98)]);
}

#[test]
fn secrets_are_not_shown() {
    let c = Connect { password: b"hush".to_vec().into(), auth_data: Secret::from(b"hush".to_vec()), ..Connect::default() };
    assert!(!format!("{:?}", c).contains(&format!("{:?}", b"hush")));
    assert_eq!(&c.password[..], b"hush");
}
