package emqx

// rule says what one key becomes. In patterns, NAME stands for any one word,
// TYPE for tcp or ssl, and * at the end for everything below.
type rule struct {
	v4, v5 string  // the key in each line of EMQX; empty where there is none
	to     string  // the key here; empty when it is not carried over
	as     convert // how the value is written here
	why    string  // when it is not carried over: the reason and the remedy
	shuts  door    // what is shut because it is lost
	when   string  // the value that shuts; empty means any
	each   handler // for keys that are more than a value
}

// door is what an import shuts because of a key that it could not carry over.
type door uint8

const (
	none     door = iota
	listener      // the listener is written as disabled
	authn         // the chain denies everybody
	authz         // what no rule permits is denied
	nameless      // clients that show nothing about themselves are denied
)

// handler converts what a rule alone cannot.
type handler func(c *conversion, k *key)

const (
	four  = "listener.TYPE.NAME"
	five  = "listeners.TYPE.NAME"
	ours  = "listeners.TYPE.NAME"
	ssl4  = "listener.ssl.NAME"
	ssl5  = "listeners.ssl.NAME.ssl_options"
	tlsTo = "listeners.tls.NAME.tls"
	zone4 = "zone.NAME"
	zone5 = "zones.NAME"
)

// Reasons that many keys share.
const (
	sockets   = "sockets are set up by the event loops here; nothing has to be set"
	noWS      = "there are no WebSocket listeners yet"
	noLimits  = "there is no limit on the rate of one client's messages yet"
	elsewhere = "it configures a part of EMQX that has no counterpart here"
	nodes     = "a broker is one process here; there is no cluster to configure"
	fixed     = "the broker always does what the protocol says here; there is no switch"
	noZones   = "there are no zones; only identity keys of a zone are carried over, for the listeners in it. Set what the broker has for all clients under mqtt"
	plugin4   = "this plugin of EMQX 4 is not there yet; add an authenticator under plugins and auth.chain"
)

// rules is the table. The first rule that matches a key counts.
var rules = []rule{
	// Listeners.
	{v4: four, v5: five + ".bind", to: ours + ".bind", as: asBind},
	{v5: five + ".enable", to: ours + ".enable", as: asBool},
	{v5: five + ".enabled", to: ours + ".enable", as: asBool},
	{v4: four + ".max_connections", v5: five + ".max_connections", to: ours + ".max_connections", as: asCount(1, 1<<31-1)},
	{v4: four + ".max_conn_rate", v5: five + ".max_conn_rate", to: ours + ".max_conn_rate", as: asRate},
	{v4: four + ".access.*", v5: five + ".access_rules", to: ours + ".access_rules", as: asRules},
	{v4: four + ".proxy_protocol", v5: five + ".proxy_protocol", to: ours + ".proxy_protocol", as: asBool},
	{v4: four + ".proxy_protocol_timeout", v5: five + ".proxy_protocol_timeout", to: ours + ".proxy_protocol_timeout", as: asDuration},
	{v4: four + ".zone", v5: five + ".zone", each: (*conversion).zone, why: "the identity keys of the zone are carried over for this listener"},
	{v4: four + ".mountpoint", v5: five + ".mountpoint", each: (*conversion).mountpoint, why: "there are no mount points yet, and without one clients of this listener would see the topics of others", shuts: listener},
	{v5: five + ".authentication", each: (*conversion).listenerChain, why: "a chain is for all listeners here; configure it under plugins and auth.chain", shuts: listener},
	{v5: five + ".enable_authn", to: ours + ".enable_authn", each: (*conversion).enableAuthn, why: "false only while nothing is lost that says who a client is, and no name comes from a certificate"},
	{v4: four + ".peer_cert_as_username", to: "plugins.certmap.config.listeners.NAME.peer_cert_as_username", each: (*conversion).identity, why: byCertmap},
	{v4: four + ".peer_cert_as_clientid", to: "plugins.certmap.config.listeners.NAME.peer_cert_as_clientid", each: (*conversion).identity, why: byCertmap},
	{v4: four + ".acceptors", v5: five + ".acceptors", why: sockets},
	{v4: four + ".active_n", v5: five + ".tcp_options.*", why: sockets},
	{v4: four + ".backlog", why: sockets},
	{v4: four + ".send_timeout", why: "a reader that is too slow is closed by the bytes that wait for it; set mqtt.outbound"},
	{v4: four + ".send_timeout_close", why: "a reader that is too slow is always closed; set mqtt.outbound"},
	{v4: four + ".high_watermark", why: "set mqtt.outbound.high_water, which is for all listeners"},
	{v4: four + ".recbuf", why: sockets},
	{v4: four + ".sndbuf", why: sockets},
	{v4: four + ".buffer", why: sockets},
	{v4: four + ".tune_buffer", why: sockets},
	{v4: four + ".nodelay", why: sockets},
	{v4: four + ".reuseaddr", why: sockets},
	{v4: four + ".rate_limit", v5: five + ".messages_rate", why: noLimits},
	{v5: five + ".bytes_rate", why: noLimits},
	{v5: five + ".max_conn_burst", why: "bursts are part of max_conn_rate here: 1000/10s lets 1000 come at once"},
	{v5: five + ".messages_burst", why: noLimits},
	{v5: five + ".bytes_burst", why: noLimits},
	{v5: five + ".limiter.*", why: noLimits},
	{v4: "listener.ws.*", v5: "listeners.ws.*", why: noWS},
	{v4: "listener.wss.*", v5: "listeners.wss.*", why: noWS},
	{v5: "listeners.quic.*", why: "there are no QUIC listeners"},

	// TLS.
	{v4: ssl4 + ".certfile", v5: ssl5 + ".certfile", to: tlsTo + ".certfile", as: asPath},
	{v4: ssl4 + ".keyfile", v5: ssl5 + ".keyfile", to: tlsTo + ".keyfile", as: asPath},
	{v4: ssl4 + ".cacertfile", v5: ssl5 + ".cacertfile", to: tlsTo + ".cacertfile", as: asPath},
	{v4: ssl4 + ".key_password", v5: ssl5 + ".password", to: tlsTo + ".password", as: asSecret},
	{v4: ssl4 + ".verify", v5: ssl5 + ".verify", to: tlsTo + ".verify", as: asWord("verify_peer", "verify_none")},
	{v4: ssl4 + ".fail_if_no_peer_cert", v5: ssl5 + ".fail_if_no_peer_cert", to: tlsTo + ".fail_if_no_peer_cert", as: asBool},
	{v4: ssl4 + ".tls_versions", v5: ssl5 + ".versions", to: tlsTo + ".versions", as: asWords},
	{v4: ssl4 + ".handshake_timeout", v5: ssl5 + ".handshake_timeout", to: tlsTo + ".handshake_timeout", as: asDuration},
	{v4: ssl4 + ".depth", v5: ssl5 + ".depth", to: tlsTo + ".depth", as: asNumber(0, 100)},
	{v4: ssl4 + ".ciphers", v5: ssl5 + ".ciphers", to: tlsTo + ".ciphers", each: (*conversion).ciphers, why: "suites that Go does not have are lost; a list of which nothing is left disables the listener"},
	{v4: ssl4 + ".psk_ciphers", to: tlsTo + ".ciphers", each: (*conversion).ciphers, why: noPSK + "; the listener is disabled"},
	{v4: ssl4 + ".partial_chain", v5: ssl5 + ".partial_chain", to: tlsTo + ".partial_chain", as: asWord("false", "true", "cacert_from_cacertfile", "two_cacerts_from_cacertfile")},
	{v4: ssl4 + ".verify_peer_ext_key_usage", v5: ssl5 + ".verify_peer_ext_key_usage", to: tlsTo + ".verify_peer_ext_key_usage", as: asWords},
	{v4: ssl4 + ".enable_crl_check", v5: ssl5 + ".enable_crl_check", to: tlsTo + ".enable_crl_check", as: asBool},
	{v4: ssl4 + ".crl_cache_urls", why: "lists come from the distribution points that certificates name, or from crl_file; a client whose list cannot be had stays out"},
	{v4: ssl4 + ".enable_ocsp_stapling", v5: ssl5 + ".ocsp.enable_ocsp_stapling", to: tlsTo + ".ocsp.enable_ocsp_stapling", as: asBool},
	{v4: ssl4 + ".ocsp_responder_url", v5: ssl5 + ".ocsp.responder_url", to: tlsTo + ".ocsp.responder_url", as: asText},
	{v4: ssl4 + ".ocsp_issuer_pem", v5: ssl5 + ".ocsp.issuer_pem", to: tlsTo + ".ocsp.issuer_pem", as: asPath},
	{v4: ssl4 + ".ocsp_refresh_interval", v5: ssl5 + ".ocsp.refresh_interval", to: tlsTo + ".ocsp.refresh_interval", as: asDuration},
	{v4: ssl4 + ".ocsp_refresh_http_timeout", v5: ssl5 + ".ocsp.refresh_http_timeout", to: tlsTo + ".ocsp.refresh_http_timeout", as: asDuration},
	{v5: ssl5 + ".session_tickets", to: tlsTo + ".session_tickets", each: (*conversion).tickets, why: "stateless_with_cert becomes stateless, which looks at certificates again too"},
	{v4: ssl4 + ".honor_cipher_order", v5: ssl5 + ".honor_cipher_order", to: tlsTo + ".honor_cipher_order", as: asBool},
	{v4: ssl4 + ".secure_renegotiate", v5: ssl5 + ".secure_renegotiate", to: tlsTo + ".secure_renegotiate", as: asBool},
	{v5: ssl5 + ".client_renegotiation", to: tlsTo + ".client_renegotiation", as: asBool},
	{v4: ssl4 + ".dhfile", v5: ssl5 + ".dhfile", why: "there are no DHE suites here; ECDHE gives forward secrecy without a file"},
	{v4: ssl4 + ".reuse_sessions", v5: ssl5 + ".reuse_sessions", why: "there is no cache of sessions; session_tickets: stateless lets clients resume"},
	{v4: ssl4 + ".hibernate_after", v5: ssl5 + ".hibernate_after", why: "an idle connection gives its buffers back by itself"},
	{v4: ssl4 + ".gc_after_handshake", v5: ssl5 + ".gc_after_handshake", why: "what a handshake needed is let go when it ends"},
	{v5: ssl5 + ".log_level", why: "TLS logs with the rest of the broker; set log.level"},
	{v5: ssl5 + ".user_lookup_fun", why: "it names code of EMQX"},

	// Who may connect, and where.
	{v4: "allow_anonymous", to: "auth.anonymous", each: (*conversion).allowAnonymous, why: "true becomes allow, unless something is lost that kept such clients from anything; false denies everybody, since who may connect is in the files of plugins"},
	{v5: "authentication", to: "auth.anonymous", each: (*conversion).authentication, why: "an empty list becomes allow, on the same condition; authenticators are listed below", shuts: authn},
	{v4: "auth.*", why: plugin4, shuts: authn},
	{v4: "acl_nomatch", v5: "authorization.no_match", to: "authz.no_match", as: asWord("allow", "deny")},
	{v4: "acl_deny_action", v5: "authorization.deny_action", to: "authz.deny_action", as: asWord("ignore", "disconnect")},
	{v4: "enable_acl_cache", v5: "authorization.cache.enable", to: "authz.cache.enable", as: asBool},
	{v4: "acl_cache_max_size", v5: "authorization.cache.max_size", to: "authz.cache.max_size", as: asNumber(1, 1024)},
	{v4: "acl_cache_ttl", v5: "authorization.cache.ttl", to: "authz.cache.ttl", as: asDuration},
	{v5: "authorization.cache.excludes", to: "authz.cache.excludes", as: asRules},
	{v4: "acl_file", to: "plugins.acl", each: (*conversion).aclFile, why: "by the plugin acl, see below", shuts: authz},
	{v5: "authorization.sources", to: "plugins", each: (*conversion).sources, why: "type file by the plugin acl, type http by an upstream and the plugin http; others are lost, and those behind them", shuts: authz},
	{v5: "authorization.*", why: "this key is not known", shuts: authz},
	{v4: "psk.*", v5: "psk_authentication.*", why: noPSK},
	{v5: "banned.bootstrap_file", to: "bans.bootstrap_file", as: asPath},
	{v5: "banned.*", why: "this key is not known", shuts: authn},
	{v4: "exhook.*", v5: "exhook.*", why: "hooks over gRPC can authenticate clients, and there are none here; write a plugin", shuts: authn},
	{v4: zone4 + ".enable_flapping_detect", v5: "flapping_detect.enable", to: "flapping_detect.enable", each: (*conversion).flapping, why: "a client id is banned from one address, not from all", as: asBool},
	{v5: "flapping_detect.max_count", to: "flapping_detect.max_count", as: asNumber(1, 1_000_000)},
	{v5: "flapping_detect.window_time", to: "flapping_detect.window_time", as: asDuration},
	{v5: "flapping_detect.ban_time", to: "flapping_detect.ban_time", as: asDuration},
	{v4: "flapping_detect_policy", to: "flapping_detect", each: (*conversion).flappingPolicy, why: "a count, the time in which it is reached, and that of the ban"},
	{v5: "crl_cache.refresh_interval", v4: "crl_cache_refresh_interval", to: "crl_cache.refresh_interval", as: asDuration},
	{v5: "crl_cache.http_timeout", v4: "crl_cache_http_timeout", to: "crl_cache.http_timeout", as: asDuration},
	{v5: "crl_cache.capacity", to: "crl_cache.capacity", as: asNumber(1, 100_000)},

	// Zones and MQTT.
	{v4: zone4 + ".use_username_as_clientid", v5: zone5 + ".mqtt.use_username_as_clientid", to: "plugins.certmap.config.listeners.NAME.use_username_as_clientid", each: (*conversion).zoneIdentity, why: byCertmap},
	{v5: zone5 + ".mqtt.peer_cert_as_username", to: "plugins.certmap.config.listeners.NAME.peer_cert_as_username", each: (*conversion).zoneIdentity, why: byCertmap},
	{v5: zone5 + ".mqtt.peer_cert_as_clientid", to: "plugins.certmap.config.listeners.NAME.peer_cert_as_clientid", each: (*conversion).zoneIdentity, why: byCertmap},
	{v4: zone4 + ".mountpoint", each: (*conversion).zoneMountpoint, why: "there are no mount points yet, and without one clients in this zone would see the topics of others", shuts: listener},
	{v4: zone4 + ".allow_anonymous", why: "anonymous clients are let in or not by all listeners alike; set auth.anonymous", shuts: nameless, when: "false"},
	{v4: zone4 + ".bypass_auth_plugins", why: "every listener asks auth.chain here"},
	{v4: zone4 + ".enable_acl", why: "rules are for all listeners here"},
	{v4: zone4 + ".wildcard_subscription", why: fixed, shuts: authz, when: "false"},
	{v4: zone4 + ".idle_timeout", to: "mqtt.idle_timeout", each: (*conversion).zoneLimit, why: oneZone, as: asDuration},
	{v4: zone4 + ".max_packet_size", to: "mqtt.max_packet_size", each: (*conversion).zoneLimit, why: oneZone, as: asSize},
	{v4: zone4 + ".max_inflight", to: "mqtt.max_inflight", each: (*conversion).zoneLimit, why: oneZone, as: asNumber(1, 65535)},
	{v4: zone4 + ".max_mqueue_len", to: "mqtt.max_queued_messages", each: (*conversion).zoneLimit, why: oneZone, as: asNumber(1, 10_000_000)},
	{v4: zone4 + ".max_subscriptions", to: "mqtt.max_subscriptions", each: (*conversion).zoneLimit, why: oneZone, as: asLimit(100_000_000)},
	{v4: zone4 + ".max_topic_levels", to: "mqtt.max_topic_levels", each: (*conversion).zoneLimit, why: oneZone, as: asLimit(65535)},
	{v4: zone4 + ".session_expiry_interval", to: "mqtt.max_session_expiry", each: (*conversion).zoneLimit, why: oneZone, as: asDuration},
	{v4: zone4 + ".*", v5: zone5 + ".*", why: noZones},
	{v5: "mqtt.peer_cert_as_username", to: "plugins.certmap.config.peer_cert_as_username", each: (*conversion).identity, why: byCertmap},
	{v5: "mqtt.peer_cert_as_clientid", to: "plugins.certmap.config.peer_cert_as_clientid", each: (*conversion).identity, why: byCertmap},
	{v5: "mqtt.use_username_as_clientid", to: "plugins.certmap.config.use_username_as_clientid", each: (*conversion).identity, why: byCertmap},
	{v5: "mqtt.idle_timeout", to: "mqtt.idle_timeout", as: asDuration},
	{v4: "mqtt.max_packet_size", v5: "mqtt.max_packet_size", to: "mqtt.max_packet_size", as: asSize},
	{v4: "mqtt.max_topic_levels", v5: "mqtt.max_topic_levels", to: "mqtt.max_topic_levels", as: asLimit(65535)},
	{v4: "mqtt.max_topic_alias", v5: "mqtt.max_topic_alias", to: "mqtt.max_topic_alias", as: asNumber(1, 65535)},
	{v5: "mqtt.max_inflight", to: "mqtt.max_inflight", as: asNumber(1, 65535)},
	{v5: "mqtt.max_mqueue_len", to: "mqtt.max_queued_messages", as: asLimit(10_000_000)},
	{v5: "mqtt.max_subscriptions", to: "mqtt.max_subscriptions", as: asLimit(100_000_000)},
	{v5: "mqtt.session_expiry_interval", to: "mqtt.max_session_expiry", as: asDuration},
	{v4: "mqtt.wildcard_subscription", v5: "mqtt.wildcard_subscription", why: fixed, shuts: authz, when: "false"},
	{v5: "mqtt.clientid_override", why: "client ids are not computed here, and without that clients could use those of others", shuts: authn},
	{v5: "mqtt.client_attrs_init", why: "attributes are set by plugins here"},
	{v4: "mqtt.*", v5: "mqtt.*", why: fixed},
	{v5: "retainer.backend.max_retained_messages", v4: "retainer.max_retained_messages", to: "mqtt.retained.max_messages", as: asLimit(1_000_000_000)},
	{v4: "retainer.*", v5: "retainer.*", why: "retained messages are bounded by mqtt.retained"},
	{v5: "delayed.enable", to: "mqtt.delayed.enable", as: asBool},
	{v5: "delayed.max_delayed_messages", to: "mqtt.delayed.max_delayed_messages", as: asLimit(1_000_000_000)},

	// Everything else.
	{v4: "log.level", v5: "log.console.level", to: "log.level", as: asLogLevel},
	{v5: "log.console_handler.level", to: "log.level", as: asLogLevel},
	{v5: "log.console.formatter", to: "log.format", as: asWord("text", "json")},
	{v4: "log.*", v5: "log.*", why: "the broker logs to standard error; what starts it keeps the log"},
	{v4: "node.*", v5: "node.*", why: nodes},
	{v4: "cluster.*", v5: "cluster.*", why: nodes},
	{v4: "rpc.*", v5: "rpc.*", why: nodes},
	{v4: "management.*", v5: "api_key.*", why: "there is no HTTP API yet"},
	{v4: "dashboard.*", v5: "dashboard.*", why: "there is no dashboard yet"},
	{v4: "bridge.*", v5: "bridges.*", why: "there are no bridges"},
	{v4: "rule_engine.*", v5: "rule_engine.*", why: "there is no rule engine"},
	{v4: "web.*", v5: "actions.*", why: "there are no actions"},
	{v5: "connectors.*", why: "there are no connectors"},
	{v5: "gateway.*", why: "there are no gateways"},
	{v4: "plugins.*", v5: "plugins.*", why: "plugins of EMQX do not run here"},
	{v4: "module.*", v5: "modules.*", why: elsewhere},
	{v4: "prometheus.*", v5: "prometheus.*", why: "there are no metrics over HTTP yet"},
	{v4: "alarm.*", v5: "alarm.*", why: elsewhere},
	{v4: "broker.*", v5: "broker.*", why: fixed},
	{v4: "sysmon.*", v5: "sysmon.*", why: elsewhere},
	{v4: "os_mon.*", v5: "sys_topics.*", why: elsewhere},
	{v4: "vm_mon.*", v5: "delayed.*", why: elsewhere},
	{v4: "telemetry.*", v5: "telemetry.*", why: "the broker reports to nobody"},
	{v4: "license.*", v5: "license.*", why: "there is nothing to license"},
}

const noPSK = "there is no TLS with pre-shared keys yet, so such clients stay out; give them certificates, or a user name and a password over TLS"

const (
	byCertmap = "by the plugin certmap, which then comes first in auth.chain"
	oneZone   = "of the zone external, or of the only one; one value counts for all here"
)
