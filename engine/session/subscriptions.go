package session

import (
	"iter"
	"slices"
)

// Subscription is one filter a session is subscribed to. Filter is the text
// of the SUBSCRIBE, "$share/NAME/" included.
type Subscription struct {
	Filter            string
	ID                uint32 // Subscription Identifier, 0 = none
	QoS               byte
	NoLocal           bool
	RetainAsPublished bool
}

// indexFrom is the number of subscriptions from which on a map pays: nearly
// every device has fewer.
const indexFrom = 9

// Subscriptions is the set of subscriptions of a session, one per filter
// [MQTT-3.8.4-3].
type Subscriptions struct {
	list []Subscription
	at   map[string]int // filter → place in list; nil while the list is short
}

// Len is the number of subscriptions.
func (s *Subscriptions) Len() int { return len(s.list) }

// All yields every subscription, in no order; the set must not be changed
// meanwhile.
func (s *Subscriptions) All() iter.Seq[Subscription] { return slices.Values(s.list) }

// Find returns the subscription with the filter, or nil. The pointer is good
// until the next change.
func (s *Subscriptions) Find(filter []byte) *Subscription {
	if s.at != nil {
		if i, ok := s.at[string(filter)]; ok {
			return &s.list[i]
		}
		return nil
	}
	for i := range s.list {
		if s.list[i].Filter == string(filter) {
			return &s.list[i]
		}
	}
	return nil
}

// Put adds sub or replaces the one with the same filter.
func (s *Subscriptions) Put(sub Subscription) {
	if old := s.Find([]byte(sub.Filter)); old != nil {
		*old = sub
		return
	}
	s.list = append(s.list, sub)
	switch {
	case s.at != nil:
		s.at[sub.Filter] = len(s.list) - 1
	case len(s.list) >= indexFrom:
		s.at = make(map[string]int, 2*indexFrom)
		for i := range s.list {
			s.at[s.list[i].Filter] = i
		}
	}
}

// Remove takes the subscription with the filter out and returns it.
func (s *Subscriptions) Remove(filter []byte) (Subscription, bool) {
	old := s.Find(filter)
	if old == nil {
		return Subscription{}, false
	}
	gone, last := *old, len(s.list)-1
	*old = s.list[last]
	if s.at != nil {
		s.at[old.Filter] = s.at[gone.Filter]
		delete(s.at, gone.Filter)
	}
	s.list[last] = Subscription{}
	s.list = s.list[:last]
	if last == 0 {
		*s = Subscriptions{}
	}
	return gone, true
}
