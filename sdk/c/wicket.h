/*
 * wicket.h: plugins for Wicket in C11, for clang and wasm-ld, with or without a
 * C library. Include it in one file of the plugin. sdk/c/README.md is the
 * manual, sdk/ABI.md what lies beneath.
 *
 * Ownership. What a handler or callback is given points into the input buffer
 * and ends when it returns: copy what is needed longer. Nothing is allocated but
 * the input buffer, which grows with the largest message. There is one verdict,
 * one call and one line under construction at a time: each has one static buffer
 * of the size that a macro below gives it. A message that does not fit is not
 * sent, and the client is denied.
 */
#ifndef WICKET_H
#define WICKET_H

#ifndef WICKET_MINOR
#define WICKET_MINOR 0 /* the minor version of the ABI that the plugin cannot do without */
#endif
#ifndef WICKET_VERDICT
#define WICKET_VERDICT (128 << 10) /* bytes of the largest verdict */
#endif
#ifndef WICKET_CALL
#define WICKET_CALL (128 << 10) /* bytes of the largest HTTP request, or keys of tokens */
#endif
#ifndef WICKET_CALLS
#define WICKET_CALLS 4096 /* host calls in flight and clients that are to go on, a power of two */
#endif
#ifndef WICKET_STATE
#define WICKET_STATE 64 /* bytes that can be kept with a call, or an exchange */
#endif
#ifndef WICKET_BUFFER
#define WICKET_BUFFER (64 << 20) /* bytes of the largest event */
#endif

/* ---- Values ------------------------------------------------------------- */

/* A request is answered once: by what its handler returns, or by wicket_answer. 0 is none: nobody is answered. */
typedef long long wicket_request;

/* Codes that handlers and callbacks return; WICKET_CONTINUE is that of wicket_continue. A negative one says that the plugin has failed. */
enum { WICKET_DENY, WICKET_ALLOW, WICKET_NEXT, WICKET_PENDING, WICKET_CONTINUE };

/* How a host call has ended; negative: it was not started. */
enum {
	WICKET_FULL = -4, /* of wicket_kv_set and wicket_kv_add */
	WICKET_MALFORMED_CALL = -3, WICKET_BUSY = -2, WICKET_NOT_GRANTED = -1,
	WICKET_OK = 0, WICKET_MISMATCH, WICKET_TIMEOUT, WICKET_REFUSED, WICKET_MALFORMED, WICKET_FAILED
};

enum { WICKET_DEBUG, WICKET_INFO, WICKET_WARN, WICKET_ERROR };
enum { WICKET_PUBLISH = 1, WICKET_SUBSCRIBE = 2 };

/* The bits of wicket_features, and of the features of a load. */
enum {
	WICKET_FEATURE_PASSWORD = 1, WICKET_FEATURE_HTTP = 2, WICKET_FEATURE_KV = 4, WICKET_FEATURE_METRICS = 8,
	WICKET_FEATURE_TIMERS = 16, WICKET_FEATURE_JWT = 32, WICKET_FEATURE_DISCONNECT = 64, WICKET_FEATURE_EVENTS = 128
};

/* Reason codes of a denial (MQTT 5.0 section 3.2.2.2), and of a DISCONNECT (section 3.14.2.1). */
enum {
	WICKET_UNSPECIFIED = 0x80, WICKET_IMPLEMENTATION = 0x83, WICKET_CLIENT_ID = 0x85, WICKET_BAD_PASSWORD = 0x86,
	WICKET_NOT_AUTHORIZED = 0x87, WICKET_UNAVAILABLE = 0x88, WICKET_SERVER_BUSY = 0x89, WICKET_BANNED = 0x8A,
	WICKET_BAD_AUTH_METHOD = 0x8C, WICKET_QUOTA = 0x97, WICKET_ADMINISTRATIVE = 0x98
};

enum {
	WICKET_CERT_SUBJECT, WICKET_CERT_COMMON_NAME, WICKET_CERT_SAN_DNS, WICKET_CERT_SAN_URI, WICKET_CERT_SAN_EMAIL,
	WICKET_CERT_SAN_IP, WICKET_CERT_SERIAL, WICKET_CERT_ISSUER, WICKET_CERT_NOT_BEFORE, WICKET_CERT_NOT_AFTER,
	WICKET_CERT_SHA256, WICKET_CERT_SPKI_SHA256, WICKET_CERT_DER, WICKET_CERT_ORGANIZATION,
	WICKET_CERT_ORGANIZATIONAL_UNIT, WICKET_CERT_MD5, WICKET_CERT_PEM, WICKET_CERT_COMMON_NAMES,
	WICKET_CERT_EXT_KEY_USAGE
};

/* Bytes, without a zero at the end. */
typedef struct { const char *data; unsigned len; } wicket_text;

static inline wicket_text wicket__same(wicket_text t) { return t; }
static inline wicket_text wicket__cstr(const char *s) {
	unsigned n = 0;
	while (s[n]) n++;
	return (wicket_text){s, n};
}
/* Functions below that take a text also take a C string. */
#define WICKET_TEXT(x) _Generic((x), wicket_text: wicket__same, default: wicket__cstr)(x)

static inline _Bool wicket__equal(wicket_text a, wicket_text b) {
	if (a.len != b.len) return 0;
	for (unsigned i = 0; i < a.len; i++)
		if (a.data[i] != b.data[i]) return 0;
	return 1;
}
/* For names. Secrets are compared by the host, see wicket_verify_password. */
#define wicket_equal(a, b) wicket__equal(WICKET_TEXT(a), WICKET_TEXT(b))

/* ---- The host ----------------------------------------------------------- */

#define WICKET__IMPORT(name) __attribute__((import_module("wicket"), import_name(#name)))
#define WICKET__EXPORT(name) __attribute__((export_name(#name), used))

WICKET__IMPORT(log) void wicket__host_log(int level, const void *p, unsigned n);
WICKET__IMPORT(resolve) int wicket__host_resolve(long long req, int code, const void *p, unsigned n);
WICKET__IMPORT(cert_field) int wicket__host_cert_field(long long req, int field, int index, void *p, unsigned cap);
WICKET__IMPORT(password_verify) long long wicket__host_password_verify(long long req, const void *p, unsigned n);
WICKET__IMPORT(http_send) long long wicket__host_http_send(long long req, const void *p, unsigned n);
WICKET__IMPORT(random) void wicket__host_random(void *p, unsigned n);
WICKET__IMPORT(kv_get) int wicket__host_kv_get(const void *key, unsigned klen, void *p, unsigned cap);
WICKET__IMPORT(kv_set) int wicket__host_kv_set(const void *key, unsigned klen, const void *p, unsigned n, long long ttl);
WICKET__IMPORT(kv_add) long long wicket__host_kv_add(const void *key, unsigned klen, long long delta, long long ttl);
WICKET__IMPORT(kv_delete) int wicket__host_kv_delete(const void *key, unsigned klen);
WICKET__IMPORT(metric_define) int wicket__host_metric_define(const void *p, unsigned n);
WICKET__IMPORT(metric_add) int wicket__host_metric_add(int id, long long delta);
WICKET__IMPORT(metric_set) int wicket__host_metric_set(int id, long long value);
WICKET__IMPORT(metric_observe) int wicket__host_metric_observe(int id, long long value);
WICKET__IMPORT(timer_set) long long wicket__host_timer_set(long long delay, long long repeat);
WICKET__IMPORT(timer_cancel) int wicket__host_timer_cancel(long long id);
WICKET__IMPORT(jwt_keys) int wicket__host_jwt_keys(int slot, const void *p, unsigned n, void *why, unsigned cap);
WICKET__IMPORT(jwt_verify) long long wicket__host_jwt_verify(long long req, int slot, const void *p, unsigned n);
WICKET__IMPORT(client_disconnect) int wicket__host_client_disconnect(const void *p, unsigned n);

/* The wall clock in milliseconds since 1970. */
WICKET__IMPORT(now_unix_ms) long long wicket_now(void);

/* What was granted, in bits such as WICKET_FEATURE_KV. */
WICKET__IMPORT(features) long long wicket_features(void);

#define wicket_log(level, text) wicket__log(level, WICKET_TEXT(text))
static inline void wicket__log(int level, wicket_text t) { wicket__host_log(level, t.data, t.len); }

/* Fills p from the host's cryptographic source; at most 1 MiB. */
static inline void wicket_random(void *p, unsigned n) { wicket__host_random(p, n); }

/* Writes a field of the client's certificate when cap is large enough, and returns its length; -1 when there is none. */
static inline int wicket_certificate(wicket_request req, int field, int index, char *p, unsigned cap) {
	return wicket__host_cert_field(req, field, index, p, cap);
}

/* ---- Reading the wire format -------------------------------------------- */

typedef struct {
	const unsigned char *at, *end;
	unsigned num, type; /* of the field that wicket__next has read */
	unsigned long long n;
	wicket_text data;
	_Bool bad;
} wicket__reader;

static inline wicket__reader wicket__read(wicket_text t) {
	const unsigned char *p = (const unsigned char *)t.data;
	return (wicket__reader){.at = p, .end = p + t.len};
}

static inline int wicket__fail(wicket__reader *r) {
	r->at = r->end;
	r->bad = 1;
	return 0;
}

static inline unsigned long long wicket__varint(wicket__reader *r) {
	unsigned long long v = 0;
	for (unsigned shift = 0; shift < 70 && r->at < r->end; shift += 7) {
		unsigned char c = *r->at++;
		if (shift == 63 && c > 1) break;
		v |= (unsigned long long)(c & 0x7f) << shift;
		if (c < 0x80) return v;
	}
	wicket__fail(r);
	return 0;
}

/* Reads a field; 0 at the end and after a fault. */
static inline int wicket__next(wicket__reader *r) {
	if (r->at == r->end) return 0;
	unsigned long long key = wicket__varint(r), size;
	if (key < 8 || key >> 32) return wicket__fail(r);
	r->num = (unsigned)(key >> 3);
	r->type = key & 7;
	switch (r->type) {
	case 0: r->n = wicket__varint(r); return !r->bad;
	case 1: size = 8; break;
	case 2: size = wicket__varint(r); break;
	case 5: size = 4; break;
	default: return wicket__fail(r);
	}
	if (r->bad || size > (unsigned long long)(r->end - r->at)) return wicket__fail(r);
	r->data = (wicket_text){(const char *)r->at, (unsigned)size};
	r->at += size;
	return 1;
}

static inline wicket_text wicket__bytes(wicket__reader *r) {
	if (r->type != 2) wicket__fail(r);
	return r->type == 2 ? r->data : (wicket_text){0, 0};
}

static inline unsigned long long wicket__u64(wicket__reader *r) {
	if (r->type != 0) wicket__fail(r);
	return r->type == 0 ? r->n : 0;
}
static inline unsigned wicket__u32(wicket__reader *r) {
	unsigned long long n = wicket__u64(r);
	if (n >> 32) wicket__fail(r);
	return n >> 32 ? 0 : (unsigned)n;
}
static inline _Bool wicket__bool(wicket__reader *r) { return wicket__u64(r) != 0; }

/* ---- Events: the messages of sdk/wicket.proto ---------------------------- */

/*
 * A repeated field. The wicket_next_... functions take the elements off one by
 * one; for (wicket_list l = c->attributes; wicket_next_property(&l, &p);) leaves
 * the event as it is.
 */
typedef struct { wicket_text message; unsigned num, count; } wicket_list;

typedef struct { wicket_text key, value; } wicket_property;
typedef struct { wicket_text key, path, content; } wicket_file;
typedef struct { wicket_text topic, share; unsigned qos; _Bool retain; } wicket_topic;

typedef struct {
	wicket_text plugin, config; /* config is JSON: wicket_json */
	wicket_list files;          /* wicket_next_file */
	unsigned long long features;
	unsigned abi_minor;
	wicket_list upstreams; /* wicket_next_text */
} wicket_load;

typedef struct {
	unsigned version;
	wicket_text source, destination, common_name;
	_Bool verified;
	wicket_text via, server_name, alpn, tls_version, cipher;
} wicket_proxy;

typedef struct {
	wicket_text version, suite, sni, alpn;
	_Bool resumed;
	wicket_text psk_identity;
	_Bool certificate_presented, certificate_verified;
	wicket_text common_name, subject;
	wicket_list san; /* wicket_next_text */
	wicket_text fingerprint, serial;
} wicket_tls;

typedef struct { wicket_text topic; unsigned qos; _Bool retain; } wicket_will;

typedef struct {
	wicket_text client_id, username, password;
	_Bool has_username, has_password;
	unsigned protocol;
	_Bool clean_start;
	unsigned keepalive, session_expiry;
	wicket_text listener, transport, peer;
	_Bool has_proxy, has_tls, has_will; /* the structs below are zero without */
	wicket_proxy proxy;
	wicket_tls tls;
	wicket_list attributes; /* wicket_next_property */
	wicket_text auth_method, auth_data;
	wicket_will will;
	wicket_list user_properties; /* wicket_next_property */
	wicket_text connect_username, connect_client_id;
	_Bool reauthenticate; /* the client is in already and shows itself again, without password */
} wicket_connect;

/* What a client answers to wicket_continue. */
typedef struct {
	unsigned long long exchange; /* the request of the CONNECT that began it */
	wicket_text auth_method, auth_data;
	_Bool ended;       /* the client does not go on, and no answer is wanted */
	const void *state; /* the copy of what was given to wicket_continue */
} wicket_auth;

/* What somebody claims who begins a TLS handshake, numbers as on the wire (RFC 8446 section 4.1.2) without GREASE. */
typedef struct {
	wicket_text listener, peer;
	_Bool has_proxy; /* the struct below is zero without */
	wicket_proxy proxy;
	wicket_text server_name; /* bytes that are not printable ASCII are written as \xNN, here and in alpn */
	wicket_list alpn;        /* wicket_next_text */
	wicket_list versions, suites, extensions, groups, signature_schemes; /* wicket_next_number */
	wicket_text ja4;
} wicket_hello;

typedef struct {
	wicket_text client_id, username;
	wicket_list attributes; /* wicket_next_property */
	unsigned action;        /* WICKET_PUBLISH or WICKET_SUBSCRIBE */
	wicket_list topics;     /* wicket_next_topic */
	wicket_text listener, peer;
} wicket_access;

/* What has happened to a client. */
typedef struct {
	unsigned kind;              /* WICKET_EVENT_CONNECTED and so on; others are to be ignored */
	unsigned long long time_ms; /* Unix */
	wicket_text client_id, username, listener, peer;
	unsigned reason; /* DISCONNECTED, REFUSED */
	wicket_text reason_text;
	wicket_list topics;         /* wicket_next_topic; SUBSCRIBED, UNSUBSCRIBED, DENIED */
	unsigned long long dropped; /* events lost before this one */
	wicket_text decider;        /* CONNECTED, REFUSED: the plugin that said so, or empty */
	wicket_list attributes;     /* wicket_next_property; CONNECTED */
	unsigned action;            /* DENIED: WICKET_PUBLISH or WICKET_SUBSCRIBE */
} wicket_event;

enum {
	WICKET_EVENT_CONNECTED = 1, WICKET_EVENT_DISCONNECTED, WICKET_EVENT_REFUSED, /* a CONNECT was answered by a denial */
	WICKET_EVENT_SUBSCRIBED, WICKET_EVENT_UNSUBSCRIBED, WICKET_EVENT_DENIED      /* a PUBLISH or SUBSCRIBE was not permitted */
};

/* The name of a kind of events, as the operator writes it; empty for one that this header does not know. */
static inline const char *wicket_event_name(unsigned kind) {
	static const char *const names[] = {"", "connected", "disconnected", "refused", "subscribed", "unsubscribed", "denied"};
	return kind < sizeof names / sizeof *names ? names[kind] : "";
}

static inline _Bool wicket__read_property(wicket_text t, wicket_property *m) {
	*m = (wicket_property){0};
	wicket__reader r = wicket__read(t);
	while (wicket__next(&r)) {
		if (r.num == 1) m->key = wicket__bytes(&r);
		else if (r.num == 2) m->value = wicket__bytes(&r);
	}
	return !r.bad;
}

static inline _Bool wicket__read_file(wicket_text t, wicket_file *m) {
	*m = (wicket_file){0};
	wicket__reader r = wicket__read(t);
	while (wicket__next(&r)) {
		if (r.num == 1) m->key = wicket__bytes(&r);
		else if (r.num == 2) m->path = wicket__bytes(&r);
		else if (r.num == 3) m->content = wicket__bytes(&r);
	}
	return !r.bad;
}

static inline _Bool wicket__read_topic(wicket_text t, wicket_topic *m) {
	*m = (wicket_topic){0};
	wicket__reader r = wicket__read(t);
	while (wicket__next(&r)) {
		switch (r.num) {
		case 1: m->topic = wicket__bytes(&r); break;
		case 2: m->qos = wicket__u32(&r); break;
		case 3: m->retain = wicket__bool(&r); break;
		case 4: m->share = wicket__bytes(&r); break;
		}
	}
	return !r.bad;
}

/* wicket__element takes the next element of a list, whose fields are known to be well-formed. */
static inline int wicket__element(wicket_list *l, wicket__reader *r) {
	*r = wicket__read(l->message);
	while (l->count && wicket__next(r)) {
		if (r->num != l->num) continue;
		l->message = (wicket_text){(const char *)r->at, (unsigned)(r->end - r->at)};
		l->count--;
		return 1;
	}
	return 0;
}

static inline int wicket_next_text(wicket_list *l, wicket_text *v) {
	wicket__reader r;
	if (!wicket__element(l, &r)) return 0;
	*v = r.data;
	return 1;
}
static inline int wicket_next_number(wicket_list *l, unsigned *v) {
	wicket__reader r;
	if (!wicket__element(l, &r)) return 0;
	*v = (unsigned)r.n;
	return 1;
}
static inline int wicket_next_property(wicket_list *l, wicket_property *v) {
	wicket_text t;
	return wicket_next_text(l, &t) && wicket__read_property(t, v);
}
static inline int wicket_next_file(wicket_list *l, wicket_file *v) {
	wicket_text t;
	return wicket_next_text(l, &t) && wicket__read_file(t, v);
}
static inline int wicket_next_topic(wicket_list *l, wicket_topic *v) {
	wicket_text t;
	return wicket_next_text(l, &t) && wicket__read_topic(t, v);
}

/* wicket__count notes an element of a repeated field, which is known to be well-formed or not. */
static inline void wicket__count(wicket__reader *r, wicket_list *l, wicket_text message, _Bool ok) {
	if (!ok) wicket__fail(r);
	l->message = message;
	l->num = r->num;
	l->count++;
}

static inline void wicket__count_number(wicket__reader *r, wicket_list *l, wicket_text message) {
	wicket__u32(r);
	wicket__count(r, l, message, !r->bad);
}

static inline void wicket__count_property(wicket__reader *r, wicket_list *l, wicket_text message) {
	wicket_property p;
	wicket__count(r, l, message, wicket__read_property(wicket__bytes(r), &p));
}

static inline _Bool wicket__read_load(wicket_text t, wicket_load *m) {
	*m = (wicket_load){0};
	wicket_file file;
	wicket__reader r = wicket__read(t);
	while (wicket__next(&r)) {
		switch (r.num) {
		case 1: m->plugin = wicket__bytes(&r); break;
		case 2: m->config = wicket__bytes(&r); break;
		case 3: wicket__count(&r, &m->files, t, wicket__read_file(wicket__bytes(&r), &file)); break;
		case 4: m->features = wicket__u64(&r); break;
		case 5: m->abi_minor = wicket__u32(&r); break;
		case 6: wicket__count(&r, &m->upstreams, t, r.type == 2); break;
		}
	}
	return !r.bad;
}

static inline _Bool wicket__read_proxy(wicket_text t, wicket_proxy *m) {
	*m = (wicket_proxy){0};
	wicket__reader r = wicket__read(t);
	while (wicket__next(&r)) {
		switch (r.num) {
		case 1: m->version = wicket__u32(&r); break;
		case 2: m->source = wicket__bytes(&r); break;
		case 3: m->destination = wicket__bytes(&r); break;
		case 4: m->common_name = wicket__bytes(&r); break;
		case 5: m->verified = wicket__bool(&r); break;
		case 6: m->via = wicket__bytes(&r); break;
		case 7: m->server_name = wicket__bytes(&r); break;
		case 8: m->alpn = wicket__bytes(&r); break;
		case 9: m->tls_version = wicket__bytes(&r); break;
		case 10: m->cipher = wicket__bytes(&r); break;
		}
	}
	return !r.bad;
}

static inline _Bool wicket__read_tls(wicket_text t, wicket_tls *m) {
	*m = (wicket_tls){0};
	wicket__reader r = wicket__read(t);
	while (wicket__next(&r)) {
		switch (r.num) {
		case 1: m->version = wicket__bytes(&r); break;
		case 2: m->suite = wicket__bytes(&r); break;
		case 3: m->sni = wicket__bytes(&r); break;
		case 4: m->alpn = wicket__bytes(&r); break;
		case 5: m->resumed = wicket__bool(&r); break;
		case 6: m->psk_identity = wicket__bytes(&r); break;
		case 7: m->certificate_presented = wicket__bool(&r); break;
		case 8: m->certificate_verified = wicket__bool(&r); break;
		case 9: m->common_name = wicket__bytes(&r); break;
		case 10: m->subject = wicket__bytes(&r); break;
		case 11: wicket__count(&r, &m->san, t, r.type == 2); break;
		case 12: m->fingerprint = wicket__bytes(&r); break;
		case 13: m->serial = wicket__bytes(&r); break;
		}
	}
	return !r.bad;
}

static inline _Bool wicket__read_will(wicket_text t, wicket_will *m) {
	*m = (wicket_will){0};
	wicket__reader r = wicket__read(t);
	while (wicket__next(&r)) {
		if (r.num == 1) m->topic = wicket__bytes(&r);
		else if (r.num == 2) m->qos = wicket__u32(&r);
		else if (r.num == 3) m->retain = wicket__bool(&r);
	}
	return !r.bad;
}

static inline _Bool wicket__read_connect(wicket_text t, wicket_connect *m) {
	*m = (wicket_connect){0};
	wicket__reader r = wicket__read(t);
	while (wicket__next(&r)) {
		switch (r.num) {
		case 1: m->client_id = wicket__bytes(&r); break;
		case 2: m->username = wicket__bytes(&r); break;
		case 3: m->password = wicket__bytes(&r); break;
		case 4: m->protocol = wicket__u32(&r); break;
		case 5: m->clean_start = wicket__bool(&r); break;
		case 6: m->keepalive = wicket__u32(&r); break;
		case 7: m->session_expiry = wicket__u32(&r); break;
		case 8: m->listener = wicket__bytes(&r); break;
		case 9: m->transport = wicket__bytes(&r); break;
		case 10: m->peer = wicket__bytes(&r); break;
		case 11:
			if (!wicket__read_proxy(wicket__bytes(&r), &m->proxy)) wicket__fail(&r);
			m->has_proxy = 1;
			break;
		case 12:
			if (!wicket__read_tls(wicket__bytes(&r), &m->tls)) wicket__fail(&r);
			m->has_tls = 1;
			break;
		case 13: wicket__count_property(&r, &m->attributes, t); break;
		case 14: m->auth_method = wicket__bytes(&r); break;
		case 15: m->auth_data = wicket__bytes(&r); break;
		case 16:
			if (!wicket__read_will(wicket__bytes(&r), &m->will)) wicket__fail(&r);
			m->has_will = 1;
			break;
		case 17: wicket__count_property(&r, &m->user_properties, t); break;
		case 18: m->has_username = wicket__bool(&r); break;
		case 19: m->has_password = wicket__bool(&r); break;
		case 20: m->connect_username = wicket__bytes(&r); break;
		case 21: m->connect_client_id = wicket__bytes(&r); break;
		case 22: m->reauthenticate = wicket__bool(&r); break;
		}
	}
	return !r.bad;
}

static inline _Bool wicket__read_auth(wicket_text t, wicket_auth *m) {
	*m = (wicket_auth){0};
	wicket__reader r = wicket__read(t);
	while (wicket__next(&r)) {
		switch (r.num) {
		case 1: m->exchange = wicket__u64(&r); break;
		case 2: m->auth_method = wicket__bytes(&r); break;
		case 3: m->auth_data = wicket__bytes(&r); break;
		case 4: m->ended = wicket__bool(&r); break;
		}
	}
	return !r.bad;
}

static inline _Bool wicket__read_hello(wicket_text t, wicket_hello *m) {
	*m = (wicket_hello){0};
	wicket__reader r = wicket__read(t);
	while (wicket__next(&r)) {
		switch (r.num) {
		case 1: m->listener = wicket__bytes(&r); break;
		case 2: m->peer = wicket__bytes(&r); break;
		case 3:
			if (!wicket__read_proxy(wicket__bytes(&r), &m->proxy)) wicket__fail(&r);
			m->has_proxy = 1;
			break;
		case 4: m->server_name = wicket__bytes(&r); break;
		case 5: wicket__count(&r, &m->alpn, t, r.type == 2); break;
		case 6: wicket__count_number(&r, &m->versions, t); break;
		case 7: wicket__count_number(&r, &m->suites, t); break;
		case 8: wicket__count_number(&r, &m->extensions, t); break;
		case 9: wicket__count_number(&r, &m->groups, t); break;
		case 10: wicket__count_number(&r, &m->signature_schemes, t); break;
		case 11: m->ja4 = wicket__bytes(&r); break;
		}
	}
	return !r.bad;
}

static inline _Bool wicket__read_access(wicket_text t, wicket_access *m) {
	*m = (wicket_access){0};
	wicket_topic topic;
	wicket__reader r = wicket__read(t);
	while (wicket__next(&r)) {
		switch (r.num) {
		case 1: m->client_id = wicket__bytes(&r); break;
		case 2: m->username = wicket__bytes(&r); break;
		case 3: wicket__count_property(&r, &m->attributes, t); break;
		case 4: m->action = wicket__u32(&r); break;
		case 5: wicket__count(&r, &m->topics, t, wicket__read_topic(wicket__bytes(&r), &topic)); break;
		case 6: m->listener = wicket__bytes(&r); break;
		case 7: m->peer = wicket__bytes(&r); break;
		}
	}
	return !r.bad;
}

static inline _Bool wicket__read_event(wicket_text t, wicket_event *m) {
	*m = (wicket_event){0};
	wicket_topic topic;
	wicket__reader r = wicket__read(t);
	while (wicket__next(&r)) {
		switch (r.num) {
		case 1: m->kind = wicket__u32(&r); break;
		case 2: m->time_ms = wicket__u64(&r); break;
		case 3: m->client_id = wicket__bytes(&r); break;
		case 4: m->username = wicket__bytes(&r); break;
		case 5: m->listener = wicket__bytes(&r); break;
		case 6: m->peer = wicket__bytes(&r); break;
		case 7: m->reason = wicket__u32(&r); break;
		case 8: m->reason_text = wicket__bytes(&r); break;
		case 9: wicket__count(&r, &m->topics, t, wicket__read_topic(wicket__bytes(&r), &topic)); break;
		case 10: m->dropped = wicket__u64(&r); break;
		case 11: m->decider = wicket__bytes(&r); break;
		case 12: wicket__count_property(&r, &m->attributes, t); break;
		case 13: m->action = wicket__u32(&r); break;
		}
	}
	return !r.bad;
}

/* ---- Writing messages ---------------------------------------------------- */

/* A message under construction. What does not fit its buffer makes it bad for good. */
typedef struct {
	unsigned char *at;
	unsigned len, cap;
	unsigned open; /* where the text of the field that wicket_add continues begins, or 0 */
	int code;      /* of a verdict */
	_Bool bad;
} wicket_message;

static unsigned char wicket__verdict_space[WICKET_VERDICT];
static unsigned char wicket__call_space[WICKET_CALL];
static unsigned char wicket__line_space[4 << 10];

static inline void wicket__byte(wicket_message *m, unsigned char c) {
	if (m->len < m->cap) m->at[m->len++] = c;
	else m->bad = 1;
}

/*
 * What copies is not inlined: where clang 14 sees how a local array was filled, byte
 * by byte in a loop, and copied, its MemCpyOpt leaves most of the copy out.
 */
#define WICKET__COPIES static inline __attribute__((noinline))

WICKET__COPIES void wicket__put(wicket_message *m, wicket_text t) {
	if (t.len > m->cap - m->len) {
		m->bad = 1;
		return;
	}
	for (unsigned i = 0; i < t.len; i++) m->at[m->len + i] = (unsigned char)t.data[i];
	m->len += t.len;
}

static inline void wicket__put_varint(wicket_message *m, unsigned long long v) {
	for (; v >= 0x80; v >>= 7) wicket__byte(m, (unsigned char)(v | 0x80));
	wicket__byte(m, (unsigned char)v);
}

static inline void wicket__put_number(wicket_message *m, unsigned num, unsigned long long v) {
	m->open = 0;
	wicket__put_varint(m, num << 3);
	wicket__put_varint(m, v);
}

static inline void wicket__put_bytes(wicket_message *m, unsigned num, wicket_text t) {
	m->open = 0;
	wicket__put_varint(m, num << 3 | 2);
	wicket__put_varint(m, t.len);
	wicket__put(m, t);
}

static inline unsigned wicket__size(unsigned long long v) {
	unsigned n = 1;
	while (v >>= 7) n++;
	return n;
}

static inline void wicket__put_property(wicket_message *m, unsigned num, wicket_text key, wicket_text value) {
	m->open = 0;
	wicket__put_varint(m, num << 3 | 2);
	wicket__put_varint(m, 2ull + wicket__size(key.len) + key.len + wicket__size(value.len) + value.len);
	wicket__put_bytes(m, 1, key);
	wicket__put_bytes(m, 2, value);
}

/* wicket__begin opens a field for wicket_add: its length has five bytes, of which the first may be needless. */
static inline void wicket__begin(wicket_message *m, unsigned num, wicket_text t) {
	wicket__put_varint(m, num << 3 | 2);
	for (int i = 0; i < 5; i++) wicket__byte(m, 0);
	m->open = m->len;
	wicket__put(m, t);
}

static inline void wicket__measure(wicket_message *m) {
	if (m->bad || !m->open || m->at == wicket__line_space) return;
	unsigned size = m->len - m->open;
	for (unsigned i = 0; i < 5; i++, size >>= 7) m->at[m->open - 5 + i] = (unsigned char)((size & 0x7f) | (i < 4 ? 0x80 : 0));
}

static inline void wicket__add(wicket_message *m, wicket_text t) {
	if (!m->open) m->bad = 1; /* there is nothing to continue */
	wicket__put(m, t);
	wicket__measure(m);
}

/* Continues the text that was begun last: a line, a reason text, a path or a body. */
#define wicket_add(m, text) wicket__add(m, WICKET_TEXT(text))

static inline void wicket_add_number(wicket_message *m, long long v) {
	unsigned long long n = v < 0 ? 0 - (unsigned long long)v : (unsigned long long)v, unit = 1;
	if (v < 0) wicket__byte(m, '-');
	while (n / unit >= 10) unit *= 10;
	for (; unit; unit /= 10) wicket__byte(m, (unsigned char)('0' + n / unit % 10));
	wicket_add(m, "");
}

/* Percent-encodes what is not an unreserved character (RFC 3986 section 2.3), for a path segment, a query or a form. */
#define wicket_add_escaped(m, text) wicket__add_escaped(m, WICKET_TEXT(text))
static inline void wicket__add_escaped(wicket_message *m, wicket_text t) {
	for (unsigned i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.data[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~') {
			wicket__byte(m, c);
			continue;
		}
		wicket__byte(m, '%');
		wicket__byte(m, (unsigned char)"0123456789ABCDEF"[c >> 4]);
		wicket__byte(m, (unsigned char)"0123456789ABCDEF"[c & 15]);
	}
	wicket_add(m, "");
}

/* Adds a text as a JSON string with its quotes (RFC 8259 section 7). */
#define wicket_add_json(m, text) wicket__add_json(m, WICKET_TEXT(text))
static inline void wicket__add_json(wicket_message *m, wicket_text t) {
	wicket__byte(m, '"');
	for (unsigned i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.data[i];
		if (c < ' ' || c == 0x7f) {
			wicket__put(m, (wicket_text){"\\u00", 4});
			wicket__byte(m, (unsigned char)"0123456789abcdef"[c >> 4]);
			wicket__byte(m, (unsigned char)"0123456789abcdef"[c & 15]);
			continue;
		}
		if (c == '"' || c == '\\') wicket__byte(m, '\\');
		wicket__byte(m, c);
	}
	wicket_add(m, "\"");
}

/* A line to put together with wicket_add, for wicket_log(level, wicket_string(&line)). It is cut at 4 KiB. */
#define wicket_line(text) wicket__line(WICKET_TEXT(text))
static inline wicket_message wicket__line(wicket_text t) {
	wicket_message m = {.at = wicket__line_space, .cap = sizeof wicket__line_space, .open = 1};
	wicket__put(&m, t);
	return m;
}
static inline wicket_text wicket_string(const wicket_message *line) { return (wicket_text){(const char *)line->at, line->len}; }

/* ---- Verdicts ------------------------------------------------------------ */

/* Begins a verdict with WICKET_DENY, WICKET_ALLOW or WICKET_NEXT. It ends the one before it. */
static inline wicket_message wicket_verdict(int code) {
	return (wicket_message){.at = wicket__verdict_space, .cap = sizeof wicket__verdict_space, .code = code};
}

/* Answers a request; a request that was answered already, or too late, is not touched. Returns WICKET_PENDING. */
static inline int wicket_answer(wicket_request req, const wicket_message *v) {
	if (!req) return WICKET_PENDING;
	if (v->bad) {
		wicket_log(WICKET_ERROR, "the verdict is larger than WICKET_VERDICT, or was put together wrongly");
		wicket__host_resolve(req, WICKET_DENY, "\x08\x83\x01", 3);
	} else if (wicket__host_resolve(req, v->code, v->at, v->len) == -3) {
		wicket_log(WICKET_ERROR, "the host could not read the verdict");
	}
	return WICKET_PENDING;
}

static inline void wicket_reason(wicket_message *v, unsigned code) { wicket__put_number(v, 1, code); }
static inline void wicket_superuser(wicket_message *v) { wicket__put_number(v, 3, 1); }
/* What holds when no rule matches: WICKET_DENY unless said otherwise; WICKET_NEXT asks the plugins each time. */
static inline void wicket_default(wicket_message *v, int code) { wicket__put_number(v, 5, (unsigned)code); }
/* How long an answer to an access may be cached; negative: not at all, 0: as the host likes. */
static inline void wicket_ttl(wicket_message *v, long long milliseconds) { wicket__put_number(v, 6, (unsigned long long)milliseconds); }
/* When the client is disconnected, in Unix seconds; a time before 1970 has passed long ago. */
static inline void wicket_expire_at(wicket_message *v, long long unix) { wicket__put_number(v, 7, unix > 0 ? (unsigned long long)unix : 1); }
/* Answers one topic of an access; called once for each, in order. */
static inline void wicket_topic_code(wicket_message *v, int code) { wicket__put_number(v, 15, (unsigned)code); }

/* The reason string that an MQTT 5.0 client is shown; wicket_add continues it. */
#define wicket_reason_text(v, text) wicket__begin_measured(v, 2, WICKET_TEXT(text))
/* An attribute of the client: rules may use it as ${client_attrs.KEY}. */
#define wicket_attribute(v, key, value) wicket__put_property(v, 8, WICKET_TEXT(key), WICKET_TEXT(value))
#define wicket_user_property(v, key, value) wicket__put_property(v, 11, WICKET_TEXT(key), WICKET_TEXT(value))
#define wicket_username(v, text) wicket__put_bytes(v, 9, WICKET_TEXT(text))
#define wicket_client_id(v, text) wicket__put_bytes(v, 10, WICKET_TEXT(text))
/* Goes with the CONNACK, or the AUTH that ends a re-authentication, to a client with an authentication method. */
#define wicket_auth_data(v, data) wicket__put_bytes(v, 12, WICKET_TEXT(data))
#define wicket_mountpoint(v, text) wicket__put_bytes(v, 14, WICKET_TEXT(text))

static inline void wicket__begin_measured(wicket_message *m, unsigned num, wicket_text t) {
	wicket__begin(m, num, t);
	wicket__measure(m);
}

/*
 * A rule: actions are WICKET_PUBLISH and WICKET_SUBSCRIBE, qos bits 1, 2 and 4
 * for QoS 0, 1 and 2, retain 1 only retained and 2 only not retained; 0 is any.
 */
typedef struct { _Bool permit; unsigned actions; wicket_text filter; unsigned qos, retain; _Bool exact; } wicket_rule;

/* Adds a rule. The first that matches decides. */
static inline void wicket_add_rule(wicket_message *v, wicket_rule r) {
	unsigned char space[16];
	wicket_message tail = {.at = space, .cap = sizeof space};
	if (r.qos) wicket__put_number(&tail, 4, r.qos);
	if (r.retain) wicket__put_number(&tail, 5, r.retain);
	if (r.exact) wicket__put_number(&tail, 6, 1);
	v->open = 0;
	wicket__put_varint(v, 4 << 3 | 2);
	wicket__put_varint(v, 2ull + 1 + wicket__size(r.actions) + 1 + wicket__size(r.filter.len) + r.filter.len + tail.len);
	wicket__put_number(v, 1, r.permit);
	wicket__put_number(v, 2, r.actions);
	wicket__put_bytes(v, 3, r.filter);
	wicket__put(v, (wicket_text){(const char *)space, tail.len});
}
#define wicket_permit(v, what, text) wicket_add_rule(v, (wicket_rule){.permit = 1, .actions = (what), .filter = WICKET_TEXT(text)})
#define wicket_forbid(v, what, text) wicket_add_rule(v, (wicket_rule){.actions = (what), .filter = WICKET_TEXT(text)})

/* Caps of the session; 0 keeps the host's. */
static inline void wicket_limits(wicket_message *v, unsigned packet_size, unsigned inflight, unsigned subscriptions) {
	v->open = 0;
	wicket__put_varint(v, 13 << 3 | 2);
	wicket__put_varint(v, 3 + wicket__size(packet_size) + wicket__size(inflight) + wicket__size(subscriptions));
	wicket__put_number(v, 1, packet_size);
	wicket__put_number(v, 2, inflight);
	wicket__put_number(v, 3, subscriptions);
}

/* ---- Host calls ---------------------------------------------------------- */

typedef struct {
	unsigned status;
	wicket_list headers; /* wicket_next_property */
	wicket_text body;
} wicket_response;

static inline _Bool wicket__read_response(wicket_text t, wicket_response *m) {
	wicket__reader r = wicket__read(t);
	while (wicket__next(&r)) {
		if (r.num == 1) m->status = wicket__u32(&r);
		else if (r.num == 2) wicket__count_property(&r, &m->headers, t);
		else if (r.num == 3) m->body = wicket__bytes(&r);
	}
	return !r.bad;
}

/* What the host has found out about a token. */
typedef struct {
	wicket_text header, claims; /* WICKET_OK: JSON objects */
	_Bool unknown_key;          /* WICKET_MISMATCH: the slot has no key that the token can mean; a newer set may */
} wicket_jwt;

static inline _Bool wicket__read_jwt(wicket_text t, wicket_jwt *m) {
	wicket__reader r = wicket__read(t);
	while (wicket__next(&r)) {
		if (r.num == 1) m->header = wicket__bytes(&r);
		else if (r.num == 2) m->claims = wicket__bytes(&r);
		else if (r.num == 3) m->unknown_key = wicket__bool(&r);
	}
	return !r.bad;
}

/* How a call has ended. */
typedef struct {
	wicket_request req;
	int status;       /* WICKET_OK and so on */
	wicket_text why;  /* a sentence of the host, when it failed */
	const void *state; /* the copy of what was given to the call */
	wicket_response http; /* when status is WICKET_OK, of wicket_send */
	wicket_jwt jwt;       /* when status is WICKET_OK or WICKET_MISMATCH, of wicket_verify_jwt */
} wicket_result;

/* Returns a code as a handler does; a call may be started again. */
typedef int (*wicket_callback)(const wicket_result *);

enum { WICKET__PASSWORD, WICKET__HTTP, WICKET__JWT, WICKET__EXCHANGE };

typedef struct {
	long long id; /* of a call; negative: of an exchange; 0: free */
	wicket_request req;
	wicket_callback done;
	unsigned char kind;
	_Alignas(8) unsigned char state[WICKET_STATE];
} wicket__slot;

/* Open addressing by id, so that nothing is allocated. */
static wicket__slot wicket__slots[WICKET_CALLS];
static unsigned wicket__in_flight;

static inline unsigned wicket__home(long long id) {
	return (unsigned)(((unsigned long long)id * 0x9E3779B97F4A7C15ull) >> 32) & (WICKET_CALLS - 1);
}

static inline wicket__slot *wicket__find(long long id) {
	unsigned i = wicket__home(id);
	while (wicket__slots[i].id && wicket__slots[i].id != id) i = (i + 1) & (WICKET_CALLS - 1);
	return &wicket__slots[i];
}

/* wicket__release frees a slot and closes the gap that a search would stop at. */
static inline void wicket__release(wicket__slot *s) {
	unsigned gap = (unsigned)(s - wicket__slots), i = gap;
	for (;;) {
		i = (i + 1) & (WICKET_CALLS - 1);
		if (!wicket__slots[i].id) break;
		unsigned home = wicket__home(wicket__slots[i].id);
		if (((i - home) & (WICKET_CALLS - 1)) < ((i - gap) & (WICKET_CALLS - 1))) continue;
		wicket__slots[gap] = wicket__slots[i];
		gap = i;
	}
	wicket__slots[gap].id = 0;
	wicket__in_flight--;
}

WICKET__COPIES void wicket__copy(unsigned char *to, const void *from, unsigned n) {
	for (unsigned i = 0; i < n; i++) to[i] = ((const unsigned char *)from)[i];
}

static inline void wicket__wipe(unsigned char *p, unsigned n) {
	for (volatile unsigned char *v = p; n--; v++) *v = 0;
}

/* wicket__may_start returns 0, or why a call with this message and state is not begun. */
static inline long long wicket__may_start(_Bool bad, unsigned size) {
	if (bad || size > WICKET_STATE) return WICKET_MALFORMED_CALL;
	return wicket__in_flight < WICKET_CALLS - WICKET_CALLS / 4 ? 0 : WICKET_BUSY;
}

static inline wicket__slot *wicket__keep(long long id, wicket_request req, unsigned char kind, wicket_callback done, const void *state, unsigned size) {
	wicket__slot *s = wicket__find(id);
	if (!s->id) wicket__in_flight++;
	*s = (wicket__slot){.id = id, .req = req, .done = done, .kind = kind};
	wicket__copy(s->state, state, size);
	return s;
}

/* wicket__started goes on when the call has ended. One that did not begin ends at once, in the same callback. */
static inline int wicket__started(long long id, wicket_request req, unsigned char kind, wicket_callback done, const void *state, unsigned size) {
	if (id <= 0) {
		wicket_result r = {.req = req, .status = id < 0 ? (int)id : WICKET_FAILED, .state = state};
		return done(&r);
	}
	wicket__keep(id, req, kind, done, state, size);
	return WICKET_PENDING;
}

static inline wicket_message wicket__call(void) {
	return (wicket_message){.at = wicket__call_space, .cap = sizeof wicket__call_space};
}

/* A request to an upstream, such as ("GET", "auth", "/check?client="); wicket_add continues the path. */
#define wicket_http(method, upstream, path) wicket__http(WICKET_TEXT(method), WICKET_TEXT(upstream), WICKET_TEXT(path))
static inline wicket_message wicket__http(wicket_text method, wicket_text upstream, wicket_text path) {
	wicket_message m = wicket__call();
	wicket__put_bytes(&m, 1, upstream);
	if (!wicket__equal(method, (wicket_text){"GET", 3})) wicket__put_bytes(&m, 2, method);
	wicket__begin_measured(&m, 3, path);
	return m;
}
#define wicket_header(m, name, value) wicket__put_property(m, 4, WICKET_TEXT(name), WICKET_TEXT(value))
/* Begins the body; wicket_add continues it. */
#define wicket_body(m, text) wicket__begin_measured(m, 5, WICKET_TEXT(text))
static inline void wicket_timeout(wicket_message *m, unsigned milliseconds) { wicket__put_number(m, 6, milliseconds); }

/*
 * Asks an upstream; needs the grant "http". The callback hears of the answer, or
 * of the failure, with a copy of the state. Its result, and that of this function,
 * is for the handler to return. With the request 0, from a timer, an event or the
 * load, it asks on behalf of nobody, and what the callback returns means nothing.
 */
static inline int wicket_send(wicket_request req, wicket_message *m, wicket_callback done, const void *state, unsigned size) {
	long long id = wicket__may_start(m->bad, size);
	if (!id) id = wicket__host_http_send(req, m->at, m->len);
	wicket__wipe(m->at, m->len);
	return wicket__started(id, req, WICKET__HTTP, done, state, size);
}

/* Verifies a password on the host's workers; needs the grant "password". It ends with WICKET_OK or WICKET_MISMATCH. */
#define wicket_verify_password(req, hash, password, done, state, size) \
	wicket__verify_password(req, WICKET_TEXT(hash), password, done, state, size)
static inline int wicket__verify_password(wicket_request req, wicket_text hash, wicket_text password, wicket_callback done, const void *state, unsigned size) {
	wicket_message m = wicket__call();
	wicket__put_bytes(&m, 1, hash);
	wicket__put_bytes(&m, 2, password);
	long long id = wicket__may_start(m.bad, size);
	if (!id) id = wicket__host_password_verify(req, m.at, m.len);
	wicket__wipe(m.at, m.len);
	return wicket__started(id, req, WICKET__PASSWORD, done, state, size);
}

/* What a status means, for the log. */
static inline const char *wicket_status_text(int status) {
	switch (status) {
	case WICKET_FULL: return "there is no room for the value";
	case WICKET_NOT_GRANTED: return "the operator has not granted this to the plugin";
	case WICKET_BUSY: case WICKET_REFUSED: return "too many calls in flight";
	case WICKET_TIMEOUT: return "the call took too long";
	case WICKET_MALFORMED_CALL: case WICKET_MALFORMED: return "the broker could not read the request";
	}
	return "the call failed";
}

/* Denies with Server unavailable because the plugin could not decide, and logs why, as it does for the request 0. Returns WICKET_PENDING. */
#define wicket_deny_failed(req, why) wicket__deny_failed(req, WICKET_TEXT(why))
static inline int wicket__deny_failed(wicket_request req, wicket_text why) {
	wicket__log(WICKET_ERROR, why);
	wicket_message v = wicket_verdict(WICKET_DENY);
	wicket_reason(&v, WICKET_UNAVAILABLE);
	return wicket_answer(req, &v);
}

/* The same for a call that has failed. */
static inline int wicket_call_failed(const wicket_result *r) {
	wicket_message line = wicket_line(wicket_status_text(r->status));
	if (r->why.len) wicket_add(&line, ": ");
	wicket_add(&line, r->why);
	return wicket__deny_failed(r->req, wicket_string(&line));
}

/* ---- Tokens: the grant "jwt" ---------------------------------------------- */

/* Begins keys for wicket_set_keys with an algorithm that tokens may have, such as "RS256" or "EdDSA". */
#define wicket_keys(algorithm) wicket__keys(WICKET_TEXT(algorithm))
static inline wicket_message wicket__keys(wicket_text algorithm) {
	wicket_message m = wicket__call();
	wicket__put_bytes(&m, 1, algorithm);
	return m;
}
/* One more algorithm. A key verifies only those of its own type. */
#define wicket_algorithm(m, name) wicket__put_bytes(m, 1, WICKET_TEXT(name))
/* A JSON Web Key Set (RFC 7517 section 5), such as the body of an answer. */
#define wicket_jwks(m, json) wicket__put_bytes(m, 2, WICKET_TEXT(json))
/* Public keys or certificates in PEM. */
#define wicket_pem(m, text) wicket__put_bytes(m, 3, WICKET_TEXT(text))
/* The secret of HS256, HS384 and HS512. */
#define wicket_secret(m, bytes) wicket__put_bytes(m, 4, WICKET_TEXT(bytes))

/*
 * Puts the keys into a slot of this instance, 0 to 15, in place of what was there;
 * also in WICKET_LOAD. 0, or WICKET_MALFORMED_CALL. A positive number: the keys cannot
 * be used, and the slot keeps what it has; why is a sentence of that length, which is
 * written when cap is large enough.
 */
static inline int wicket_set_keys(int slot, wicket_message *m, char *why, unsigned cap) {
	int done = m->bad ? WICKET_MALFORMED_CALL : wicket__host_jwt_keys(slot, m->at, m->len, why, cap);
	wicket__wipe(m->at, m->len);
	return done;
}

/*
 * Verifies the signature of a token, a JWS in compact form (RFC 7515 section 3.1), by
 * the keys of a slot. It ends with WICKET_OK, WICKET_MISMATCH: no key of the slot has
 * signed it, or WICKET_MALFORMED: it is no token. What the claims say, and until when,
 * is for the plugin to judge: wicket_json reads them.
 */
#define wicket_verify_jwt(req, slot, token, done, state, size) wicket__verify_jwt(req, slot, WICKET_TEXT(token), done, state, size)
static inline int wicket__verify_jwt(wicket_request req, int slot, wicket_text token, wicket_callback done, const void *state, unsigned size) {
	long long id = wicket__may_start(0, size);
	if (!id) id = wicket__host_jwt_verify(req, slot, token.data, token.len);
	return wicket__started(id, req, WICKET__JWT, done, state, size);
}

/* ---- Enhanced authentication (MQTT 5.0 section 4.12) ---------------------- */

/*
 * Sends data to a client with an authentication method. Its answer comes to
 * WICKET_AUTH_CONTINUE, under another request, with a copy of the state. exchange is
 * the request of the CONNECT that began; later it is wicket_auth.exchange. The result
 * is for the handler to return. The plugin needs WICKET_MINOR 3.
 */
#define wicket_continue(req, exchange, data, state, size) wicket__continue(req, exchange, WICKET_TEXT(data), state, size)
static inline int wicket__continue(wicket_request req, unsigned long long exchange, wicket_text data, const void *state, unsigned size) {
	long long why = wicket__may_start(0, size);
	if (why) return wicket_deny_failed(req, wicket_status_text((int)why));
	wicket_message v = wicket_verdict(WICKET_CONTINUE);
	wicket_auth_data(&v, data);
	if (v.bad) return wicket_answer(req, &v);
	wicket__slot *s = wicket__keep(-(long long)exchange, req, WICKET__EXCHANGE, 0, state, size);
	if (wicket__host_resolve(req, v.code, v.at, v.len)) wicket__release(s); /* the client is gone */
	return WICKET_PENDING;
}

/* wicket__resumed takes the state of an exchange; 0 when nobody waits for the client. */
static inline _Bool wicket__resumed(wicket_auth *m, wicket__slot *state) {
	long long id = (long long)m->exchange;
	wicket__slot *s = id > 0 ? wicket__find(-id) : 0;
	if (!s || !s->id) return 0;
	*state = *s;
	wicket__release(s);
	m->state = state->state;
	return 1;
}

/* ---- Keys and values: the grant "kv" ------------------------------------- */

/*
 * What the plugin keeps, for all its instances, until the process ends. Nothing
 * here waits. A key has 1 to 256 bytes, a value at most 64 KiB, and a ttl is in
 * milliseconds, where 0 is for good.
 */

/* Writes the value of a key when cap is large enough, and returns its length; -1 when there is none. */
#define wicket_kv_get(key, p, cap) wicket__kv_get(WICKET_TEXT(key), p, cap)
static inline int wicket__kv_get(wicket_text key, void *p, unsigned cap) { return wicket__host_kv_get(key.data, key.len, p, cap); }

/* 0, or WICKET_FULL: there is no room, which the operator bounds by kv.max_bytes, or WICKET_MALFORMED_CALL. */
#define wicket_kv_set(key, value, ttl) wicket__kv_set(WICKET_TEXT(key), WICKET_TEXT(value), ttl)
static inline int wicket__kv_set(wicket_text key, wicket_text value, long long ttl) {
	int done = wicket__host_kv_set(key.data, key.len, value.data, value.len, ttl);
	return done == -2 ? WICKET_FULL : done;
}

/*
 * Adds to a counter in one step, and tells the sum. A counter that is not there
 * begins at 0 and ends after its ttl, which later additions leave alone: a window
 * that begins with its first event. 0, or WICKET_FULL: there is no room, or the key
 * holds no counter.
 */
#define wicket_kv_add(key, delta, ttl, sum) wicket__kv_add(WICKET_TEXT(key), delta, ttl, sum)
static inline int wicket__kv_add(wicket_text key, long long delta, long long ttl, long long *sum) {
	long long n = wicket__host_kv_add(key.data, key.len, delta, ttl);
	if (n == -0x7fffffffffffffff - 1) return WICKET_FULL;
	*sum = n;
	return 0;
}

/* Whether there was such a key. */
#define wicket_kv_delete(key) wicket__kv_delete(WICKET_TEXT(key))
static inline _Bool wicket__kv_delete(wicket_text key) { return wicket__host_kv_delete(key.data, key.len) == 1; }

/* ---- Metrics: the grant "metrics" ---------------------------------------- */

enum { WICKET_COUNTER, WICKET_GAUGE, WICKET_HISTOGRAM };

/*
 * Begins a metric, such as (WICKET_COUNTER, "limited_total", "Clients limited."),
 * for wicket_define. Prometheus sees it as wicket_custom_NAME with the label plugin.
 */
#define wicket_metric(kind, name, help) wicket__metric(kind, WICKET_TEXT(name), WICKET_TEXT(help))
static inline wicket_message wicket__metric(unsigned kind, wicket_text name, wicket_text help) {
	wicket_message m = wicket__call();
	wicket__put_bytes(&m, 1, name);
	wicket__put_bytes(&m, 2, help);
	wicket__put_number(&m, 3, kind);
	return m;
}
#define wicket_label(m, name, value) wicket__put_property(m, 4, WICKET_TEXT(name), WICKET_TEXT(value))
/* An upper bound of a histogram, one above the other. */
static inline void wicket_bucket(wicket_message *m, unsigned long long bound) { wicket__put_number(m, 5, bound); }

/* Names the metric, in WICKET_LOAD as a rule. A negative id is one that the host has refused, and counts nothing. */
static inline int wicket_define(const wicket_message *m) {
	return m->bad ? WICKET_MALFORMED_CALL : wicket__host_metric_define(m->at, m->len);
}

/* Adds to a counter, where n is not negative, or a gauge. */
static inline void wicket_metric_add(int id, long long n) { wicket__host_metric_add(id, n); }
/* Sets a gauge. */
static inline void wicket_metric_set(int id, long long n) { wicket__host_metric_set(id, n); }
/* Counts a value of a histogram. */
static inline void wicket_metric_observe(int id, long long n) { wicket__host_metric_observe(id, n); }

/* ---- Timers: the grant "timers" ------------------------------------------ */

/* Belongs to the instance, as WICKET_TIMER is told. */
typedef long long wicket_timer;

/* Sets a timer that fires once, in 10 ms to 30 days. WICKET_BUSY: the instance has 1,024; or WICKET_MALFORMED_CALL. */
static inline wicket_timer wicket_after(long long milliseconds) { return wicket__host_timer_set(milliseconds, 0); }
/* The same for one that fires again and again, each time so long after the last. */
static inline wicket_timer wicket_every(long long milliseconds) { return wicket__host_timer_set(milliseconds, milliseconds); }
/* Keeps a timer from firing; 0 when there is no such timer any more. */
static inline _Bool wicket_stop(wicket_timer id) { return wicket__host_timer_cancel(id) == 0; }

/* ---- Disconnecting: the grant "disconnect" -------------------------------- */

/*
 * Disconnects a client, soon, if it is there and, where the user name is not empty,
 * has that name. Its session stays. The reason 0 is WICKET_ADMINISTRATIVE. 0, or
 * WICKET_BUSY: there have been 1,000 in a second, or WICKET_MALFORMED_CALL.
 */
#define wicket_disconnect(client_id, username, reason, text) \
	wicket__disconnect(WICKET_TEXT(client_id), WICKET_TEXT(username), reason, WICKET_TEXT(text))
static inline int wicket__disconnect(wicket_text client_id, wicket_text username, unsigned reason, wicket_text text) {
	wicket_message m = wicket__call();
	wicket__put_bytes(&m, 1, client_id);
	wicket__put_number(&m, 2, reason);
	wicket__put_bytes(&m, 3, text);
	wicket__put_bytes(&m, 4, username);
	return m.bad ? WICKET_MALFORMED_CALL : wicket__host_client_disconnect(m.at, m.len);
}

/* ---- JSON (RFC 8259) ----------------------------------------------------- */

static inline const char *wicket__space(const char *p, const char *end) {
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) p++;
	return p;
}

static inline int wicket__hex(char c) {
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* wicket__skip_rune returns where the UTF-8 character at p ends, or 0: no overlong form, no surrogate, nothing above U+10FFFF. */
static inline const char *wicket__skip_rune(const char *p, const char *end) {
	unsigned char c = (unsigned char)*p++;
	unsigned char low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80, high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
	if (c < 0x80) return p;
	if (c < 0xC2 || c > 0xF4) return 0;
	for (int more = c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3; more; more--, low = 0x80, high = 0xBF)
		if (p == end || (unsigned char)*p < low || (unsigned char)*p++ > high) return 0;
	return p;
}

static inline int wicket__hex4(const char *p, const char *end) {
	int code = 0;
	for (int i = 0; i < 4; i++, p++) {
		if (p >= end || wicket__hex(*p) < 0) return -1;
		code = code << 4 | wicket__hex(*p);
	}
	return code;
}

/* wicket__unit reads \uXXXX, or a pair of them, at p; -1 when it is half a pair. */
static inline int wicket__unit(const char **p, const char *end) {
	int code = wicket__hex4(*p + 2, end), low;
	if (code < 0 || (code >= 0xDC00 && code < 0xE000)) return -1;
	*p += 6;
	if (code < 0xD800 || code >= 0xDC00) return code;
	if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u') return -1;
	low = wicket__hex4(*p + 2, end);
	if (low < 0xDC00 || low >= 0xE000) return -1;
	*p += 6;
	return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
}

static inline const char *wicket__skip_string(const char *p, const char *end) {
	for (p++; p && p < end && (unsigned char)*p >= ' ';) {
		if (*p == '"') return p + 1;
		if (*p != '\\') {
			p = wicket__skip_rune(p, end);
			continue;
		}
		if (p + 1 == end) break;
		if (p[1] == 'u') {
			if (wicket__unit(&p, end) < 0) break;
			continue;
		}
		const char *known = "\"\\/bfnrt";
		while (*known && *known != p[1]) known++;
		if (!*known) break;
		p += 2;
	}
	return 0;
}

static inline const char *wicket__skip_digits(const char *p, const char *end) {
	const char *begin = p;
	while (p < end && *p >= '0' && *p <= '9') p++;
	return p > begin ? p : 0;
}

static inline const char *wicket__skip_number(const char *p, const char *end) {
	if (*p == '-' && ++p == end) return 0;
	if (*p == '0') p++;
	else if (!(p = wicket__skip_digits(p, end))) return 0;
	if (p < end && *p == '.' && !(p = wicket__skip_digits(p + 1, end))) return 0;
	if (p < end && (*p | 32) == 'e') {
		if (++p < end && (*p == '+' || *p == '-')) p++;
		p = wicket__skip_digits(p, end);
	}
	return p;
}

static inline const char *wicket__skip(const char *p, const char *end, int depth);

static inline const char *wicket__skip_list(const char *p, const char *end, int depth, _Bool object) {
	const char close = object ? '}' : ']';
	p = wicket__space(p + 1, end);
	if (p < end && *p == close) return p + 1;
	while (p < end && depth < 64) {
		if (object) {
			if (*p != '"' || !(p = wicket__skip_string(p, end))) return 0;
			p = wicket__space(p, end);
			if (p == end || *p++ != ':') return 0;
		}
		if (!(p = wicket__skip(p, end, depth + 1))) return 0;
		p = wicket__space(p, end);
		if (p == end) return 0;
		if (*p == close) return p + 1;
		if (*p != ',') return 0;
		p = wicket__space(p + 1, end);
	}
	return 0;
}

/* wicket__skip returns where the value at p ends, or 0 when it is not JSON. */
static inline const char *wicket__skip(const char *p, const char *end, int depth) {
	p = wicket__space(p, end);
	if (p == end) return 0;
	switch (*p) {
	case '"': return wicket__skip_string(p, end);
	case '{': return wicket__skip_list(p, end, depth, 1);
	case '[': return wicket__skip_list(p, end, depth, 0);
	}
	static const char *const words[] = {"true", "false", "null"};
	for (int i = 0; i < 3; i++) {
		wicket_text w = wicket__cstr(words[i]);
		if ((unsigned)(end - p) >= w.len && wicket__equal((wicket_text){p, w.len}, w)) return p + w.len;
	}
	return wicket__skip_number(p, end);
}

/*
 * Writes a JSON string without its quotes and escapes, UTF-8, when cap is large
 * enough, and returns its length; -1 when the value is not a string.
 */
static inline int wicket_json_string(wicket_text value, char *p, unsigned cap) {
	if (value.len < 2 || *value.data != '"' || wicket__skip_string(value.data, value.data + value.len) != value.data + value.len) return -1;
	unsigned n = 0;
#define WICKET__CHAR(c) (n < cap ? (void)(p[n] = (char)(c)) : (void)0, n++)
	for (const char *v = value.data + 1, *end = value.data + value.len - 1; v < end;) {
		unsigned c = (unsigned char)*v;
		if (c != '\\') {
			WICKET__CHAR(c);
			v++;
			continue;
		}
		c = (unsigned char)v[1];
		if (c != 'u') {
			WICKET__CHAR(c == 'b' ? '\b' : c == 'f' ? '\f' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : (char)c);
			v += 2;
			continue;
		}
		c = (unsigned)wicket__unit(&v, end);
		if (c < 0x80) WICKET__CHAR(c);
		else if (c < 0x800) WICKET__CHAR(0xC0 | c >> 6), WICKET__CHAR(0x80 | (c & 63));
		else if (c < 0x10000) WICKET__CHAR(0xE0 | c >> 12), WICKET__CHAR(0x80 | (c >> 6 & 63)), WICKET__CHAR(0x80 | (c & 63));
		else WICKET__CHAR(0xF0 | c >> 18), WICKET__CHAR(0x80 | (c >> 12 & 63)), WICKET__CHAR(0x80 | (c >> 6 & 63)), WICKET__CHAR(0x80 | (c & 63));
	}
#undef WICKET__CHAR
	return (int)n;
}

/*
 * Finds the value of a key of a JSON object: its JSON text, quotes included, which
 * may be searched in turn. Nothing is found in what two readers might understand
 * differently: a document that is not well-formed to its end or not UTF-8, a key
 * that comes twice, an object with escapes in its keys, more than 64 levels.
 */
#define wicket_json(object, key, value) wicket__json(object, WICKET_TEXT(key), value)
static inline _Bool wicket__json(wicket_text object, wicket_text key, wicket_text *value) {
	const char *p = object.data, *end = p + object.len;
	const char *after = p ? wicket__skip(p, end, 0) : 0;
	if (!after || wicket__space(after, end) != end) return 0;
	p = wicket__space(p, end);
	if (*p != '{') return 0;
	unsigned found = 0;
	for (p = wicket__space(p + 1, end); p < end && *p == '"';) {
		wicket_text k = {p + 1, 0};
		p = wicket__skip_string(p, end);
		k.len = (unsigned)(p - k.data) - 1;
		for (unsigned i = 0; i < k.len; i++)
			if (k.data[i] == '\\') return 0;
		const char *begin = wicket__space(wicket__space(p, end) + 1, end); /* after the colon */
		p = wicket__skip(begin, end, 1);
		if (wicket__equal(k, key)) {
			*value = (wicket_text){begin, (unsigned)(p - begin)};
			found++;
		}
		p = wicket__space(wicket__space(p, end) + 1, end); /* after the comma, or the object */
	}
	return found == 1;
}

/* ---- Exports ------------------------------------------------------------- */

static unsigned char *wicket__input;
static unsigned wicket__input_size;

WICKET__EXPORT(wicket_abi_v1) int wicket__abi(void) { return WICKET_MINOR; }

/* Whole pages of new memory, twice as many each time: what is given up is never more than what is in use. */
WICKET__EXPORT(wicket_buffer) void *wicket__buffer(unsigned min) {
	if (wicket__input && min <= wicket__input_size) return wicket__input;
	if (min > WICKET_BUFFER) return 0;
	unsigned size = wicket__input_size ? wicket__input_size : 64 << 10;
	while (size < min) size *= 2;
	unsigned long page = __builtin_wasm_memory_grow(0, size >> 16);
	if (page == (unsigned long)-1) return 0;
	wicket__input = (unsigned char *)(page << 16);
	wicket__input_size = size;
	return wicket__input;
}

/* wicket__event is a message of the host; one outside the input buffer is taken for malformed. */
static inline _Bool wicket__event(const void *p, unsigned n, wicket_text *t) {
	*t = (wicket_text){p, n};
	return n == 0 || (p == wicket__input && n <= wicket__input_size);
}

int wicket__on_load(const wicket_load *) __attribute__((weak));

WICKET__EXPORT(wicket_load) int wicket__export_load(const void *p, unsigned n) {
	wicket_load l;
	wicket_text t;
	if (!wicket__event(p, n, &t) || !wicket__read_load(t, &l)) {
		wicket_log(WICKET_ERROR, "cannot read the load event");
		return 1;
	}
	return wicket__on_load ? wicket__on_load(&l) : 0;
}

static inline int wicket__unreadable(void) {
	wicket_log(WICKET_ERROR, "cannot read the event");
	return -1;
}

WICKET__EXPORT(wicket_completed) void wicket__export_completed(long long id, int status, const void *p, unsigned n) {
	wicket__slot *found = id > 0 ? wicket__find(id) : 0;
	if (!found || !found->id) return;
	wicket__slot s = *found; /* the callback may start a call */
	wicket__release(found);
	wicket_result r = {.req = s.req, .status = status, .state = s.state};
	wicket_text t;
	_Bool ok = wicket__event(p, n, &t);
	if (ok && s.kind == WICKET__HTTP && status == WICKET_OK) ok = wicket__read_response(t, &r.http);
	else if (ok && s.kind == WICKET__JWT && (status == WICKET_OK || status == WICKET_MISMATCH)) ok = wicket__read_jwt(t, &r.jwt);
	else if (ok && status != WICKET_OK) r.why = t;
	if (!ok) r.status = WICKET_FAILED;
	int code = s.done(&r);
	if (code != WICKET_PENDING) {
		wicket_message v = wicket_verdict(code < 0 ? WICKET_DENY : code);
		if (code < 0) wicket_reason(&v, WICKET_UNAVAILABLE);
		wicket_answer(s.req, &v);
	}
}

/* Handlers. Only those that a plugin defines are exported, and asked. */

/* WICKET_LOAD(l) { ... return 0; }: anything but 0 refuses the plugin, and the last line logged says why. */
#define WICKET_LOAD(l) int wicket__on_load(const wicket_load *l)

/* WICKET_AUTHENTICATE(req, c) { ... return code; } */
#define WICKET_AUTHENTICATE(req, c) \
	static int wicket__on_authenticate(wicket_request req, const wicket_connect *c); \
	WICKET__EXPORT(wicket_authenticate) int wicket__export_authenticate(wicket_request id, const void *p, unsigned n) { \
		wicket_connect event; \
		wicket_text t; \
		if (!wicket__event(p, n, &t) || !wicket__read_connect(t, &event)) return wicket__unreadable(); \
		return wicket__on_authenticate(id, &event); \
	} \
	static int wicket__on_authenticate(wicket_request req, const wicket_connect *c)

/* WICKET_AUTHORIZE(req, a) { ... return code; } */
#define WICKET_AUTHORIZE(req, a) \
	static int wicket__on_authorize(wicket_request req, const wicket_access *a); \
	WICKET__EXPORT(wicket_authorize) int wicket__export_authorize(wicket_request id, const void *p, unsigned n) { \
		wicket_access event; \
		wicket_text t; \
		if (!wicket__event(p, n, &t) || !wicket__read_access(t, &event)) return wicket__unreadable(); \
		return wicket__on_authorize(id, &event); \
	} \
	static int wicket__on_authorize(wicket_request req, const wicket_access *a)

/* WICKET_AUTH_CONTINUE(req, a) { ... return code; }: a client answers to wicket_continue, or has left. */
#define WICKET_AUTH_CONTINUE(req, a) \
	static int wicket__on_auth_continue(wicket_request req, const wicket_auth *a); \
	WICKET__EXPORT(wicket_auth_continue) int wicket__export_auth_continue(wicket_request id, const void *p, unsigned n) { \
		wicket_auth event; \
		wicket_text t; \
		wicket__slot state; \
		if (!wicket__event(p, n, &t) || !wicket__read_auth(t, &event)) return wicket__unreadable(); \
		return wicket__resumed(&event, &state) ? wicket__on_auth_continue(id, &event) : WICKET_DENY; \
	} \
	static int wicket__on_auth_continue(wicket_request req, const wicket_auth *a)

/*
 * WICKET_CLIENT_HELLO(req, h) { ... return code; }: somebody begins a TLS handshake,
 * of which nothing is proven. Of a verdict only the code and the reason text, for the
 * log, count. There may be a flood of them: let it be short.
 */
#define WICKET_CLIENT_HELLO(req, h) \
	static int wicket__on_client_hello(wicket_request req, const wicket_hello *h); \
	WICKET__EXPORT(wicket_client_hello) int wicket__export_client_hello(wicket_request id, const void *p, unsigned n) { \
		wicket_hello event; \
		wicket_text t; \
		if (!wicket__event(p, n, &t) || !wicket__read_hello(t, &event)) return wicket__unreadable(); \
		return wicket__on_client_hello(id, &event); \
	} \
	static int wicket__on_client_hello(wicket_request req, const wicket_hello *h)

/* WICKET_EVENT(e) { ... }: something has happened, of a kind that the operator has named in the plugin's events. */
#define WICKET_EVENT(e) \
	static void wicket__on_event(const wicket_event *e); \
	WICKET__EXPORT(wicket_event) void wicket__export_event(const void *p, unsigned n) { \
		wicket_event event; \
		wicket_text t; \
		if (wicket__event(p, n, &t) && wicket__read_event(t, &event)) wicket__on_event(&event); \
		else wicket__unreadable(); \
	} \
	static void wicket__on_event(const wicket_event *e)

/* WICKET_TIMER(id) { ... }: a timer that wicket_after or wicket_every has set. */
#define WICKET_TIMER(id) WICKET__EXPORT(wicket_timer) void wicket__on_timer(wicket_timer id)

/* WICKET_UNLOAD() { ... } */
#define WICKET_UNLOAD() WICKET__EXPORT(wicket_unload) void wicket__on_unload(void)

#endif
