/* The guest of the conformance kit in C; sdk/tck/guests/README.md says what it does. */
#define WICKET_MINOR 3
#define WICKET_STATE 144
#include "wicket.h"

static const char hash[] = "$7$101$c2FsdA==$aGFzaA==";

/* What "config" answers with, copied from the Load. */
static char plugin[256], text[1024], nested[256];
static int plugin_len, text_len = -1, nested_len = -1;

static int copy(char *to, unsigned cap, wicket_text from) {
	unsigned n = from.len < cap ? from.len : cap;
	for (unsigned i = 0; i < n; i++) to[i] = from.data[i];
	return (int)n;
}

/* ---- The text of an event: NUMBER=VALUE; for each field that is not zero --- */

static void open(wicket_message *m, int num, const char *with) {
	wicket_add_number(m, num);
	wicket_add(m, with);
}

static void put(wicket_message *m, int num, wicket_text v) {
	open(m, num, "=");
	wicket_add(m, v);
	wicket_add(m, ";");
}

static void field(wicket_message *m, int num, wicket_text v) {
	if (v.len) put(m, num, v);
}

static void number(wicket_message *m, int num, unsigned long long v) {
	if (!v) return;
	open(m, num, "=");
	wicket_add_number(m, (long long)v);
	wicket_add(m, ";");
}

static void hex(wicket_message *m, int num, wicket_text v) {
	if (!v.len) return;
	open(m, num, "=");
	if (v.len > 1024) {
		wicket_add(m, "#");
		wicket_add_number(m, v.len);
	} else {
		for (unsigned i = 0; i < v.len; i++) {
			wicket_add(m, ((wicket_text){&"0123456789abcdef"[(unsigned char)v.data[i] >> 4], 1}));
			wicket_add(m, ((wicket_text){&"0123456789abcdef"[v.data[i] & 15], 1}));
		}
	}
	wicket_add(m, ";");
}

static void properties(wicket_message *m, int num, wicket_list l) {
	for (wicket_property p; wicket_next_property(&l, &p);) {
		open(m, num, "={");
		field(m, 1, p.key);
		field(m, 2, p.value);
		wicket_add(m, "};");
	}
}

static void texts(wicket_message *m, int num, wicket_list l) {
	for (wicket_text t; wicket_next_text(&l, &t);) put(m, num, t);
}

static void topics(wicket_message *m, int num, wicket_list l) {
	for (wicket_topic t; wicket_next_topic(&l, &t);) {
		open(m, num, "={");
		field(m, 1, t.topic);
		number(m, 2, t.qos);
		number(m, 3, t.retain);
		field(m, 4, t.share);
		wicket_add(m, "};");
	}
}

static void proxy(wicket_message *m, int num, const wicket_proxy *p) {
	open(m, num, "={");
	number(m, 1, p->version);
	field(m, 2, p->source);
	field(m, 3, p->destination);
	field(m, 4, p->common_name);
	number(m, 5, p->verified);
	field(m, 6, p->via);
	field(m, 7, p->server_name);
	field(m, 8, p->alpn);
	field(m, 9, p->tls_version);
	field(m, 10, p->cipher);
	wicket_add(m, "};");
}

static void tls(wicket_message *m, const wicket_tls *t) {
	open(m, 12, "={");
	field(m, 1, t->version);
	field(m, 2, t->suite);
	field(m, 3, t->sni);
	field(m, 4, t->alpn);
	number(m, 5, t->resumed);
	field(m, 6, t->psk_identity);
	number(m, 7, t->certificate_presented);
	number(m, 8, t->certificate_verified);
	field(m, 9, t->common_name);
	field(m, 10, t->subject);
	texts(m, 11, t->san);
	field(m, 12, t->fingerprint);
	field(m, 13, t->serial);
	wicket_add(m, "};");
}

static wicket_message connect_text(const wicket_connect *c) {
	wicket_message m = wicket_line("");
	field(&m, 1, c->client_id);
	field(&m, 2, c->username);
	hex(&m, 3, c->password);
	number(&m, 4, c->protocol);
	number(&m, 5, c->clean_start);
	number(&m, 6, c->keepalive);
	number(&m, 7, c->session_expiry);
	field(&m, 8, c->listener);
	field(&m, 9, c->transport);
	field(&m, 10, c->peer);
	if (c->has_proxy) proxy(&m, 11, &c->proxy);
	if (c->has_tls) tls(&m, &c->tls);
	properties(&m, 13, c->attributes);
	field(&m, 14, c->auth_method);
	hex(&m, 15, c->auth_data);
	if (c->has_will) {
		wicket_add(&m, "16={");
		field(&m, 1, c->will.topic);
		number(&m, 2, c->will.qos);
		number(&m, 3, c->will.retain);
		wicket_add(&m, "};");
	}
	properties(&m, 17, c->user_properties);
	number(&m, 18, c->has_username);
	number(&m, 19, c->has_password);
	field(&m, 20, c->connect_username);
	field(&m, 21, c->connect_client_id);
	return m;
}

static wicket_message access_text(const wicket_access *a) {
	wicket_message m = wicket_line("");
	field(&m, 1, a->client_id);
	field(&m, 2, a->username);
	properties(&m, 3, a->attributes);
	number(&m, 4, a->action);
	topics(&m, 5, a->topics);
	field(&m, 6, a->listener);
	field(&m, 7, a->peer);
	return m;
}

static wicket_message load_text(const wicket_load *l) {
	wicket_message m = wicket_line("");
	field(&m, 1, l->plugin);
	field(&m, 2, l->config);
	wicket_list files = l->files;
	for (wicket_file f; wicket_next_file(&files, &f);) {
		wicket_add(&m, "3={");
		field(&m, 1, f.key);
		field(&m, 2, f.path);
		hex(&m, 3, f.content);
		wicket_add(&m, "};");
	}
	number(&m, 4, l->features);
	number(&m, 5, l->abi_minor);
	texts(&m, 6, l->upstreams);
	return m;
}

static wicket_message event_text(const wicket_event *e) {
	wicket_message m = wicket_line("");
	number(&m, 1, e->kind);
	number(&m, 2, e->time_ms);
	field(&m, 3, e->client_id);
	field(&m, 4, e->username);
	field(&m, 5, e->listener);
	field(&m, 6, e->peer);
	number(&m, 7, e->reason);
	field(&m, 8, e->reason_text);
	topics(&m, 9, e->topics);
	number(&m, 10, e->dropped);
	field(&m, 11, e->decider);
	properties(&m, 12, e->attributes);
	number(&m, 13, e->action);
	return m;
}

static void numbers(wicket_message *m, int num, wicket_list l) {
	for (unsigned n; wicket_next_number(&l, &n);) {
		open(m, num, "=");
		wicket_add_number(m, n);
		wicket_add(m, ";");
	}
}

static wicket_message hello_text(const wicket_hello *h) {
	wicket_message m = wicket_line("");
	field(&m, 1, h->listener);
	field(&m, 2, h->peer);
	if (h->has_proxy) proxy(&m, 3, &h->proxy);
	field(&m, 4, h->server_name);
	texts(&m, 5, h->alpn);
	numbers(&m, 6, h->versions);
	numbers(&m, 7, h->suites);
	numbers(&m, 8, h->extensions);
	numbers(&m, 9, h->groups);
	numbers(&m, 10, h->signature_schemes);
	field(&m, 11, h->ja4);
	return m;
}

static wicket_message response_text(const wicket_response *r) {
	wicket_message m = wicket_line("");
	number(&m, 1, r->status);
	properties(&m, 2, r->headers);
	hex(&m, 3, r->body);
	return m;
}

/* ---- Handlers ------------------------------------------------------------- */

WICKET_LOAD(l) {
	wicket_text v;
	if (wicket_equal(l->plugin, "refused")) {
		wicket_log(WICKET_ERROR, "no thanks");
		return 1;
	}
	plugin_len = copy(plugin, sizeof plugin, l->plugin);
	text_len = wicket_json(l->config, "text", &v) ? wicket_json_string(v, text, sizeof text) : -1;
	nested_len = wicket_json(l->config, "block", &v) && wicket_json(v, "key", &v) ? wicket_json_string(v, nested, sizeof nested) : -1;
	wicket_message m = load_text(l);
	wicket_log(WICKET_INFO, wicket_string(&m));
	return 0;
}

WICKET_UNLOAD() { wicket_log(WICKET_INFO, "bye"); }

WICKET_EVENT(e) {
	wicket_message m = event_text(e);
	wicket_log(WICKET_INFO, wicket_string(&m));
}

/* Calls keep the client id: its length, then its bytes. */
typedef struct { unsigned len; char id[120]; } kept;

static kept keep(const wicket_connect *c) {
	kept k = {0};
	k.len = (unsigned)copy(k.id, sizeof k.id, c->client_id);
	return k;
}

static wicket_text client(const wicket_result *r) {
	const kept *k = r->state;
	return (wicket_text){k->id, k->len};
}

static int allow_client(const wicket_result *r) {
	wicket_message v = wicket_verdict(WICKET_ALLOW);
	wicket_attribute(&v, "client", client(r));
	return wicket_answer(r->req, &v);
}

static int bad_password(wicket_request req) {
	wicket_message v = wicket_verdict(WICKET_DENY);
	wicket_reason(&v, WICKET_BAD_PASSWORD);
	return wicket_answer(req, &v);
}

static int verified(const wicket_result *r) {
	if (r->status == WICKET_MISMATCH) return bad_password(r->req);
	return r->status == WICKET_OK ? allow_client(r) : wicket_call_failed(r);
}

static int asked(const wicket_result *r) {
	if (r->status != WICKET_OK) return wicket_call_failed(r);
	if (r->http.status >= 300) return bad_password(r->req);
	wicket_message m = response_text(&r->http), v = wicket_verdict(WICKET_ALLOW);
	wicket_attribute(&v, "client", client(r));
	wicket_attribute(&v, "response", wicket_string(&m));
	return wicket_answer(r->req, &v);
}

static int get(wicket_request req, const kept *k) {
	wicket_message m = wicket_http("GET", "auth", "/auth?clientid=");
	wicket_add_escaped(&m, ((wicket_text){k->id, k->len}));
	return wicket_send(req, &m, asked, k, sizeof *k);
}

static int then_ask(const wicket_result *r) {
	return r->status == WICKET_OK ? get(r->req, r->state) : verified(r);
}

/* A plain result that says "allow" or "deny". */
static int understood(const wicket_result *r) {
	char word[8];
	wicket_text v;
	if (r->status != WICKET_OK) return wicket_call_failed(r);
	int n = wicket_json(r->http.body, "result", &v) ? wicket_json_string(v, word, sizeof word) : -1;
	if (n == 5 && wicket_equal(((wicket_text){word, 5}), "allow")) return WICKET_ALLOW;
	if (n == 4 && wicket_equal(((wicket_text){word, 4}), "deny")) return WICKET_DENY;
	return wicket_deny_failed(r->req, "the answer cannot be understood");
}

static int post(wicket_request req, const wicket_connect *c) {
	kept k = keep(c);
	wicket_message m = wicket_http("POST", "auth", "/auth");
	wicket_header(&m, "content-type", "application/json");
	wicket_header(&m, "x-empty", "");
	wicket_header(&m, "", "");
	wicket_body(&m, ((wicket_text){"{\"username\":\"p\xc3\xa4\"}\0\xff", 20}));
	wicket_timeout(&m, 4294967295u);
	return wicket_send(req, &m, asked, &k, sizeof k);
}

static int escape(wicket_request req, const wicket_connect *c) {
	kept k = keep(c);
	wicket_message m = wicket_http("POST", "auth", "/");
	wicket_add_escaped(&m, c->client_id);
	wicket_body(&m, "{\"id\":");
	wicket_add_json(&m, c->client_id);
	wicket_add(&m, "}");
	return wicket_send(req, &m, asked, &k, sizeof k);
}

static int full(wicket_request req) {
	wicket_message v = wicket_verdict(WICKET_ALLOW);
	wicket_superuser(&v);
	wicket_add_rule(&v, (wicket_rule){.permit = 1, .actions = WICKET_PUBLISH, .filter = WICKET_TEXT("devices/${clientid}/#"), .qos = 3, .retain = 2});
	wicket_add_rule(&v, (wicket_rule){.permit = 1, .actions = WICKET_SUBSCRIBE, .filter = WICKET_TEXT("all/#"), .exact = 1});
	wicket_forbid(&v, 0, "#");
	wicket_default(&v, WICKET_NEXT);
	wicket_ttl(&v, -1);
	wicket_expire_at(&v, 4102444800);
	wicket_attribute(&v, "site", "7");
	wicket_username(&v, "alice@example.com");
	wicket_client_id(&v, "assigned-1");
	wicket_user_property(&v, "welcome", "yes");
	wicket_limits(&v, 65536, 20, 5);
	wicket_mountpoint(&v, "tenant/7/");
	return wicket_answer(req, &v);
}

static int named(wicket_request req) {
	wicket_message v = wicket_verdict(WICKET_NEXT);
	wicket_attribute(&v, "role", "sensor");
	wicket_attribute(&v, "site", "7");
	wicket_username(&v, "sensor-17");
	wicket_client_id(&v, "dev-17");
	return wicket_answer(req, &v);
}

static void certificate_field(wicket_message *v, wicket_request req, const char *key, int selector, int index) {
	static char space[8192];
	int n = wicket_certificate(req, selector, index, space, sizeof space);
	if (n >= 0) wicket_attribute(v, key, ((wicket_text){space, (unsigned)n}));
}

static int certificate(wicket_request req) {
	wicket_message v = wicket_verdict(WICKET_ALLOW);
	certificate_field(&v, req, "cn", WICKET_CERT_COMMON_NAME, 0);
	certificate_field(&v, req, "dns", WICKET_CERT_SAN_DNS, 1);
	certificate_field(&v, req, "pem", WICKET_CERT_PEM, 0);
	return wicket_answer(req, &v);
}

static int settings(wicket_request req) {
	wicket_message v = wicket_verdict(WICKET_ALLOW);
	wicket_attribute(&v, "plugin", ((wicket_text){plugin, (unsigned)plugin_len}));
	if (text_len >= 0) wicket_attribute(&v, "text", ((wicket_text){text, (unsigned)text_len}));
	if (nested_len >= 0) wicket_attribute(&v, "nested", ((wicket_text){nested, (unsigned)nested_len}));
	return wicket_answer(req, &v);
}

static int host(wicket_request req) {
	char noise[32];
	wicket_random(noise, sizeof noise);
	wicket_message v = wicket_verdict(WICKET_ALLOW), m = wicket_line("");
	wicket_add_number(&m, wicket_now());
	wicket_attribute(&v, "now", wicket_string(&m));
	m = wicket_line("");
	wicket_add_number(&m, wicket_features());
	wicket_attribute(&v, "features", wicket_string(&m));
	m = wicket_line("");
	hex(&m, 1, (wicket_text){noise, sizeof noise});
	wicket_attribute(&v, "random", wicket_string(&m));
	return wicket_answer(req, &v);
}

static int lines(const wicket_connect *c) {
	static const char *const levels[] = {"debug ", "info ", "warn ", "error "};
	for (int i = 0; i < 4; i++) {
		wicket_message m = wicket_line(levels[i]);
		wicket_add(&m, c->client_id);
		wicket_log(i, wicket_string(&m));
	}
	return WICKET_ALLOW;
}

static int banned(wicket_request req, const wicket_connect *c) {
	wicket_message v = wicket_verdict(WICKET_DENY);
	wicket_reason(&v, WICKET_BANNED);
	wicket_reason_text(&v, "who is ");
	wicket_add(&v, c->client_id);
	return wicket_answer(req, &v);
}

static int large(wicket_request req) {
	static char xs[60000];
	for (unsigned i = 0; i < sizeof xs; i++) xs[i] = 'x';
	wicket_message v = wicket_verdict(WICKET_ALLOW);
	wicket_attribute(&v, "long", ((wicket_text){xs, sizeof xs}));
	return wicket_answer(req, &v);
}

static int echo(wicket_request req, wicket_message m) {
	wicket_message v = wicket_verdict(WICKET_ALLOW);
	wicket_attribute(&v, "event", wicket_string(&m));
	return wicket_answer(req, &v);
}

static void number_attribute(wicket_message *v, const char *key, long long n) {
	wicket_message m = wicket_line("");
	wicket_add_number(&m, n);
	wicket_attribute(v, key, wicket_string(&m));
}

/* What has not worked denies. */
static int done(wicket_request req, int status) {
	return status < 0 ? wicket_deny_failed(req, wicket_status_text(status)) : WICKET_ALLOW;
}

/* ---- Tokens ----------------------------------------------------------------- */

static int keys(wicket_request req) {
	char why[512];
	wicket_message m = wicket_keys("RS256");
	wicket_algorithm(&m, "");
	wicket_algorithm(&m, "EdDSA");
	wicket_jwks(&m, "{\"keys\":[]}");
	wicket_pem(&m, "-----BEGIN PUBLIC KEY-----\n");
	int n = wicket_set_keys(0, &m, why, sizeof why);
	if (!n) {
		m = wicket_keys("HS256");
		wicket_secret(&m, ((wicket_text){"0123456789abcdef\0" "0123456789abcd\xff", 32}));
		n = wicket_set_keys(15, &m, why, sizeof why);
	}
	if (n <= 0) return done(req, n);
	m = wicket_line("the keys cannot be used");
	if ((unsigned)n <= sizeof why) {
		wicket_add(&m, ": ");
		wicket_add(&m, ((wicket_text){why, (unsigned)n}));
	}
	return wicket_deny_failed(req, wicket_string(&m));
}

static int deny(wicket_request req, const char *why) {
	wicket_message v = wicket_verdict(WICKET_DENY);
	wicket_reason_text(&v, why);
	return wicket_answer(req, &v);
}

static int token(const wicket_result *r) {
	if (r->status == WICKET_MISMATCH) return deny(r->req, r->jwt.unknown_key ? "unknown key" : "not signed");
	if (r->status == WICKET_MALFORMED) return deny(r->req, "malformed");
	if (r->status != WICKET_OK) return wicket_call_failed(r);
	wicket_message v = wicket_verdict(WICKET_ALLOW);
	wicket_attribute(&v, "header", r->jwt.header);
	wicket_attribute(&v, "claims", r->jwt.claims);
	return wicket_answer(r->req, &v);
}

/* ---- Enhanced authentication, and before the handshake ------------------------ */

/* What an exchange keeps. */
typedef struct { unsigned long long exchange; unsigned round; _Bool again; kept client; } dialogue;

static int more(wicket_request req, const dialogue *d, wicket_text said) {
	dialogue next = *d;
	next.round++;
	wicket_message m = wicket_line("");
	wicket_add_number(&m, next.round);
	wicket_add(&m, ":");
	wicket_add(&m, said);
	return wicket_continue(req, next.exchange, wicket_string(&m), &next, sizeof next);
}

static int begin(wicket_request req, const wicket_connect *c) {
	dialogue d = {.exchange = (unsigned long long)req, .again = c->reauthenticate, .client = keep(c)};
	return more(req, &d, c->auth_data);
}

static int proven(const wicket_result *r) {
	return r->status == WICKET_OK ? more(r->req, r->state, WICKET_TEXT("verify")) : verified(r);
}

WICKET_AUTH_CONTINUE(req, a) {
	const dialogue *d = a->state;
	wicket_text client = {d->client.id, d->client.len}, said = a->auth_data;
	if (a->ended) {
		wicket_message m = wicket_line("ended ");
		wicket_add(&m, client);
		wicket_log(WICKET_INFO, wicket_string(&m));
		return WICKET_DENY;
	}
	if (wicket_equal(said, "more")) return more(req, d, said);
	if (wicket_equal(said, "verify")) return wicket_verify_password(req, hash, said, proven, d, sizeof *d);
	if (wicket_equal(said, "deny")) return bad_password(req);
	wicket_message v = wicket_verdict(WICKET_ALLOW);
	wicket_auth_data(&v, said);
	wicket_attribute(&v, "client", client);
	number_attribute(&v, "rounds", d->round);
	if (d->again) wicket_attribute(&v, "again", "1");
	return wicket_answer(req, &v);
}

static int greeted(const wicket_result *r) {
	if (r->status != WICKET_OK) return wicket_call_failed(r);
	return r->http.status < 300 ? WICKET_NEXT : WICKET_DENY;
}

WICKET_CLIENT_HELLO(req, h) {
	wicket_text name = h->server_name;
	if (wicket_equal(name, "allow")) return WICKET_ALLOW;
	if (wicket_equal(name, "deny")) return WICKET_DENY;
	if (wicket_equal(name, "next")) return WICKET_NEXT;
	if (wicket_equal(name, "banned")) {
		wicket_message v = wicket_verdict(WICKET_DENY);
		wicket_reason_text(&v, "who is ");
		wicket_add(&v, h->peer);
		return wicket_answer(req, &v);
	}
	if (wicket_equal(name, "ask")) {
		wicket_message m = wicket_http("GET", "auth", "/hello");
		return wicket_send(req, &m, greeted, 0, 0);
	}
	wicket_message m = hello_text(h);
	wicket_log(WICKET_INFO, wicket_string(&m));
	return WICKET_NEXT;
}

/* ---- What a plugin keeps, counts, and does later ---------------------------- */

static int keys_and_values(wicket_request req, const wicket_connect *c) {
	char got[256];
	long long sum, fresh;
	int n, status = wicket_kv_set("kept", c->client_id, 5000);
	if (!status) n = wicket_kv_get("kept", got, sizeof got);
	if (!status) status = wicket_kv_add("counter", 2, 0, &sum);
	if (!status) status = wicket_kv_add("other", -7, 60000, &fresh);
	if (!status) status = wicket_kv_set("brief", "x", 0);
	if (status) return done(req, status);
	wicket_message v = wicket_verdict(WICKET_ALLOW);
	wicket_attribute(&v, "got", ((wicket_text){got, n > 0 ? (unsigned)n : 0}));
	number_attribute(&v, "sum", sum);
	number_attribute(&v, "new", fresh);
	if (wicket_kv_get("brief", 0, 0) == 1 && wicket_kv_delete("brief") && !wicket_kv_delete("brief")) wicket_attribute(&v, "gone", "1");
	return wicket_answer(req, &v);
}

static int long_value(wicket_request req) {
	static char space[64 << 10];
	int n = wicket_kv_get("long", space, sizeof space);
	wicket_message v = wicket_verdict(WICKET_ALLOW);
	wicket_attribute(&v, "long", ((wicket_text){space, n > 0 ? (unsigned)n : 0}));
	return wicket_answer(req, &v);
}

static int metrics(const wicket_connect *c) {
	wicket_message m = wicket_metric(WICKET_COUNTER, "tck_total", "Help.");
	wicket_label(&m, "by", c->client_id);
	int id = wicket_define(&m);
	wicket_metric_add(id, 3);
	wicket_metric_add(id, 1);
	m = wicket_metric(WICKET_GAUGE, "tck_gauge", "Help.");
	id = wicket_define(&m);
	wicket_metric_set(id, 5);
	wicket_metric_add(id, -7);
	m = wicket_metric(WICKET_HISTOGRAM, "tck_sizes", "Help.");
	for (unsigned long long bound = 1; bound <= 100; bound *= 10) wicket_bucket(&m, bound);
	wicket_metric_observe(wicket_define(&m), 7);
	return WICKET_ALLOW;
}

/* The timer of each kind, and what it needs. */
static struct { wicket_timer line, tick, ask; kept client; int left; } timers;

static int set(wicket_request req, wicket_timer id, wicket_timer *timer, const kept *client) {
	if (id < 0) return done(req, (int)id);
	*timer = id;
	timers.client = *client;
	timers.left = 3;
	return WICKET_ALLOW;
}

static int answered(const wicket_result *r) {
	if (r->status != WICKET_OK) return wicket_call_failed(r);
	wicket_message m = wicket_line("answered ");
	wicket_add_number(&m, r->http.status);
	wicket_log(WICKET_INFO, wicket_string(&m));
	return WICKET_PENDING;
}

WICKET_TIMER(id) {
	if (id <= 0) return;
	if (id == timers.line) {
		wicket_message m = wicket_line("timer ");
		wicket_add(&m, ((wicket_text){timers.client.id, timers.client.len}));
		wicket_log(WICKET_INFO, wicket_string(&m));
		timers.line = 0;
	} else if (id == timers.tick) {
		wicket_log(WICKET_INFO, "tick");
		if (--timers.left == 0) wicket_stop(id);
	} else if (id == timers.ask) {
		wicket_message m = wicket_http("GET", "auth", "/timer");
		wicket_send(0, &m, answered, 0, 0);
	}
}

static int kick(wicket_request req, const wicket_connect *c) {
	int status = wicket_disconnect("sensor-17", "alice", WICKET_QUOTA, "enough");
	if (!status) status = wicket_disconnect(c->client_id, "", 0, "");
	return done(req, status);
}

/* ---- Misbehaviour ---------------------------------------------------------- */

static volatile int sink;

static int recurse(int n) {
	volatile char frame[1024];
	frame[n & 1023] = (char)n;
	return sink < 0 ? 0 : recurse(n + 1) + frame[n & 1023];
}

static int loop(void) {
	for (;;) sink++;
}

static int grow(void) {
	while (__builtin_wasm_memory_grow(0, 16) != (unsigned long)-1) sink++;
	return WICKET_DENY;
}

WICKET_AUTHENTICATE(req, c) {
	kept k = keep(c);
	wicket_text u = c->username;
	if (wicket_equal(u, "allow")) return WICKET_ALLOW;
	if (wicket_equal(u, "deny")) return WICKET_DENY;
	if (wicket_equal(u, "next")) return WICKET_NEXT;
	if (wicket_equal(u, "banned")) return banned(req, c);
	if (wicket_equal(u, "full")) return full(req);
	if (wicket_equal(u, "named")) return named(req);
	if (wicket_equal(u, "cert")) return certificate(req);
	if (wicket_equal(u, "log")) return lines(c);
	if (wicket_equal(u, "config")) return settings(req);
	if (wicket_equal(u, "host")) return host(req);
	if (wicket_equal(u, "long")) return large(req);
	if (wicket_equal(u, "verify")) return wicket_verify_password(req, hash, c->password, verified, &k, sizeof k);
	if (wicket_equal(u, "chain")) return wicket_verify_password(req, hash, c->password, then_ask, &k, sizeof k);
	if (wicket_equal(u, "ask")) return get(req, &k);
	if (wicket_equal(u, "post")) return post(req, c);
	if (wicket_equal(u, "escape")) return escape(req, c);
	if (wicket_equal(u, "result")) {
		wicket_message m = wicket_http("GET", "auth", "/result");
		return wicket_send(req, &m, understood, 0, 0);
	}
	if (wicket_equal(u, "kv")) return keys_and_values(req, c);
	if (wicket_equal(u, "kv-long")) return long_value(req);
	if (wicket_equal(u, "metrics")) return metrics(c);
	if (wicket_equal(u, "timer")) return set(req, wicket_after(1000), &timers.line, &k);
	if (wicket_equal(u, "every")) return set(req, wicket_every(500), &timers.tick, &k);
	if (wicket_equal(u, "timer-ask")) return set(req, wicket_after(10), &timers.ask, &k);
	if (wicket_equal(u, "kick")) return kick(req, c);
	if (wicket_equal(u, "exchange")) return begin(req, c);
	if (wicket_equal(u, "jwt-keys")) return keys(req);
	if (wicket_equal(u, "jwt")) return wicket_verify_jwt(req, 15, c->password, token, 0, 0);
	if (wicket_equal(u, "trap")) __builtin_trap();
	if (wicket_equal(u, "recurse")) return recurse(0);
	if (wicket_equal(u, "loop")) return loop();
	if (wicket_equal(u, "grow")) return grow();
	return echo(req, connect_text(c));
}

WICKET_AUTHORIZE(req, a) {
	if (wicket_equal(a->username, "allow")) return WICKET_ALLOW;
	wicket_message m = access_text(a), v = wicket_verdict(WICKET_ALLOW);
	wicket_list l = a->topics;
	for (wicket_topic t; wicket_next_topic(&l, &t);)
		wicket_topic_code(&v, wicket_equal(t.topic, "secret") ? WICKET_DENY : wicket_equal(t.topic, "open") ? WICKET_ALLOW : WICKET_NEXT);
	wicket_ttl(&v, 5000);
	wicket_attribute(&v, "event", wicket_string(&m));
	return wicket_answer(req, &v);
}
