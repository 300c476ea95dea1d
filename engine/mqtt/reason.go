package mqtt

import "strconv"

// Reason is a reason code of MQTT 5.0 (§2.4). Codes from 0x80 up are failures.
type Reason byte

// The reason codes. Success (0x00) is also Normal disconnection and Granted
// QoS 0.
const (
	Success                     Reason = 0x00
	GrantedQoS1                 Reason = 0x01
	GrantedQoS2                 Reason = 0x02
	DisconnectWithWill          Reason = 0x04
	NoMatchingSubscribers       Reason = 0x10
	NoSubscriptionExisted       Reason = 0x11
	ContinueAuthentication      Reason = 0x18
	Reauthenticate              Reason = 0x19
	UnspecifiedError            Reason = 0x80
	MalformedPacket             Reason = 0x81
	ProtocolError               Reason = 0x82
	ImplementationSpecificError Reason = 0x83
	UnsupportedProtocolVersion  Reason = 0x84
	ClientIDNotValid            Reason = 0x85
	BadUsernameOrPassword       Reason = 0x86
	NotAuthorized               Reason = 0x87
	ServerUnavailable           Reason = 0x88
	ServerBusy                  Reason = 0x89
	Banned                      Reason = 0x8A
	ServerShuttingDown          Reason = 0x8B
	BadAuthMethod               Reason = 0x8C
	KeepAliveTimeout            Reason = 0x8D
	SessionTakenOver            Reason = 0x8E
	TopicFilterInvalid          Reason = 0x8F
	TopicNameInvalid            Reason = 0x90
	PacketIDInUse               Reason = 0x91
	PacketIDNotFound            Reason = 0x92
	ReceiveMaximumExceeded      Reason = 0x93
	TopicAliasInvalid           Reason = 0x94
	PacketTooLarge              Reason = 0x95
	MessageRateTooHigh          Reason = 0x96
	QuotaExceeded               Reason = 0x97
	AdministrativeAction        Reason = 0x98
	PayloadFormatInvalid        Reason = 0x99
	RetainNotSupported          Reason = 0x9A
	QoSNotSupported             Reason = 0x9B
	UseAnotherServer            Reason = 0x9C
	ServerMoved                 Reason = 0x9D
	SharedSubsNotSupported      Reason = 0x9E
	ConnectionRateExceeded      Reason = 0x9F
	MaximumConnectTime          Reason = 0xA0
	SubIDsNotSupported          Reason = 0xA1
	WildcardSubsNotSupported    Reason = 0xA2
)

// The CONNACK return codes of MQTT 3.1 and 3.1.1 (3.1.1 §3.2.2.3).
const (
	accepted3            byte = 0
	refusedVersion3      byte = 1
	refusedIdentifier3   byte = 2
	refusedUnavailable3  byte = 3
	refusedCredentials3  byte = 4
	refusedUnauthorized3 byte = 5
)

// failure3 is the only failure a SUBACK of MQTT 3.1.1 can carry (3.1.1 §3.9.3).
const failure3 byte = 0x80

// typeSet is a set of packet types, one bit each.
type typeSet uint16

// Bits of a typeSet. inWill shares the bit of the reserved type 0: the will of
// a CONNECT has a property block of its own (§3.1.3.2).
const (
	inWill        typeSet = 1 << TypeReserved
	inConnect     typeSet = 1 << TypeConnect
	inConnack     typeSet = 1 << TypeConnack
	inPublish     typeSet = 1 << TypePublish
	inPuback      typeSet = 1 << TypePuback
	inPubrec      typeSet = 1 << TypePubrec
	inPubrel      typeSet = 1 << TypePubrel
	inPubcomp     typeSet = 1 << TypePubcomp
	inSubscribe   typeSet = 1 << TypeSubscribe
	inSuback      typeSet = 1 << TypeSuback
	inUnsubscribe typeSet = 1 << TypeUnsubscribe
	inUnsuback    typeSet = 1 << TypeUnsuback
	inDisconnect  typeSet = 1 << TypeDisconnect
	inAuth        typeSet = 1 << TypeAuth

	inPubAcks = inPuback | inPubrec // answers to a PUBLISH
	inRelAcks = inPubrel | inPubcomp
	inSubAcks = inSuback | inUnsuback
	inClosers = inConnack | inDisconnect // packets that end a connection
	inReasons = inConnack | inPubAcks | inRelAcks | inSubAcks | inDisconnect | inAuth
)

// reasonInfo is a row of the reason table.
type reasonInfo struct {
	name    string
	in      typeSet // the packet types that may carry it
	connack byte    // the CONNACK return code that stands for it in 3.x
}

// reasons is the reason table (§2.4, table 2-6). A row without a name is a
// code that MQTT does not define. A code for which 3.x has no return code of
// its own becomes 3, "server unavailable": a retry later may help.
var reasons = [256]reasonInfo{
	Success:                     {"Success", inReasons, accepted3},
	GrantedQoS1:                 {"Granted QoS 1", inSuback, refusedUnavailable3},
	GrantedQoS2:                 {"Granted QoS 2", inSuback, refusedUnavailable3},
	DisconnectWithWill:          {"Disconnect with Will Message", inDisconnect, refusedUnavailable3},
	NoMatchingSubscribers:       {"No matching subscribers", inPubAcks, refusedUnavailable3},
	NoSubscriptionExisted:       {"No subscription existed", inUnsuback, refusedUnavailable3},
	ContinueAuthentication:      {"Continue authentication", inAuth, refusedUnavailable3},
	Reauthenticate:              {"Re-authenticate", inAuth, refusedUnavailable3},
	UnspecifiedError:            {"Unspecified error", inClosers | inPubAcks | inSubAcks, refusedUnavailable3},
	MalformedPacket:             {"Malformed Packet", inClosers, refusedUnavailable3},
	ProtocolError:               {"Protocol Error", inClosers, refusedUnavailable3},
	ImplementationSpecificError: {"Implementation specific error", inClosers | inPubAcks | inSubAcks, refusedUnavailable3},
	UnsupportedProtocolVersion:  {"Unsupported Protocol Version", inConnack, refusedVersion3},
	ClientIDNotValid:            {"Client Identifier not valid", inConnack, refusedIdentifier3},
	BadUsernameOrPassword:       {"Bad User Name or Password", inConnack, refusedCredentials3},
	NotAuthorized:               {"Not authorized", inClosers | inPubAcks | inSubAcks, refusedUnauthorized3},
	ServerUnavailable:           {"Server unavailable", inConnack, refusedUnavailable3},
	ServerBusy:                  {"Server busy", inClosers, refusedUnavailable3},
	Banned:                      {"Banned", inConnack, refusedUnauthorized3},
	ServerShuttingDown:          {"Server shutting down", inDisconnect, refusedUnavailable3},
	BadAuthMethod:               {"Bad authentication method", inClosers, refusedUnauthorized3},
	KeepAliveTimeout:            {"Keep Alive timeout", inDisconnect, refusedUnavailable3},
	SessionTakenOver:            {"Session taken over", inDisconnect, refusedUnavailable3},
	TopicFilterInvalid:          {"Topic Filter invalid", inSubAcks | inDisconnect, refusedUnavailable3},
	TopicNameInvalid:            {"Topic Name invalid", inClosers | inPubAcks, refusedUnavailable3},
	PacketIDInUse:               {"Packet Identifier in use", inPubAcks | inSubAcks, refusedUnavailable3},
	PacketIDNotFound:            {"Packet Identifier not found", inRelAcks, refusedUnavailable3},
	ReceiveMaximumExceeded:      {"Receive Maximum exceeded", inDisconnect, refusedUnavailable3},
	TopicAliasInvalid:           {"Topic Alias invalid", inDisconnect, refusedUnavailable3},
	PacketTooLarge:              {"Packet too large", inClosers, refusedUnavailable3},
	MessageRateTooHigh:          {"Message rate too high", inDisconnect, refusedUnavailable3},
	QuotaExceeded:               {"Quota exceeded", inClosers | inPubAcks | inSuback, refusedUnavailable3},
	AdministrativeAction:        {"Administrative action", inDisconnect, refusedUnavailable3},
	PayloadFormatInvalid:        {"Payload format invalid", inClosers | inPubAcks, refusedUnavailable3},
	RetainNotSupported:          {"Retain not supported", inClosers, refusedUnavailable3},
	QoSNotSupported:             {"QoS not supported", inClosers, refusedUnavailable3},
	UseAnotherServer:            {"Use another server", inClosers, refusedUnavailable3},
	ServerMoved:                 {"Server moved", inClosers, refusedUnavailable3},
	SharedSubsNotSupported:      {"Shared Subscriptions not supported", inSuback | inDisconnect, refusedUnavailable3},
	ConnectionRateExceeded:      {"Connection rate exceeded", inClosers, refusedUnavailable3},
	MaximumConnectTime:          {"Maximum connect time", inDisconnect, refusedUnavailable3},
	SubIDsNotSupported:          {"Subscription Identifiers not supported", inSuback | inDisconnect, refusedUnavailable3},
	WildcardSubsNotSupported:    {"Wildcard Subscriptions not supported", inSuback | inDisconnect, refusedUnavailable3},
}

// String is the name the specification gives the code, or its hexadecimal
// value when it defines none.
func (r Reason) String() string {
	if name := reasons[r].name; name != "" {
		return name
	}
	return "Reason 0x" + strconv.FormatUint(uint64(r), 16)
}

// IsError reports whether the code is a failure: 0x80 or above (§2.4).
func (r Reason) IsError() bool { return r >= 0x80 }

// AllowedIn reports whether MQTT 5.0 lets packets of type t carry the code.
func (r Reason) AllowedIn(t Type) bool { return t <= TypeAuth && reasons[r].in&(1<<t) != 0 }

// ReturnCode is the CONNACK return code (0 to 5) that stands for the reason in
// MQTT 3.1 and 3.1.1. These know no code for a malformed CONNECT: close the
// connection without a CONNACK (3.1.1 [MQTT-3.1.4-1]).
func (r Reason) ReturnCode() byte {
	if reasons[r].name == "" {
		return refusedUnavailable3
	}
	return reasons[r].connack
}

// suback3 is the byte that stands for the reason in a SUBACK of MQTT 3.x.
func (r Reason) suback3() byte {
	if r.IsError() {
		return failure3
	}
	return byte(r)
}

// returnCodes3 are the reasons of the 3.x return codes, for decoding.
var returnCodes3 = [...]Reason{
	accepted3:            Success,
	refusedVersion3:      UnsupportedProtocolVersion,
	refusedIdentifier3:   ClientIDNotValid,
	refusedUnavailable3:  ServerUnavailable,
	refusedCredentials3:  BadUsernameOrPassword,
	refusedUnauthorized3: NotAuthorized,
}
