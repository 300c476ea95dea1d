// Package cases runs a plugin against files of cases: a question of the broker,
// the answers of stand-ins for its upstreams, a clock, and the verdict that is
// expected. The module runs in the broker's own host, engine/wasm, behind the
// broker's own gate; only the network and the time are not real.
//
// A Runner and what it returns belong to one goroutine. Each case has a plugin
// of its own, with one instance, so that no case depends on another.
package cases

import "time"

// Suite is a file of cases. What stands beside the cases holds for all of them;
// a case that has the same key replaces it, config and upstreams name by name.
type Suite struct {
	Path  string `yaml:"-"`
	Given `yaml:",inline"`
	Cases []*Case `yaml:"cases"`
}

// Given is what a plugin finds when it is asked.
type Given struct {
	// Config is what stands under plugins.NAME.config. Files that its keys
	// ending in _file name are relative to the file of the cases.
	Config map[string]any `yaml:"config,omitempty"`

	// Upstreams are stand-ins: a list of answers for each name.
	Upstreams map[string][]*Answer `yaml:"upstreams,omitempty"`

	// Events are the kinds of events that the operator has named.
	Events []string `yaml:"events,omitempty"`

	// KV is what the plugin finds kept: texts, and numbers for counters.
	KV map[string]any `yaml:"kv,omitempty"`

	// Clock is the time of the first question; 2026-01-01T00:00:00Z unless said.
	Clock time.Time `yaml:"clock,omitempty"`

	// Timeout is the time from question to answer, by a real clock.
	Timeout time.Duration `yaml:"timeout,omitempty"`
}

// Case is one plugin and what it is asked, in this order.
type Case struct {
	Name  string `yaml:"name"`
	Given `yaml:",inline"`
	Step  `yaml:",inline"`
	Then  []*Step `yaml:"then,omitempty"` // further questions to the same instance

	line int // of the file
}

// Steps are all questions of the case.
func (c *Case) Steps() []*Step { return append([]*Step{&c.Step}, c.Then...) }

// Step is one question or event, of which there is one at most; without, time
// passes. A timer that is due when the clock has been turned fires once.
type Step struct {
	Wait         time.Duration `yaml:"wait,omitempty"` // the clock is turned by this before
	Event        *Event        `yaml:"event,omitempty"`
	Authenticate *Connect      `yaml:"authenticate,omitempty"`
	Continue     *string       `yaml:"continue,omitempty"` // what the client answers to one; text, or !!binary with Base64
	Leave        bool          `yaml:"leave,omitempty"`    // the client leaves instead
	Authorize    *Access       `yaml:"authorize,omitempty"`
	ClientHello  *ClientHello  `yaml:"client_hello,omitempty"`
	Expect       *Verdict      `yaml:"expect,omitempty"`

	line, column int // of the mapping that has these keys
	at, end      int // lines of the key expect, and after its value; 0 when there is none
}

// Verdict is what a plugin has answered, and done. Of one that is expected
// every key counts, also those that are not written, except Permits, Refuses,
// Requests, Logs and what comes after them: they are compared when they are
// there, KV and Metrics as far as they name a key. An event has no decision.
type Verdict struct {
	Load           string            `yaml:"load,omitempty" json:"load,omitempty"`         // why it refuses its configuration
	Decision       string            `yaml:"decision,omitempty" json:"decision,omitempty"` // allow, deny, next or continue
	Reason         string            `yaml:"reason,omitempty" json:"reason,omitempty"`     // of a denial, as MQTT 5.0 names it; Not authorized unless said
	ReasonText     string            `yaml:"reason_text,omitempty" json:"reason_text,omitempty"`
	Fault          string            `yaml:"fault,omitempty" json:"fault,omitempty"` // the plugin itself gave no answer: failed, expired, or a kind of fault
	Username       string            `yaml:"username,omitempty" json:"username,omitempty"`
	ClientID       string            `yaml:"client_id,omitempty" json:"client_id,omitempty"`
	Superuser      bool              `yaml:"superuser,omitempty" json:"superuser,omitempty"`
	Rules          []string          `yaml:"rules,omitempty" json:"rules,omitempty"`     // "allow publish devices/${clientid}/#"
	Default        string            `yaml:"default,omitempty" json:"default,omitempty"` // when no rule matches; deny unless said
	TTL            time.Duration     `yaml:"ttl,omitempty" json:"ttl,omitempty"`
	ExpireAt       string            `yaml:"expire_at,omitempty" json:"expire_at,omitempty"` // RFC 3339
	Attributes     map[string]string `yaml:"attributes,omitempty" json:"attributes,omitempty"`
	UserProperties []string          `yaml:"user_properties,omitempty" json:"user_properties,omitempty"` // "key: value"
	AuthData       string            `yaml:"auth_data,omitempty" json:"auth_data,omitempty"`             // for the client
	Limits         *Limits           `yaml:"limits,omitempty" json:"limits,omitempty"`
	Topics         []string          `yaml:"topics,omitempty" json:"topics,omitempty"` // a decision for each, when they differ

	Permits  []string `yaml:"permits,omitempty" json:"permits,omitempty"`   // "publish a/b": the session may do this
	Refuses  []string `yaml:"refuses,omitempty" json:"refuses,omitempty"`   // the session may not do this
	Requests []string `yaml:"requests,omitempty" json:"requests,omitempty"` // "POST auth /check {...}"
	Logs     []string `yaml:"logs,omitempty" json:"logs,omitempty"`         // "warn a line"

	KV          map[string]any   `yaml:"kv,omitempty" json:"kv,omitempty"`                   // texts, or numbers for counters; null: nothing
	Metrics     map[string]int64 `yaml:"metrics,omitempty" json:"metrics,omitempty"`         // "limited_total{by=peer}"; of a histogram the number of values
	Disconnects []string         `yaml:"disconnects,omitempty" json:"disconnects,omitempty"` // "CLIENT: REASON: TEXT (user NAME)"
}

// Limits are caps of the session.
type Limits struct {
	MaxPacketSize    uint32 `yaml:"max_packet_size,omitempty" json:"max_packet_size,omitempty"`
	MaxInflight      uint16 `yaml:"max_inflight,omitempty" json:"max_inflight,omitempty"`
	MaxSubscriptions uint32 `yaml:"max_subscriptions,omitempty" json:"max_subscriptions,omitempty"`
}
