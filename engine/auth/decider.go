package auth

import (
	"crypto/x509"
	"net/netip"
	"time"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// Decider is one link of the chain: something that can say who a client is
// and what it may do. The plugin host implements it; tests use functions.
//
// Both methods return at once. They call done exactly once, on any goroutine,
// possibly before they return; a Decider that cannot answer in its own time
// limit answers itself, with Deny. The request is owned by the decider until
// done is called.
type Decider interface {
	Name() string

	// Hears says which questions the decider wants to be asked; one that does
	// not hear a question is skipped as if it had said Next.
	Hears(Question) bool

	Authenticate(req *Request, done func(Verdict))
	Authorize(acc *Access, done func(Verdict))
}

// Question is a kind of decision.
type Question uint8

// The questions of the chain.
const (
	Authentication Question = iota
	Authorization
	Hello // whether a TLS handshake may begin; who hears it is a [Greeter]
)

// Decision is the short answer of a Decider. The zero value denies.
type Decision uint8

// The decisions; the numbers are those of the plugin ABI.
const (
	Deny  Decision = 0
	Allow Decision = 1
	// Next has no opinion: ask the next one. The Next of an authentication may
	// still say who the client is: Username, ClientID and Attributes of its
	// Verdict hold for the deciders after it, and for the session unless the
	// one that allows it says otherwise (spec MAP-09, T-15).
	Next Decision = 2
	// Continue asks a client that has an authentication method for more: its
	// answer goes to the Dialog of the Verdict.
	Continue Decision = 4
)

// Request is a CONNECT that wants in, with all that is known about it. Its
// strings and slices are copies that may be kept.
type Request struct {
	ClientID       string
	Username       string
	HasUsername    bool
	Password       []byte // zeroed by the gate after the verdict
	HasPassword    bool
	Version        mqtt.Version
	CleanStart     bool
	KeepAlive      uint16 // seconds
	SessionExpiry  uint32 // seconds
	Listener       string // name, such as "tls:default"
	Transport      string // "tcp", "tls", "ws", "wss"
	Peer           netip.AddrPort
	TLS            *TLS   // nil on a plain transport
	Proxy          *Proxy // nil without a PROXY header
	AuthMethod     string
	AuthData       []byte
	Will           *Will
	UserProperties []Property

	// What the deciders asked before have made of the client (see [Next]): the
	// gate replaces ClientID, Username and HasUsername, and keeps the names it
	// was given here (spec U-17). Attributes is shared; nobody changes it.
	ConnectClientID string
	ConnectUsername string
	Attributes      map[string]string

	// Reauthenticate says that the client is in, and shows itself again
	// (§4.12.1). Its names are those of its session.
	Reauthenticate bool
}

// TLS is what the handshake of a connection established.
type TLS struct {
	Version    string // "TLS 1.3"
	Suite      string // IANA name
	ServerName string // SNI as sent, or empty
	ALPN       string
	Resumed    bool
	// Chain is the client's certificate chain, leaf first; it is empty when
	// the client sent none. Verified says that it leads to a trusted anchor.
	Chain    []*x509.Certificate
	Verified bool
}

// Proxy is what a trusted proxy in front of the listener has told in its PROXY
// header; [Request.Peer] is already the client's own address.
type Proxy struct {
	Version     uint8          // of the PROXY protocol, 1 or 2
	Via         netip.AddrPort // the proxy's own address
	Destination netip.AddrPort // where the client has connected to
	ServerName  string         // PP2_TYPE_AUTHORITY: what the client asked the proxy for
	ALPN        string
	TLSVersion  string // empty when the client came to the proxy in the clear
	Cipher      string

	// CommonName is the one of the client certificate that the proxy has
	// verified; empty when there was none, or it was not verified (PROXY-07).
	CommonName string
}

// Will is the part of a will message that authorization looks at.
type Will struct {
	Topic  string
	QoS    byte
	Retain bool
}

// Property is an MQTT 5.0 user property.
type Property struct{ Key, Value string }

// Access is a question about topics, asked when the rules of a session do not
// answer it. All items belong to one packet and one client.
type Access struct {
	ClientID   string
	Username   string
	Attributes map[string]string
	Listener   string
	Peer       netip.AddrPort
	CommonName string // as [Request.CommonName]; for the rules of an answer
	Action     Action
	Items      []Item
}

// Item is one topic name (publish) or filter (subscribe) of an Access.
type Item struct {
	Topic  string
	QoS    byte
	Retain bool
	Share  string // share name of a shared subscription, or empty
}

// Action is what a client wants to do with a topic. It is a bit set in rules.
type Action uint8

// The actions.
const (
	Publish Action = 1 << iota
	Subscribe
)

// Verdict is the full answer of a Decider. Its slices and maps belong to the
// gate once it is given.
type Verdict struct {
	Decision Decision

	// Reason and ReasonText refine a Deny; 0 means Not authorized (0x87).
	Reason     mqtt.Reason
	ReasonText string

	// The rest is read from an Allow of an Authenticate; of a Next of one,
	// Attributes, Username and ClientID are.
	Superuser bool // asks no plugin and no rule; host deny rules still hold

	// Rules are read from the Next of an Authorize as well: they decide the
	// items that were asked about, and answer for TTL without another
	// question. Default is what none of them matches; Next goes on with the
	// chain.
	Rules []Rule

	Default        Decision      // when no rule matches: Deny, Allow, or Next = ask the chain
	TTL            time.Duration // how long an Authorize answer may be cached; 0 = host default, <0 = not at all
	ExpireAt       time.Time     // disconnect then; zero = never
	Attributes     map[string]string
	Username       string // replaces the client's when not empty
	ClientID       string // assigned client id when not empty
	UserProperties []Property
	Limits         Limits

	// AuthData goes to the client, with a Continue and with the Allow that ends
	// an exchange. Dialog is who gets its answer to a Continue.
	AuthData []byte
	Dialog   Dialog

	// Items holds one decision per item for an Authorize with several; when
	// it is empty, Decision stands for all.
	Items []Decision
}

// Rule permits or forbids actions on topics. Rules are tried in order and the
// first match decides (spec AUTHZ-06). A publish is matched by Filter; a
// subscribe only when Filter covers all that is subscribed to. Filter may hold
// the placeholders ${clientid} (or %c), ${username} (or %u),
// ${cert_common_name} and ${client_attrs.NAME} as whole levels; a value that
// is missing or holds a wildcard or "/" makes a rule that permits match
// nothing, and one that forbids match any value.
type Rule struct {
	Permit  bool
	Actions Action
	Filter  string
	Exact   bool   // "eq": compare the text, do not match wildcards
	QoS     uint8  // bit n set = applies to QoS n; 0 = any
	Retain  Retain // publish only
}

// Retain restricts a rule by the retain flag of a publish.
type Retain uint8

// The restrictions.
const (
	RetainAny Retain = iota
	RetainOnly
	RetainNever
)

// Limits are per-session caps from a verdict; zero keeps the host's.
type Limits struct {
	MaxPacketSize    uint32
	MaxInflight      uint16
	MaxSubscriptions uint32
}
