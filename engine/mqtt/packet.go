package mqtt

// Version is the protocol level byte of CONNECT (§3.1.2.2).
type Version byte

// The protocol levels Wicket speaks.
const (
	V31  Version = 3 // protocol name "MQIsdp"
	V311 Version = 4
	V50  Version = 5
)

// Type is the packet type, the high nibble of the first byte (§2.1.2).
type Type byte

// The sixteen packet types; 0 is reserved, 15 (AUTH) exists in MQTT 5.0 only.
const (
	TypeReserved Type = iota
	TypeConnect
	TypeConnack
	TypePublish
	TypePuback
	TypePubrec
	TypePubrel
	TypePubcomp
	TypeSubscribe
	TypeSuback
	TypeUnsubscribe
	TypeUnsuback
	TypePingreq
	TypePingresp
	TypeDisconnect
	TypeAuth
)

// Connect is a CONNECT packet (§3.1). Slices of a decoded packet alias the
// bytes it was decoded from and are valid as long as those are.
type Connect struct {
	Version     Version
	CleanStart  bool   // Clean Session in 3.x
	KeepAlive   uint16 // seconds, 0 = off
	ClientID    []byte
	HasUsername bool
	Username    []byte
	HasPassword bool
	Password    []byte
	Will        *Will // nil when the will flag is not set
	Properties  ConnectProperties
}

// Will is the message of CONNECT that is published when the client is lost (§3.1.2.5).
type Will struct {
	Topic      []byte
	Payload    []byte
	QoS        byte
	Retain     bool
	Delay      uint32 // seconds, Will Delay Interval (5.0)
	Properties PublishProperties
}

// ConnectProperties are the MQTT 5.0 properties of CONNECT (§3.1.2.11). A zero
// value means "absent" except where Has says otherwise.
type ConnectProperties struct {
	SessionExpiry       uint32 // seconds; 0xFFFFFFFF = never
	HasSessionExpiry    bool
	ReceiveMaximum      uint16 // 0 = absent, the default is 65,535
	MaximumPacketSize   uint32 // 0 = absent, no limit
	TopicAliasMaximum   uint16
	RequestResponseInfo bool
	RequestProblemInfo  bool // the decoder sets the default, true
	AuthMethod          []byte
	HasAuthMethod       bool
	AuthData            []byte
	HasAuthData         bool
	User                UserProperties
}

// Connack is a CONNACK packet (§3.2).
type Connack struct {
	SessionPresent bool
	Reason         Reason // a 5.0 reason code; encoding for 3.x maps it to the 3.x return code
	Properties     ConnackProperties
}

// ConnackProperties are the MQTT 5.0 properties of CONNACK (§3.2.2.3). Zero
// means absent; the Has and No fields exist where zero is a value to send.
type ConnackProperties struct {
	SessionExpiry       uint32
	HasSessionExpiry    bool
	ReceiveMaximum      uint16
	MaximumQoS          byte
	HasMaximumQoS       bool
	NoRetain            bool // Retain Available = 0
	MaximumPacketSize   uint32
	AssignedClientID    []byte
	TopicAliasMaximum   uint16
	ReasonString        []byte
	NoWildcardSubs      bool // Wildcard Subscription Available = 0
	NoSubscriptionIDs   bool // Subscription Identifier Available = 0
	NoSharedSubs        bool // Shared Subscription Available = 0
	ServerKeepAlive     uint16
	HasServerKeepAlive  bool
	ResponseInformation []byte
	ServerReference     []byte
	AuthMethod          []byte
	AuthData            []byte
	User                UserProperties
}

// Publish is a PUBLISH packet (§3.3).
type Publish struct {
	Dup        bool
	QoS        byte
	Retain     bool
	PacketID   uint16 // 0 when QoS is 0
	Topic      []byte // empty when a topic alias stands for it
	Payload    []byte
	Properties PublishProperties
}

// PublishProperties are the MQTT 5.0 properties of PUBLISH (§3.3.2.3) and of
// a will (§3.1.3.2). A nil slice or a false Has means "absent".
type PublishProperties struct {
	PayloadFormat    byte // 0 unspecified bytes (same as absent), 1 UTF-8
	HasMessageExpiry bool
	HasTopicAlias    bool
	MessageExpiry    uint32 // seconds
	TopicAlias       uint16
	ContentType      []byte
	ResponseTopic    []byte
	CorrelationData  []byte
	SubscriptionIDs  []uint32 // server to client only
	User             UserProperties
}

// Ack is any of PUBACK, PUBREC, PUBREL, PUBCOMP (§3.4 to §3.7): they share
// one shape.
type Ack struct {
	PacketID     uint16
	Reason       Reason
	ReasonString []byte
	User         UserProperties
}

// Subscribe is a SUBSCRIBE packet (§3.8).
type Subscribe struct {
	PacketID       uint16
	SubscriptionID uint32 // 0 = absent
	User           UserProperties
	Filters        []Subscription // reused by Decode: append to Filters[:0]
}

// Subscription is one filter of a SUBSCRIBE with its options (§3.8.3.1).
type Subscription struct {
	Filter            []byte
	QoS               byte
	NoLocal           bool
	RetainAsPublished bool
	RetainHandling    byte // 0 send, 1 send if the subscription is new, 2 do not send
}

// Suback is a SUBACK packet (§3.9); Unsuback has the same shape (§3.11).
type Suback struct {
	PacketID     uint16
	Reasons      []Reason // one per filter; 3.x encoding maps errors to 0x80
	ReasonString []byte
	User         UserProperties
}

// Unsuback is an UNSUBACK packet (§3.11); MQTT 3.x carries no reasons.
type Unsuback Suback

// Unsubscribe is an UNSUBSCRIBE packet (§3.10).
type Unsubscribe struct {
	PacketID uint16
	User     UserProperties
	Filters  [][]byte // reused by Decode: append to Filters[:0]
}

// Disconnect is a DISCONNECT packet (§3.14).
type Disconnect struct {
	Reason           Reason
	SessionExpiry    uint32
	HasSessionExpiry bool
	ReasonString     []byte
	ServerReference  []byte
	User             UserProperties
}

// Auth is an AUTH packet (§3.15), MQTT 5.0 only.
type Auth struct {
	Reason       Reason
	Method       []byte
	Data         []byte
	ReasonString []byte
	User         UserProperties
}

// UserProperties is a block of encoded MQTT 5.0 properties of which only the
// user properties (identifier 0x26, §2.2.2.2) count: iteration and encoding
// skip the others. A decoded packet keeps here the part of its property block
// from the first user property to the last, so that user properties cost
// nothing until somebody reads them; it is nil when there is none.
type UserProperties []byte
