#include "wicket.h"

static int checked(const wicket_result *r) {
	if (r->status != WICKET_OK) return wicket_call_failed(r);
	if (r->http.status != 200) return WICKET_DENY;
	wicket_message v = wicket_verdict(WICKET_ALLOW);
	wicket_permit(&v, WICKET_PUBLISH | WICKET_SUBSCRIBE, "devices/${clientid}/#");
	return wicket_answer(r->req, &v);
}

WICKET_AUTHENTICATE(req, c) {
	wicket_message ask = wicket_http("GET", "auth", "/check?client=");
	wicket_add_escaped(&ask, c->client_id);
	return wicket_send(req, &ask, checked, 0, 0);
}
