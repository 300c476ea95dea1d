package topic

import "testing"

func BenchmarkMatch(b *testing.B) {
	name := []byte("devices/0000004711/state/temperature")
	for _, filter := range []string{"devices/+/state/#", "devices/0000004711/state/temperature"} {
		b.Run(filter, func(b *testing.B) {
			for b.Loop() {
				if !Match(filter, name) {
					b.Fatal("no match")
				}
			}
		})
	}
}

func BenchmarkCovers(b *testing.B) {
	for b.Loop() {
		if !Covers("devices/+/state/#", "devices/0000004711/state/+") {
			b.Fatal("not covered")
		}
	}
}

func BenchmarkValidName(b *testing.B) {
	name := []byte("devices/0000004711/state/temperature")
	for b.Loop() {
		if ValidName(name) != nil {
			b.Fatal("not valid")
		}
	}
}
