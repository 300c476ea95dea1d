// Package session keeps what MQTT calls the session state of one client
// (§4.1): its subscriptions, the messages on their way to it, and the packet
// ids of QoS 2 messages that have come from it.
//
// A session is touched only by the event loop that owns it at the moment;
// nothing here locks. Whatever a session does not use costs it nothing: the
// window and queue of outgoing messages come from the loop's Pool when the
// first message has to wait and go back when the last one is acknowledged.
// Messages are immutable and shared by all sessions that have them.
package session

import "github.com/wicketmq/wicket/engine/wheel"

// NeverExpires is the Session Expiry Interval of a session that is kept until
// somebody ends it (§3.1.2.11.2), and of a 3.1.1 session with Clean Session 0.
const NeverExpires = 1<<32 - 1

// Session is the state of one client id. The zero value, with ClientID set,
// is a new session.
type Session struct {
	ClientID string
	Subs     Subscriptions
	out      *Outbound // nil while nothing is on its way
	received *[]uint16 // sorted ids of QoS 2 messages without PUBREL yet; nil if there are none
	Expiry   uint32    // seconds to live without a connection; NeverExpires
	lastID   uint16    // the packet id given out last

	// The broker's notes about the subscriptions; here they fill a gap.
	Judged bool // whether they are still permitted is being asked: nothing goes out
	Bereft bool // some were taken out, and messages that came by them may wait
}

// Idle reports whether no message is on its way to the client.
func (s *Session) Idle() bool { return s.out == nil }

// Inflight is the number of messages sent in this or an earlier connection
// and not yet acknowledged to the end.
func (s *Session) Inflight() int {
	if s.out == nil {
		return 0
	}
	return s.out.live
}

// Queued is the number of messages that wait for room in the window.
func (s *Session) Queued() int {
	if s.out == nil {
		return 0
	}
	return s.out.queue.n
}

// Waiting reports whether Next would have something to send if the window
// had room.
func (s *Session) Waiting() bool {
	return s.out != nil && (s.out.cursor < s.out.n || s.out.queue.n > 0)
}

// Clear forgets every message and packet id, as the end of a session does.
func (s *Session) Clear(p *Pool) {
	if s.out != nil {
		p.put(s.out)
		s.out = nil
	}
	s.received = nil
	s.Subs = Subscriptions{}
}

// Expired reports whether a message that expires at the tick given has done
// so; 0 never does.
func Expired(at, now wheel.Tick) bool { return at != 0 && at <= now }

// LastID is the packet id given out last, 0 before the first.
func (s *Session) LastID() uint16 { return s.lastID }
