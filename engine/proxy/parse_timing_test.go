package proxy

import "testing"

var timed = []struct {
	name  string
	bytes []byte
}{
	{"v1-tcp4", []byte("PROXY TCP4 192.0.2.1 198.51.100.1 49153 8883\r\n")},
	{"v1-tcp6", []byte("PROXY TCP6 2001:db8::1 2001:db8::2 49153 8883\r\n")},
	{"v2-tcp4", v2(0x21, 0x11, inet)},
	{"v2-tcp6", v2(0x21, 0x21, inet6)},
	{"v2-ssl-cn", sealed(v2(0x21, 0x11, inet, tlv(typeALPN, []byte("mqtt")), ssl(7, 0, tlv(subVersion, []byte("TLSv1.3")), tlv(subCN, []byte("device-000001"))), tlv(typeCRC32C, make([]byte, 4))))},
}

// A header costs no memory: a proxy in front of a broker sends one for each
// connection, and a storm brings all of them at once.
func TestParseAllocatesNothing(t *testing.T) {
	for _, c := range timed {
		if n := testing.AllocsPerRun(1000, func() {
			if _, _, err := Parse(c.bytes); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
	if n := testing.AllocsPerRun(1000, func() { _, _, _ = Parse(timed[0].bytes[:20]) }); n != 0 {
		t.Errorf("a part of a header: %v allocations", n)
	}
}

func BenchmarkParse(b *testing.B) {
	for _, c := range timed {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := Parse(c.bytes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
