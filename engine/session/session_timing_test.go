package session

import "testing"

// One message through the window, 32 at a time, acknowledged in order.
func BenchmarkSendPuback(b *testing.B) {
	var p Pool
	var s Session
	b.ReportAllocs()
	for b.Loop() {
		first := nextID(s.lastID)
		for range 32 {
			s.Send(&p, delivery0)
		}
		for i := range 32 {
			s.Puback(&p, idAt(first, i))
		}
	}
}

// A QoS 2 exchange in both directions.
func BenchmarkExactlyOnce(b *testing.B) {
	var p Pool
	var s Session
	d := delivery(0, 2)
	b.ReportAllocs()
	for b.Loop() {
		id := s.Send(&p, d)
		s.Pubrec(&p, id, false)
		s.Pubcomp(&p, id)
		s.Receive(id)
		s.Release(id)
	}
}
