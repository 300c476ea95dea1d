use wicket::{escape, Connect, Error, HttpRequest, Request, Rule, Verdict};

wicket::plugin! { authenticate: authenticate }

async fn authenticate(req: Request, c: Connect) -> Result<Verdict, Error> {
    let path = format!("/check?client={}", escape(&c.client_id));
    let r = req.http(HttpRequest::get("auth", &path)).await?;
    if r.status != 200 {
        return Ok(Verdict::deny());
    }
    Ok(Verdict::allow().rule(Rule::all("devices/${clientid}/#")))
}
