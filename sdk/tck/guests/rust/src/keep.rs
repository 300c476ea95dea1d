//! What a plugin keeps, counts, and does later.

use wicket::{kv, Connect, Counter, Error, Gauge, Histogram, HttpRequest, Parting, Request, Verdict};

pub fn keys_and_values(c: &Connect) -> Result<Verdict, Error> {
    kv::set("kept", &c.client_id, 5000)?;
    let got = kv::get("kept").unwrap_or_default();
    let sum = kv::add("counter", 2, 0)?;
    let new = kv::add("other", -7, 60000)?;
    kv::set("brief", "x", 0)?;
    let v = Verdict::allow()
        .attribute("got", &String::from_utf8_lossy(&got))
        .attribute("sum", &sum.to_string())
        .attribute("new", &new.to_string());
    if kv::get("brief").is_some() && kv::delete("brief") && !kv::delete("brief") {
        return Ok(v.attribute("gone", "1"));
    }
    Ok(v)
}

pub fn long() -> Verdict {
    let long = kv::get("long").unwrap_or_default();
    Verdict::allow().attribute("long", &String::from_utf8_lossy(&long))
}

pub fn metrics(c: &Connect) -> Verdict {
    let total = Counter::new("tck_total", "Help.", &[("by", &c.client_id)]);
    total.add(3);
    total.inc();
    let gauge = Gauge::new("tck_gauge", "Help.", &[]);
    gauge.set(5);
    gauge.add(-7);
    Histogram::new("tck_sizes", "Help.", &[1, 10, 100], &[]).observe(7);
    Verdict::allow()
}

pub fn timer(c: &Connect) -> Result<Verdict, Error> {
    let line = format!("timer {}", c.client_id);
    wicket::after(1000, async { wicket::info(line) })?;
    Ok(Verdict::allow())
}

pub fn every() -> Result<Verdict, Error> {
    let mut left = 3;
    wicket::every(500, move |timer| {
        left -= 1;
        let last = left == 0;
        async move {
            wicket::info("tick");
            if last {
                timer.stop();
            }
        }
    })?;
    Ok(Verdict::allow())
}

pub fn timer_ask() -> Result<Verdict, Error> {
    wicket::after(10, async {
        let r = Request::none().http(HttpRequest::get("auth", "/timer")).await?;
        wicket::info(format!("answered {}", r.status));
        Ok::<_, Error>(())
    })?;
    Ok(Verdict::allow())
}

pub fn kick(c: &Connect) -> Result<Verdict, Error> {
    wicket::disconnect(&Parting { client_id: "sensor-17".into(), reason: 0x97, reason_text: "enough".into(), username: "alice".into() })?;
    wicket::disconnect(&Parting { client_id: c.client_id.clone(), ..Parting::default() })?;
    Ok(Verdict::allow())
}
