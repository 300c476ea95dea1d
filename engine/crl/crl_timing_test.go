package crl

import (
	"math/big"
	"runtime"
	"testing"
)

func BenchmarkFind(b *testing.B) {
	const n = 1_000_000
	runs, entries, err := compact(bigRevoked(n))
	if err != nil {
		b.Fatal(err)
	}
	l := &list{runs: runs, entries: entries}
	b.ReportAllocs()
	var serials [4096]*big.Int // every other one is named
	for i := range serials {
		serials[i] = bigSerial(i * 2 * n / len(serials))
	}
	i := 0
	for b.Loop() {
		l.find(serials[i%len(serials)])
		i++
	}
	b.ReportMetric(float64(l.bytes())/n, "bytes/entry")
}

// BenchmarkLoad takes a list of 10^6 entries from the bytes of an answer to
// what is kept, with its signature.
func BenchmarkLoad(b *testing.B) {
	root := issue(b, "root", nil, ca)
	der := bigList(b, root, 1_000_000)
	b.SetBytes(int64(len(der)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := load(der, root.cert, root.cert.NotAfter); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheck is what a handshake pays when the list is in the cache.
func BenchmarkCheck(b *testing.B) {
	w := newWeb(b)
	root := issue(b, "root", nil, ca)
	device := issue(b, "device", root, at(w.put("/list", bigList(b, root, 100_000))))
	k := newChecker(b, newCache(b, Options{}), CheckerOptions{})
	p := path(device, root)
	wants(b, k.Check(b.Context(), p), "")
	b.Run("Check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := k.Check(b.Context(), p); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Known", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := k.Known(p); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// bigList makes a signed list of n entries.
func bigList(t testing.TB, by *entity, n int) []byte {
	t.Helper()
	der := by.publish(t, nil, by) // revokes itself, for there to be entries
	_, _, revoked, err := cut(der)
	if err != nil {
		t.Fatal(err)
	}
	return resign(t, by, der, func(tbs []byte) []byte { return replaceRevoked(tbs, revoked, bigRevoked(n)) })
}

// TestMemory holds the bound of what a large list costs: to keep, and on the
// way there beyond the bytes of the answer.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a list of 10^5 entries")
	}
	const n = 100_000
	root := issue(t, "root", nil, ca)
	der := bigList(t, root, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l, err := load(der, root.cert, root.cert.NotAfter)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 25*n || l.bytes() != 21*n {
		t.Errorf("%d bytes an entry, %d of them counted", kept/n, l.bytes()/n)
	}
	if churn := int64(after.TotalAlloc - before.TotalAlloc); churn > 200*n {
		t.Errorf("%d bytes an entry allocated on the way", churn/n)
	}
	runtime.KeepAlive(der)
}
