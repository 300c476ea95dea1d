// Package config turns files, environment variables and command-line flags
// into one immutable [Config], or into a list of everything that is wrong
// with them.
//
// The annotated structs in this file and in tls.go are the only place where a key exists:
// defaults, validation, environment names, the JSON Schema, the sample file
// and the reference page are all derived from their tags. The tags are
// described at the type field.
//
// [Load] may be called on any goroutine. A *Config is never changed after
// Load returned it, so any number of goroutines may read it; a reload builds
// a new one and the owner swaps a pointer. Nothing here keeps the caller's
// buffers.
package config

import (
	"path/filepath"
	"time"
)

//go:generate go test -run TestGenerated -update .

// Config is the whole configuration of a broker.
type Config struct {
	DataDir   string              `key:"data_dir" default:"data" path:"dir" reload:"restart" doc:"Directory that the broker writes to: the development CA, the compile cache of plugins, the users file of a broker started without a configuration file. It is made when it is missing."`
	Loops     int                 `key:"loops" default:"0" min:"0" max:"1024" reload:"restart" doc:"Number of event loops; 0 means one for each CPU."`
	Listeners Listeners           `key:"listeners" doc:"Sockets that clients connect to, by transport and name. At least one must be enabled."`
	Plugins   map[string]Plugin   `key:"plugins" example:"password" doc:"WebAssembly plugins by name. A plugin is asked only when auth.chain names it."`
	Upstreams map[string]Upstream `key:"upstreams" example:"backend" doc:"HTTP servers by name, for plugins that are granted http to ask. What is not named here, no plugin can reach."`
	Auth      Auth                `key:"auth" aka:"authentication" doc:"Who may connect."`
	Authz     Authz               `key:"authz" aka:"authorization" doc:"Who may publish and subscribe where."`
	Bans      Bans                `key:"bans" doc:"Who may not connect, whatever the chain says; wicket ban changes the list."`
	Flapping  Flapping            `key:"flapping_detect" doc:"Clients that connect again and again are kept out for a while."`
	MQTT      MQTT                `key:"mqtt" reload:"restart" doc:"Protocol limits, for each client unless the sentence says otherwise."`
	ACME      ACME                `key:"acme" doc:"Authority that issues the certificates of TLS listeners with acme_domains."`
	CRLCache  CRLCache            `key:"crl_cache" reload:"restart" doc:"Revocation lists, fetched once for all listeners."`
	Signer    Signer              `key:"signer" reload:"restart" doc:"The process that makes RSA signatures while many clients shake hands."`
	Control   Control             `key:"control" doc:"The socket of wicket status, wicket ctl and wicket plugin list."`
	Memory    Memory              `key:"memory" doc:"How much memory the broker takes before garbage is collected."`
	Log       Log                 `key:"log" doc:"What the broker writes to standard error."`
	Shutdown  Shutdown            `key:"shutdown" doc:"How the broker stops."`
}

// Listeners holds the listeners by transport, then by name.
type Listeners struct {
	TCP map[string]TCPListener `key:"tcp" example:"default" reload:"restart" doc:"Plain MQTT over TCP."`
	TLS map[string]TLSListener `key:"tls" aka:"ssl" example:"default" reload:"restart" doc:"MQTT over TLS."`
}

// Listener is what every kind of listener has.
type Listener struct {
	Enable         bool `key:"enable" default:"true" reload:"restart" doc:"Whether the listener is opened at all."`
	Bind           Bind `key:"bind" required:"true" reload:"restart" doc:"Address and port to listen on: 127.0.0.1:1883, [::1]:1883, or a port alone for every IPv4 address. Port 0 takes a free one."`
	MaxConnections int  `key:"max_connections" default:"infinity" min:"1" infinity:"0" reload:"restart" doc:"Most connections at one time; a further one is accepted and closed at once, before TLS and MQTT."`

	MaxConnRate          Rate     `key:"max_conn_rate" default:"infinity" reload:"restart" doc:"Most new connections in a time, such as 500/s or 1000/10s; a further one is closed at once and counted."`
	MaxConnRatePerSource Rate     `key:"max_conn_rate_per_source" default:"infinity" reload:"restart" doc:"The same for one address (one /64 network of IPv6), so that one source of handshakes cannot keep the others out."`
	AccessRules          []string `key:"access_rules" default:"allow all" reload:"restart" doc:"Who may open a connection: allow or deny, then all, an address or a network, as in deny 10.1.0.0/16. The first that matches decides, none denies; the address is that of the socket, not of a PROXY header."`

	EnableAuthn EnableAuthn `key:"enable_authn" default:"true" reload:"live" doc:"Whether auth.chain is asked about clients of this listener: true; quick_deny_anonymous, which refuses those without a user name besides; false lets everybody in, under any name, whom no ban keeps out. What they may do is asked in any case."`

	ProxyProtocol        bool          `key:"proxy_protocol" default:"false" reload:"restart" doc:"Whether each connection begins with a PROXY header, version 1 or 2, before TLS; one without is closed."`
	ProxyProtocolTimeout time.Duration `key:"proxy_protocol_timeout" default:"3s" min:"100ms" max:"1m" reload:"restart" doc:"Time from accept to the end of the PROXY header."`
	ProxyTrustedCIDRs    []string      `key:"proxy_trusted_cidrs" reload:"restart" doc:"Networks of the proxies; a connection from elsewhere is closed. Empty trusts every peer of the listener, which is said at the start when others than this machine can reach it."`
}

// TCPListener is a plain listener.
type TCPListener struct {
	Listener
}

// TLSListener is a listener that speaks TLS before MQTT.
type TLSListener struct {
	Listener
	TLS TLS `key:"tls" aka:"ssl,ssl_options" reload:"live" doc:"Certificates and protocol of this listener. The option names are those of EMQX."`
}

// Plugin is one WebAssembly module and the box it runs in.
type Plugin struct {
	File       string         `key:"file" required:"true" path:"plugin" doc:"Path of a .wasm file, or builtin:NAME for one that comes with the broker."`
	Config     map[string]any `key:"config" doc:"Settings of the plugin itself, handed over as they are; its own documentation names them. The value of a key that ends in _file is a file, whose content is handed over too."`
	Grants     []Grant        `key:"grants" doc:"Host functions beyond the basic ones that the plugin may import; a module that imports another is refused at load. A builtin plugin has those it needs."`
	Upstreams  []string       `key:"upstreams" doc:"Upstreams that the plugin may ask, once it is granted http."`
	Events     []Event        `key:"events" doc:"What the plugin is told of, after the fact, whether it is in auth.chain or not: connected, disconnected, refused, subscribed, unsubscribed, denied."`
	KV         PluginKV       `key:"kv" doc:"Keys and values that the plugin keeps, once it is granted kv."`
	Workers    int            `key:"workers" default:"0" min:"0" max:"1024" doc:"Instances that run side by side; 0 means one for each CPU, but no more than four."`
	Memory     ByteSize       `key:"memory" default:"64MB" min:"1MB" max:"2GB" doc:"Most linear memory of one instance."`
	CPUSlice   time.Duration  `key:"cpu_slice" default:"250ms" min:"1ms" max:"1m" doc:"Time by the clock that one call into the guest may run before the instance is dropped and the request denied; a call takes microseconds, so this is room for a busy machine."`
	Timeout    time.Duration  `key:"timeout" default:"5s" min:"10ms" max:"5m" doc:"Time from question to answer, waiting included; then on_error decides."`
	MaxPending int            `key:"max_pending" default:"10000" min:"1" max:"10000000" doc:"Most questions that may wait for the plugin at one time; a further client is told that the server is busy."`
	OnError    OnError        `key:"on_error" default:"deny" doc:"What a trap, a timeout or a malformed answer counts as: deny, or next to ask the following plugin."`

	// Dir is the directory that relative paths inside Config start from: that
	// of the file which names the plugin.
	Dir string `key:"-"`
}

// PluginKV bounds what a plugin keeps.
type PluginKV struct {
	MaxBytes ByteSize `key:"max_bytes" default:"16MB" min:"64KB" max:"4GB" doc:"Most memory of the keys and values, some 200 bytes for each besides its own included. What does not fit is refused to the plugin."`
}

// Auth says who may connect.
type Auth struct {
	Profile   Profile   `key:"profile" default:"secure" doc:"Where defaults come from that this section, and on_error of the plugins, do not set: secure, or emqx, by which an empty chain lets everybody in, and a plugin that fails, acl and certmap aside, counts as next."`
	Chain     []string  `key:"chain" doc:"Plugins to ask, in this order; the first answer other than next decides, and the end of the chain denies."`
	Anonymous Anonymous `key:"anonymous" aka:"allow_anonymous" default:"deny" doc:"What happens to a client that shows nothing about itself, no user name, password, verified certificate or authentication method: deny, loopback (allow it from this machine) or allow."`
}

// Authz says who may publish and subscribe where.
type Authz struct {
	Profile    Profile    `key:"profile" default:"secure" doc:"Where defaults come from that this section does not set: secure, or emqx, by which no_match is allow."`
	NoMatch    NoMatch    `key:"no_match" default:"deny" doc:"Answer when no rule and no plugin has one: deny or allow."`
	DenyAction DenyAction `key:"deny_action" default:"ignore" doc:"What happens to a client that may not do what it asks for: ignore drops the message or refuses the subscription, with reason 0x87 where the protocol has room for one; disconnect ends the connection."`
	Rules      []string   `key:"rules" doc:"Rules for everybody, superusers included, before any plugin is asked, as in deny publish $SYS/#. The first that matches counts: deny is final, allow leaves the decision to the session's own rules and the plugins."`
	Cache      AuthzCache `key:"cache" doc:"Answers of plugins, remembered for each client."`
}

// Bans is where the list of bans begins.
type Bans struct {
	BootstrapFile string `key:"bootstrap_file" path:"file" reload:"restart" doc:"CSV file of bans, taken once, while data_dir has no file of bans. Its first line names the columns: as, who, and if wanted reason, by, at, until."`
}

// Flapping says when a client counts as one that comes and goes.
type Flapping struct {
	Enable     bool          `key:"enable" default:"false" doc:"Whether CONNECTs are counted, for each client id at each address."`
	MaxCount   int           `key:"max_count" default:"15" min:"1" max:"1000000" doc:"Most CONNECTs in window_time; the next one bans the client id from that address."`
	WindowTime time.Duration `key:"window_time" default:"1m" min:"1s" max:"1d" doc:"Time in which they are counted."`
	BanTime    time.Duration `key:"ban_time" default:"5m" min:"1s" max:"365d" doc:"Time that the ban holds; wicket ban remove ends it earlier."`
}

// AuthzCache bounds the decision cache of a session.
type AuthzCache struct {
	Enable   bool          `key:"enable" default:"true" doc:"Whether answers are remembered."`
	MaxSize  int           `key:"max_size" default:"64" min:"1" max:"1024" doc:"Most answers remembered for one client; the oldest goes first."`
	Excludes []string      `key:"excludes" doc:"Topic filters; what is decided about topics that one of them covers is asked each time."`
	TTL      time.Duration `key:"ttl" default:"1m" min:"1s" max:"1d" doc:"Time that an answer is good for when the plugin does not say."`
}

// MQTT holds the protocol limits.
type MQTT struct {
	MaxPacketSize     ByteSize      `key:"max_packet_size" default:"1MB" min:"1KB" max:"256MB" doc:"Largest packet taken from a client; told to 5.0 clients, and a larger one ends the connection."`
	MaxInflight       int           `key:"max_inflight" default:"32" min:"1" max:"65535" doc:"Most QoS 1 and 2 messages on their way to one client without an acknowledgement, and from it (its Receive Maximum)."`
	MaxQueuedMessages int           `key:"max_queued_messages" default:"1000" min:"1" max:"10000000" doc:"Most messages waiting for one client that is away or slow; beyond it the oldest is dropped."`
	MaxKeepAlive      time.Duration `key:"max_keepalive" default:"infinity" min:"1s" max:"65535s" infinity:"0" doc:"Longest keep-alive, in whole seconds; infinity leaves it to the client."`
	MaxSessionExpiry  time.Duration `key:"max_session_expiry" default:"7d" min:"1s" max:"49710d" infinity:"0" doc:"Longest time, in whole seconds, that a session outlives its connection; infinity leaves it to the client."`
	MaxTopicLevels    int           `key:"max_topic_levels" default:"128" min:"1" max:"65535" doc:"Most levels of a topic name or filter."`
	MaxTopicAlias     int           `key:"max_topic_alias" default:"16" min:"1" max:"65535" doc:"Most topic aliases that a 5.0 client may set on one connection."`
	MaxSubscriptions  int           `key:"max_subscriptions" default:"10000" min:"1" max:"100000000" doc:"Most subscriptions of one client."`
	IdleTimeout       time.Duration `key:"idle_timeout" default:"15s" min:"100ms" max:"10m" doc:"Time that a connection has for its CONNECT, counted from the end of the handshake."`
	Retained          Retained      `key:"retained" doc:"Bounds of the retained messages of the whole broker."`
	Delayed           Delayed       `key:"delayed" doc:"Messages to $delayed/{seconds}/{topic}, which are published to the topic after so many seconds."`
	Outbound          Outbound      `key:"outbound" doc:"Bytes waiting for a slow reader."`
}

// Retained bounds the retained messages of the whole broker.
type Retained struct {
	MaxMessages int      `key:"max_messages" default:"1000000" min:"1" max:"1000000000" doc:"Most retained messages; a message to a further topic is delivered and not kept."`
	MaxBytes    ByteSize `key:"max_bytes" default:"256MB" min:"1KB" max:"1TB" doc:"Most bytes of topics and payloads retained."`
}

// Delayed bounds the delayed messages of the whole broker.
type Delayed struct {
	Enable      bool     `key:"enable" default:"true" doc:"Whether there are such messages; otherwise whoever publishes to such a topic is refused."`
	MaxMessages int      `key:"max_delayed_messages" default:"100000" min:"1" max:"1000000000" doc:"Most messages waiting, in memory; one more is refused, in MQTT 5.0 as Quota exceeded. One source of clients, an IPv4 address or a /64 of IPv6, has a third of them at most."`
	MaxBytes    ByteSize `key:"max_bytes" default:"64MB" min:"1KB" max:"1TB" doc:"Most bytes that they take together; of one source a third at most."`
}

// Outbound bounds what waits for one connection.
type Outbound struct {
	HighWater ByteSize `key:"high_water" default:"1MB" min:"4KB" max:"1GB" doc:"Bytes unsent at which QoS 0 messages for the client are dropped and the others stay in its queue."`
	Max       ByteSize `key:"max" default:"8MB" min:"64KB" max:"4GB" doc:"Bytes unsent at which the connection is closed. Must leave room for high_water and one packet of max_packet_size."`
}

// Signer is the process that makes RSA signatures in a flood of handshakes.
type Signer struct {
	Enable bool `key:"enable" default:"true" doc:"Whether signatures with RSA keys are made by a process of their own, of the lowest priority, while TLS handshakes wait for a processor, so that clients that are in do not feel it. It is started when it is needed and ends a minute or two after. Linux only; elsewhere, and for other kinds of keys, the broker makes all signatures itself."`
}

// Control is the socket on which a running broker is looked into and steered.
type Control struct {
	Enable bool   `key:"enable" default:"true" reload:"restart" doc:"Whether the socket is opened. It also keeps a second broker from starting on the same data_dir."`
	Socket string `key:"socket" path:"any" reload:"restart" doc:"Path of the Unix socket, for the broker's user and root only; empty means control.sock in data_dir."`
}

// ControlSocket is the path of the control socket.
func (c *Config) ControlSocket() string {
	if c.Control.Socket != "" {
		return c.Control.Socket
	}
	return filepath.Join(c.DataDir, "control.sock")
}

// Log says what is logged and how.
type Log struct {
	Level  LogLevel  `key:"level" default:"info" doc:"Least level that is written: debug, info, warn or error."`
	Format LogFormat `key:"format" default:"text" reload:"restart" doc:"text for people, json for machines."`
}

// Shutdown says how the broker stops.
type Shutdown struct {
	Grace time.Duration `key:"grace" default:"10s" min:"0s" max:"10m" doc:"Time from the first SIGTERM to the exit: clients are told (0x8B), queued bytes are flushed, and then connections are cut."`
}
