package password

import "testing"

func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range Algorithms {
		h, err := Hash(algorithm, []byte("secret"))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(algorithm, func(b *testing.B) {
			for b.Loop() {
				if ok, err := Verify(h, []byte("secret")); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}
