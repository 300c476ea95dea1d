package control

import (
	"time"

	"github.com/wicketmq/wicket/engine/alarm"
)

// Status is what a broker is and does, in one look.
type Status struct {
	Version   string        `json:"version"`
	PID       int           `json:"pid"`
	Started   time.Time     `json:"started"`
	DataDir   string        `json:"data_dir"`
	Reload    *Reload       `json:"reload,omitempty"` // the last one, if there was any
	Clients   Clients       `json:"clients"`
	Messages  Messages      `json:"messages"`
	Process   Process       `json:"process"`
	Listeners []Listener    `json:"listeners"`
	Alarms    []alarm.Alarm `json:"alarms"`
}

// Reload is how the last reload went.
type Reload struct {
	At    time.Time `json:"at"`
	Error string    `json:"error,omitempty"` // empty when it was applied
}

// Clients counts those who speak MQTT.
type Clients struct {
	Connected     int64 `json:"connected"`      // CONNECT accepted, and here now
	Sessions      int64 `json:"sessions"`       // connected or not
	Connects      int64 `json:"connects"`       // CONNECTs accepted since the start
	Refused       int64 `json:"refused"`        // CONNECTs refused
	TakenOver     int64 `json:"taken_over"`     // ended because the client came again
	KeepAlive     int64 `json:"keep_alive"`     // ended because the client fell silent
	SlowConsumers int64 `json:"slow_consumers"` // ended at mqtt.outbound.max
	Violations    int64 `json:"violations"`     // ended for breaking the protocol
	Panics        int64 `json:"panics"`         // ended because of a bug of ours
}

// Messages counts packets and messages since the start.
type Messages struct {
	PacketsReceived int64            `json:"packets_received"`
	BytesReceived   int64            `json:"bytes_received"`
	Received        int64            `json:"received"` // PUBLISH from clients
	Sent            int64            `json:"sent"`     // PUBLISH to clients
	Denied          int64            `json:"denied"`   // publishes and filters that authorization denied
	NoSubscribers   int64            `json:"no_subscribers"`
	Wills           int64            `json:"wills"`
	Forwarded       int64            `json:"forwarded"` // followed a session to another loop
	Dropped         map[string]int64 `json:"dropped"`   // by reason
	Retained        int64            `json:"retained"`  // now
	RetainedBytes   int64            `json:"retained_bytes"`
	RetainedRefused int64            `json:"retained_refused"` // over the quota
	Delayed         int64            `json:"delayed"`          // now
	DelayedBytes    int64            `json:"delayed_bytes"`
	DelayedRefused  int64            `json:"delayed_refused"` // no room
}

// Process is the operating system's and Go's view of the broker.
type Process struct {
	Goroutines  int    `json:"goroutines"`
	HeapBytes   uint64 `json:"heap_bytes"`   // live and not yet collected objects
	MemoryBytes uint64 `json:"memory_bytes"` // that Go has from the system
}

// Listener is one open socket. Transport connections and MQTT clients are
// counted apart: a connection that is in its handshake, or silent before
// CONNECT, is one of the former only.
type Listener struct {
	Name           string            `json:"name"`
	Transport      string            `json:"transport"`
	Bind           string            `json:"bind"`
	Running        bool              `json:"running"`
	Connections    int64             `json:"connections"`     // transport connections now
	Connected      int64             `json:"connected"`       // of those, MQTT clients
	MaxConnections int               `json:"max_connections"` // 0 = no limit
	ProxyProtocol  bool              `json:"proxy_protocol"`
	Accepted       uint64            `json:"accepted"`
	Closed         uint64            `json:"closed"`
	Handshakes     uint64            `json:"handshakes"`         // completed TLS handshakes
	Refused        map[string]uint64 `json:"refused_handshakes"` // by reason, see docs/tls.md
	Shed           map[string]uint64 `json:"shed"`               // closed before TLS and MQTT, by reason
	Ejected        map[string]uint64 `json:"ejected"`            // disconnected because their certificate was good no more, by reason
	Panics         uint64            `json:"panics"`
}

// Certificate is one chain that a listener serves.
type Certificate struct {
	Listener  string    `json:"listener"`
	Name      string    `json:"name,omitempty"` // server name that it is for (tls.bundles); empty for all others
	File      string    `json:"file"`
	Subject   string    `json:"subject"` // of the leaf, RFC 4514
	Serial    string    `json:"serial"`  // lower-case hexadecimal
	Names     []string  `json:"names"`   // subject alternative names
	SHA256    string    `json:"sha256"`  // fingerprint of the leaf
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`

	// Expires is the earliest notAfter of the chain, and ExpiresSubject whose
	// it is: an intermediate may go before the leaf.
	Expires        time.Time `json:"expires"`
	ExpiresSubject string    `json:"expires_subject"`

	Staple string `json:"staple,omitempty"` // state of its OCSP staple; empty when it has none
}

// CRL is one revocation list in the cache, or one that could not be had.
type CRL struct {
	Source     string    `json:"source"` // URL or path
	Local      bool      `json:"local"`  // a file's
	Issuer     string    `json:"issuer,omitempty"`
	State      string    `json:"state"` // "current", or what is wrong: docs/operate.md
	Entries    int       `json:"entries"`
	Bytes      int       `json:"bytes"`            // of memory
	Number     string    `json:"number,omitempty"` // CRL number (RFC 5280 section 5.2.3)
	ThisUpdate time.Time `json:"this_update,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	Fetched    time.Time `json:"fetched,omitzero"`
	NextFetch  time.Time `json:"next_fetch,omitzero"`
	Error      string    `json:"error,omitempty"` // of the last try, when it failed
}

// Usable reports whether the list is in force and not out of date.
func (c *CRL) Usable() bool { return !c.ThisUpdate.IsZero() && c.State != "stale" }

// Staple is the OCSP answer for one certificate of ours.
type Staple struct {
	Listener   string    `json:"listener"`
	Name       string    `json:"name,omitempty"` // server name that the certificate is for; empty for certfile
	Subject    string    `json:"subject"`
	Serial     string    `json:"serial"`
	Responder  string    `json:"responder"`
	Status     string    `json:"status,omitempty"` // by the answer in use: "good", "revoked", "unknown"
	Stapled    bool      `json:"stapled"`          // whether handshakes are given it
	MustStaple bool      `json:"must_staple"`
	ThisUpdate time.Time `json:"this_update,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	NextAsk    time.Time `json:"next_ask,omitzero"`
	Error      string    `json:"error,omitempty"` // of the last try, when it failed
}

// Plugin is one running plugin with its figures since it was loaded.
type Plugin struct {
	Name     string            `json:"name"`
	File     string            `json:"file"`
	Asked    []string          `json:"asked"`  // about what: "clients", "topics"
	SHA256   string            `json:"sha256"` // of the module
	ABI      string            `json:"abi"`    // version that the module wants
	Loaded   time.Time         `json:"loaded"`
	Breaker  string            `json:"breaker"` // "closed", "open" or "half-open"
	Workers  int               `json:"workers"` // instances wanted
	Up       int               `json:"up"`      // instances there are
	InFlight int               `json:"in_flight"`
	Queued   int               `json:"queued"`
	Requests uint64            `json:"requests"`
	Allowed  uint64            `json:"allowed"`
	Denied   uint64            `json:"denied"`
	Next     uint64            `json:"next"`
	Calls    uint64            `json:"calls"`        // into the guest
	Seconds  float64           `json:"call_seconds"` // spent in them
	Failures map[string]uint64 `json:"failures"`     // requests that on_error or the host answered, by reason
	Faults   map[string]uint64 `json:"faults"`       // instances thrown away, by reason
	Restarts uint64            `json:"restarts"`
	Recycled uint64            `json:"recycled"`

	Continued uint64 `json:"continued"` // answers that asked a client for more
	Exchanges int    `json:"exchanges"` // conversations with clients that are not over

	Events        uint64 `json:"events"` // that waited for it, or do
	EventsWaiting int    `json:"events_waiting"`
	EventsDropped uint64 `json:"events_dropped"`
	Disconnects   uint64 `json:"disconnects"` // clients it had disconnected
	KVKeys        int    `json:"kv_keys"`
	KVBytes       int64  `json:"kv_bytes"`   // overhead included
	KVRefused     uint64 `json:"kv_refused"` // values there was no room for
}

// Failed is the number of requests that the plugin itself did not answer.
func (p *Plugin) Failed() (n uint64) {
	for _, v := range p.Failures {
		n += v
	}
	return n
}

// Upstream is one HTTP server that plugins may ask, with its figures since it
// was first configured.
type Upstream struct {
	Name        string            `json:"name"`
	URL         string            `json:"url"`
	State       string            `json:"state"`              // "connecting", "connected" or "disconnected"
	Breaker     string            `json:"breaker"`            // "closed", "open" or "half-open"
	Protocol    string            `json:"protocol,omitempty"` // "HTTP/1.1" or "HTTP/2"; empty without a connection
	Connections int               `json:"connections"`
	OnWire      int               `json:"on_wire"` // requests sent and not answered yet
	Queued      int               `json:"queued"`  // requests that wait for a connection
	Answered    uint64            `json:"answered"`
	Failed      map[string]uint64 `json:"failed"`          // requests without an answer, by reason: docs/plugins/upstreams.md
	Error       string            `json:"error,omitempty"` // the last failure, however long ago
	FailedAt    time.Time         `json:"failed_at,omitzero"`
	Latency     Histogram         `json:"latency"` // of requests on the wire
}

// Histogram counts durations in seconds.
type Histogram struct {
	Bounds []float64 `json:"bounds"` // upper ones
	Counts []uint64  `json:"counts"` // of each bucket alone; one more than Bounds
	Sum    float64   `json:"sum"`
}
