package session

import "slices"

// Receive notes the packet id of a QoS 2 PUBLISH; fresh is false when the
// message with this id has been received before and not been released, so
// that it must not be passed on again [MQTT-4.3.3-10].
func (s *Session) Receive(id uint16) (fresh bool) {
	at, found := slices.BinarySearch(s.received, id)
	if found {
		return false
	}
	s.received = slices.Insert(s.received, at, id)
	return true
}

// Receiving reports whether the id is noted.
func (s *Session) Receiving(id uint16) bool {
	_, found := slices.BinarySearch(s.received, id)
	return found
}

// Received is the number of QoS 2 messages that wait for their PUBREL.
func (s *Session) Received() int { return len(s.received) }

// Release forgets the id after PUBREL, or after a PUBREC that refused the
// message; known is false when it was not noted.
func (s *Session) Release(id uint16) (known bool) {
	at, found := slices.BinarySearch(s.received, id)
	if !found {
		return false
	}
	s.received = slices.Delete(s.received, at, at+1)
	if len(s.received) == 0 && cap(s.received) > 16 {
		s.received = nil
	}
	return true
}
