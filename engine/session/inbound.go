package session

import "slices"

// Receive notes the packet id of a QoS 2 PUBLISH; fresh is false when the
// message with this id has been received before and not been released, so
// that it must not be passed on again [MQTT-4.3.3-10].
func (s *Session) Receive(id uint16) (fresh bool) {
	if s.received == nil {
		s.received = new([]uint16)
	}
	at, found := slices.BinarySearch(*s.received, id)
	if found {
		return false
	}
	*s.received = slices.Insert(*s.received, at, id)
	return true
}

// Receiving reports whether the id is noted.
func (s *Session) Receiving(id uint16) bool {
	if s.received == nil {
		return false
	}
	_, found := slices.BinarySearch(*s.received, id)
	return found
}

// Received is the number of QoS 2 messages that wait for their PUBREL.
func (s *Session) Received() int {
	if s.received == nil {
		return 0
	}
	return len(*s.received)
}

// Release forgets the id after PUBREL; known is false when it was not noted.
// An emptied set is kept for the next message: clients that use QoS 2 use it
// again.
func (s *Session) Release(id uint16) (known bool) {
	if s.received == nil {
		return false
	}
	at, found := slices.BinarySearch(*s.received, id)
	if !found {
		return false
	}
	*s.received = slices.Delete(*s.received, at, at+1)
	if len(*s.received) == 0 && cap(*s.received) > 16 {
		s.received = nil
	}
	return true
}
