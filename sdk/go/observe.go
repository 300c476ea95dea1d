package wicket

import "github.com/wicketmq/wicket/sdk/go/wire"

// Event is something that has happened to a client.
type Event = wire.Event

// The kinds of events: Event.Kind.
const (
	Connected    = wire.EventConnected
	Disconnected = wire.EventDisconnected
	Refused      = wire.EventRefused      // a CONNECT was answered by a denial
	Subscribed   = wire.EventSubscribed   // filters that were granted
	Unsubscribed = wire.EventUnsubscribed // filters that the client has given up
	Denied       = wire.EventDenied       // a PUBLISH or SUBSCRIBE was not permitted
)

var kindNames = [...]string{"", "connected", "disconnected", "refused", "subscribed", "unsubscribed", "denied"}

// KindName is the name of a kind of events, as the operator writes it; empty for
// one that this SDK does not know.
func KindName(kind uint32) string {
	if int(kind) < len(kindNames) {
		return kindNames[kind]
	}
	return ""
}

// observer is the handler of events.
var observer struct {
	f     func(*Context, *Event)
	kinds uint64
}

// OnEvent registers what is told of events, after the fact, of the kinds given or
// of all: those of them that the operator has named under the plugin's events.
// They come in their order, to one instance. The function may wait for the
// broker; further events do not wait for it. Without room events are dropped,
// and Event.Dropped says how many.
func OnEvent(f func(*Context, *Event), kinds ...uint32) {
	observer.f, observer.kinds = f, 0
	for _, k := range kinds {
		observer.kinds |= 1 << k
	}
	if len(kinds) == 0 {
		observer.kinds = 1<<64 - 1
	}
}

// observed runs the handler of an event.
func observed(ctx *Context, e *Event) {
	if observer.f != nil && e.Kind < 64 && observer.kinds&(1<<e.Kind) != 0 {
		observer.f(ctx, e)
	}
}

// Parting says whom to disconnect, and why.
type Parting = wire.Disconnect

// Disconnect disconnects a client, soon, if it is there and has the name given.
// Its session stays. It needs the grant "disconnect". ErrBusy says that there
// have been too many in a second, 1,000.
func Disconnect(p Parting) error {
	switch disconnect(&p) {
	case 0:
		return nil
	case -2:
		return ErrBusy
	}
	return ErrMalformed
}

// The bits of Load.Features: what the operator has granted.
const (
	FeaturePassword   = 1 << iota // VerifyPassword
	FeatureHTTP                   // HTTP
	FeatureKV                     // KV
	FeatureMetrics                // NewCounter and its like
	FeatureTimers                 // After and Every
	FeatureJWT                    // tokens
	FeatureDisconnect             // Disconnect
	FeatureEvents                 // OnEvent: the operator has named events
)
