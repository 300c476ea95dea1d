package auth

import (
	"net/netip"
	"time"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// EventKind is what has happened; the numbers are those of the plugin ABI.
type EventKind uint8

// The kinds of events.
const (
	EventConnected    EventKind = 1 + iota
	EventDisconnected           // a client that was connected is gone
	EventRefused                // a CONNECT was answered by a denial
	EventSubscribed             // filters that were granted
	EventUnsubscribed           // filters that the client has given up
	EventDenied                 // a PUBLISH or SUBSCRIBE was not permitted
	eventKinds
)

var eventNames = [eventKinds]string{"", "connected", "disconnected", "refused", "subscribed", "unsubscribed", "denied"}

// String returns the name of a kind in the configuration.
func (k EventKind) String() string {
	if k >= eventKinds {
		return ""
	}
	return eventNames[k]
}

// ParseEventKind is the opposite of String.
func ParseEventKind(name string) (kind EventKind, ok bool) {
	for k := EventConnected; k < eventKinds; k++ {
		if eventNames[k] == name {
			return k, true
		}
	}
	return 0, false
}

// Event is something that has happened to a client. Nobody changes it.
type Event struct {
	Kind       EventKind
	Time       time.Time
	ClientID   string
	Username   string
	Listener   string
	Peer       netip.AddrPort
	Reason     mqtt.Reason // of EventDisconnected and EventRefused
	ReasonText string
	Action     Action // of EventDenied
	Items      []Item // of EventSubscribed, EventUnsubscribed and EventDenied
	Decider    string // of EventConnected and EventRefused: see [Outcome.Decider]
	Attributes map[string]string
}

// Observer hears of events. It is asked once what it observes. Observe is called
// on event loops, must not wait, and may be called a little longer than a gate
// is in use.
type Observer interface {
	Observes(EventKind) bool
	Observe(*Event)
}

// observers are those of a gate.
type observers struct {
	list [eventKinds][]Observer
}

func (o *observers) add(list []Observer) {
	for _, one := range list {
		for k := EventConnected; k < eventKinds; k++ {
			if one.Observes(k) {
				o.list[k] = append(o.list[k], one)
			}
		}
	}
}

// Observed says whether anybody wants to hear of events of a kind. Who asks
// before an event is made pays nothing for those that nobody wants.
func (g *Gate) Observed(k EventKind) bool { return len(g.observers.list[k]) > 0 }

// Observe tells the observers what has happened, and when. The event is not to be
// changed afterwards.
func (g *Gate) Observe(e *Event) {
	e.Time = g.clock()
	for _, o := range g.observers.list[e.Kind] {
		o.Observe(e)
	}
}
