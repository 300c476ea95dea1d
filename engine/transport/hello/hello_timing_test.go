package hello

import "testing"

// What a hello costs the event loop when a plugin is to be asked about it.
func BenchmarkParse(b *testing.B) {
	wire := undump(b, "testdata/openssl.hex")
	b.ReportAllocs()
	for b.Loop() {
		msg, _, err := Cut(wire)
		if err != nil {
			b.Fatal(err)
		}
		h, err := Parse(msg)
		if err != nil || len(h.JA4()) != 36 {
			b.Fatal(h, err)
		}
	}
}
