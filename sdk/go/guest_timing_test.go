//go:build linux

package wicket_test

import (
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

// event is a CONNECT over mutual TLS, as large as they usually are.
func event(user string) *wire.Authenticate {
	e := connect(user)
	e.KeepAlive, e.Listener, e.Transport, e.Peer = 60, "tls:default", "tls", "192.0.2.7:51234"
	e.TLS = &wire.TLS{
		Version: "TLS 1.3", Suite: "TLS_AES_128_GCM_SHA256", SNI: "broker.example.com",
		CertificatePresented: true, CertificateVerified: true, CommonName: "device-17",
		Subject: "CN=device-17,O=Example,C=DE", SAN: []string{"dns:device-17.example.com"},
		Fingerprint: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Serial: "01",
	}
	return e
}

// BenchmarkAuthenticate measures what one CONNECT costs in the guest, with the
// event written and the answer read, without the host's guard. cpu-ns/op is the
// time of the thread that ran it, which a busy machine does not distort.
func BenchmarkAuthenticate(b *testing.B) {
	for _, kind := range []string{"plain/allow", "now/allow", "now/rules", "goroutine/allow", "goroutine/rules", "goroutine/verify"} {
		b.Run(kind, func(b *testing.B) {
			g := open(b)
			plugin, user, _ := strings.Cut(kind, "/")
			e := event(user)
			if plugin == "plain" { // a CONNECT over plain TCP
				plugin, e.TLS = "now", nil
			}
			g.Load(&wire.Load{Plugin: plugin})
			var req int64
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			start := threadTime(b)
			for b.Loop() {
				req++
				g.Authenticate(req, e)
				if user == "verify" {
					g.Complete(g.Calls[0].ID, wire.OK, "")
					g.Calls = g.Calls[:0]
				}
				delete(g.Answers, req)
			}
			b.ReportMetric(float64(threadTime(b)-start)/float64(b.N), "cpu-ns/op")
		})
	}
}

// threadTime returns the processor time of this thread in nanoseconds.
func threadTime(b *testing.B) int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Skip(err)
	}
	return t.Nano()
}
