package reactor

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/wasm"
	"github.com/wicketmq/wicket/sdk/tck/harness"
)

// BenchmarkHello compares what connections cost the process, client included,
// which sends bytes that were recorded and computes nothing: one that speaks
// another protocol, so that the rest can be seen without the connection itself;
// one whose hello a plugin refuses; one that gets as far as the server's last
// message of the handshake, with the signature in it, and then gives up; and the
// same when a plugin has let it pass. They take turns within one iteration:
//
//	go test -run '^$' -bench Hello ./engine/reactor
//
// The unit ratio is that of refused to failed, without the connection itself;
// passing is what the plugin adds to a handshake.
func BenchmarkHello(b *testing.B) {
	host, err := wasm.NewHost(wasm.HostOptions{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer host.Close()
	guard, err := host.Open(b.Context(), wasm.Options{
		Name: "guard", Module: harness.Build(b, "../../examples/hello-guard"), Config: []byte(`{"server_names":["allow.example"]}`), Workers: 2,
		Limits: wasm.Limits{AuthenticateSlice: 10 * time.Second}, // the machine may be busy
	})
	if err != nil {
		b.Fatal(err)
	}
	defer guard.Close(b.Context())
	quiet := func(o *Options) { o.Log = slog.New(slog.DiscardHandler) }
	open := newGatedWorld(b, auth.Options{Anonymous: auth.AnonymousAllow}, quiet)
	guarded := newGatedWorld(b, auth.Options{Chain: []auth.Decider{guard}, Anonymous: auth.AnonymousAllow}, quiet)
	refused, passed := recordHello(b, "other.example"), recordHello(b, "allow.example")
	kinds := []struct {
		name  string
		world *world
		hello []byte
		spent time.Duration
	}{
		{"connection", open, []byte("GET / HTTP/1.1\r\n"), 0},
		{"refused", guarded, refused, 0}, {"failed", open, passed, 0}, {"passed", guarded, passed, 0},
	}
	const round = 16
	answer := make([]byte, 16<<10)
	for b.Loop() {
		for i := range kinds {
			k := &kinds[i]
			before := spent(b)
			for range round {
				c, err := net.Dial("tcp", k.world.r.Stats()[1].Bind)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := c.Write(k.hello); err != nil {
					b.Fatal(err)
				}
				n, err := c.Read(answer)
				if alert := n == 7 && answer[6] == 49; n == 0 != (k.name == "connection") || alert != (k.name == "refused") {
					b.Fatalf("%s: answered % x, %v", k.name, answer[:n], err)
				}
				c.Close()
			}
			k.spent += spent(b) - before
		}
	}
	b.ReportMetric(0, "ns/op") // of all together says nothing
	each := func(i int) float64 { return float64(kinds[i].spent.Nanoseconds()) / float64(b.N*round) / 1000 }
	for i := range kinds {
		b.ReportMetric(each(i), kinds[i].name+"-µs")
	}
	b.ReportMetric((each(1)-each(0))/(each(2)-each(0)), "ratio")
	b.ReportMetric(each(3)-each(2), "passing-µs")
	s := guard.Stats()
	b.ReportMetric(float64(s.CallTime.Nanoseconds())/float64(s.Calls)/1000, "guest-µs")
}

// recordHello is the first that a client sends.
func recordHello(b testing.TB, name string) []byte {
	b.Helper()
	client, server := net.Pipe()
	defer server.Close()
	go func() { _ = tls.Client(client, &tls.Config{ServerName: name}).Handshake() }()
	wire := make([]byte, 64<<10)
	n, err := io.ReadAtLeast(server, wire, 1)
	if err != nil {
		b.Fatal(err)
	}
	return wire[:n]
}

// spent is the processor time of the process.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
