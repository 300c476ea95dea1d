package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/sdk/tck/harness"
)

// A plugin says who may begin a TLS handshake, before anything is computed for
// it (ABI 1.3, wicket_client_hello).

// greeted starts a broker whose chain is one plugin, with TLS
// listeners "default", "behind" a proxy and "flooded".
func greeted(t *testing.T, plugin []byte, settings, tlsMore string) (p *process, data, ca string) {
	t.Helper()
	dir := t.TempDir()
	must(t, dir, binary, "cert", "ca")
	must(t, dir, binary, "cert", "server", "localhost")
	write(t, filepath.Join(dir, "plugin.wasm"), string(plugin))
	conf := fmt.Sprintf(`
data_dir: data
auth: { anonymous: allow, chain: [guard] }
authz: { no_match: allow }
plugins:
  guard: { file: plugin.wasm, %[1]s }
listeners:
  tls:
    default: { bind: "127.0.0.1:0", tls: { certfile: localhost.pem, keyfile: localhost.key%[2]s } }
    behind: { bind: "127.0.0.1:0", proxy_protocol: true, tls: { certfile: localhost.pem, keyfile: localhost.key%[2]s } }
    flooded: { bind: "127.0.0.1:0", tls: { certfile: localhost.pem, keyfile: localhost.key%[2]s } }
`, settings, tlsMore)
	p = start(t, "-c", write(t, filepath.Join(dir, "wicket.yaml"), conf))
	return p, filepath.Join(dir, "data"), filepath.Join(dir, "ca.pem")
}

// hasAccess connects by MQTT on a connection that is open.
func hasAccess(c net.Conn) error {
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write(connectOf(unique("c"), "", "")); err != nil {
		return err
	}
	ack := make([]byte, 4)
	if _, err := io.ReadFull(c, ack); err != nil {
		return err
	}
	if string(ack) != "\x20\x02\x00\x00" {
		return fmt.Errorf("CONNACK % x", ack)
	}
	return nil
}

// asking is a client on a raw connection that asks for a name; without the keys
// of hybrid groups its hello is short.
func asking(raw net.Conn, name string) *tls.Conn {
	return tls.Client(raw, &tls.Config{ServerName: name, InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519}})
}

// pieces writes whatever is written in pieces of a size.
type pieces struct {
	net.Conn
	size int
}

func (p pieces) Write(b []byte) (n int, err error) {
	for part := range slices.Chunk(b, p.size) {
		k, err := p.Conn.Write(part)
		if n += k; err != nil {
			return n, err
		}
		time.Sleep(20 * time.Microsecond)
	}
	return n, nil
}

// halved spreads the first record over two (RFC 8446 section 5.1).
type halved struct {
	net.Conn
	done bool
}

func (h *halved) Write(b []byte) (int, error) {
	if h.done {
		return h.Conn.Write(b)
	}
	h.done = true
	length := int(b[3])<<8 | int(b[4])
	header := func(n int) []byte { return []byte{b[0], b[1], b[2], byte(n >> 8), byte(n)} }
	half := length / 2
	_, err := h.Conn.Write(slices.Concat(header(half), b[5:5+half], header(length-half), b[5+half:]))
	return len(b), err
}

func TestClientHelloGuard(t *testing.T) {
	t.Parallel()
	p, data, ca := greeted(t, harness.Build(t, "../../../examples/hello-guard"),
		`config: { server_names: [localhost, 127.0.0.1], deny_networks: [203.0.113.0/24] }`, "")
	addr := p.addr("tls:default")

	t.Run("openssl", func(t *testing.T) {
		for _, version := range []string{"-tls1_3", "-tls1_2"} {
			if said := handshake(t, addr, "-CAfile", ca, "-servername", "scanner.example", version); !strings.Contains(said, "alert number 49") {
				t.Errorf("%s: another name is not refused by alert 49 (access_denied):\n%s", version, said)
			}
			if said := handshake(t, addr, "-CAfile", ca, "-servername", "localhost", version); !strings.Contains(said, "Verify return code: 0 (ok)") {
				t.Errorf("%s: the right name is not served:\n%s", version, said)
			}
		}
		l := p.wait("connection turned away", patience)
		if l.text("decider") != "guard" || l.text("sni") != "scanner.example" || l.text("reason_text") != "no such server name" || !strings.HasPrefix(l.text("ja4"), "t13d") {
			t.Errorf("the log says %v", l)
		}
	})
	t.Run("mosquitto", func(t *testing.T) { chat(t, addr, "--cafile", ca, "--insecure") })
	t.Run("pieces", func(t *testing.T) {
		for name, wrap := range map[string]func(net.Conn) net.Conn{
			"bytes":       func(c net.Conn) net.Conn { return pieces{c, 1} },
			"two records": func(c net.Conn) net.Conn { return &halved{Conn: c} },
			"both":        func(c net.Conn) net.Conn { return &halved{Conn: pieces{c, 1}} },
		} {
			if err := hasAccess(asking(wrap(dial(t, addr, "").Conn), "localhost")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if err := hasAccess(asking(wrap(dial(t, addr, "").Conn), "other")); err == nil || !strings.Contains(err.Error(), "access denied") {
				t.Errorf("%s, another name: %v", name, err)
			}
		}
	})
	t.Run("proxy", func(t *testing.T) {
		for source, welcome := range map[string]bool{"203.0.113.9": false, "192.0.2.9": true} {
			w := dial(t, p.addr("tls:behind"), "")
			w.sends(header2(source))
			if err := hasAccess(asking(w.Conn, "localhost")); (err == nil) != welcome {
				t.Errorf("%s: %v", source, err)
			}
		}
	})
	t.Run("flood", func(t *testing.T) { floodOfHellos(t, p, data) })
}

// floodOfHellos: those that are refused begin no handshake, so nothing is signed
// for them, and a client that is in is served meanwhile.
func floodOfHellos(t *testing.T, p *process, data string) {
	const flood, callers = 400, 8
	addr := p.addr("tls:flooded")
	in := asking(dial(t, addr, "").Conn, "localhost")
	if err := hasAccess(in); err != nil {
		t.Fatal(err)
	}
	wire := helloOf(t, "flood.example")
	done := make(chan error, callers)
	for range callers {
		go func() {
			for range flood / callers {
				if err := refused(addr, wire); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	var slowest time.Duration
	for left := callers; left > 0; {
		select {
		case err := <-done:
			if left--; err != nil {
				t.Error(err)
			}
		default:
		}
		begin := time.Now()
		if _, err := in.Write([]byte{0xC0, 0}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(in, make([]byte, 2)); err != nil {
			t.Fatal(err)
		}
		slowest = max(slowest, time.Since(begin))
	}
	t.Logf("%d hellos refused; the slowest answer to a ping took %v", flood, slowest)
	if slowest > 2*time.Second {
		t.Errorf("a client that is in waited %v", slowest)
	}
	s := listenerOf(t, statusOf(t, data), "tls:flooded")
	if s.Shed["hello_denied"] != flood || s.Handshakes != 1 || len(s.Refused) != 0 {
		t.Errorf("%v are turned away, %d handshakes, %v refused; want %d, 1 and none", s.Shed, s.Handshakes, s.Refused, flood)
	}
}

// refused sends a hello and expects the alert access_denied, and the end.
func refused(addr string, hello []byte) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write(hello); err != nil {
		return err
	}
	switch got, err := io.ReadAll(c); {
	case err != nil:
		return err
	case string(got) != "\x15\x03\x03\x00\x02\x02\x31":
		return fmt.Errorf("answered % x", got)
	}
	return nil
}

// helloOf is the first that a client sends.
func helloOf(t *testing.T, name string) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer server.Close()
	go func() { _ = asking(client, name).Handshake() }()
	b := make([]byte, 64<<10)
	n, err := server.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// A plugin that never answers costs its question the plugin's timeout, and then
// on_error decides; the time of the handshake ends it before. Others are served.
func TestClientHelloWithoutAnswer(t *testing.T) {
	t.Parallel()
	module := harness.Build(t, "testdata/mute")
	for name, tt := range map[string]struct {
		settings, tls string
		shed, refused string // what is counted, or nothing when it is served
	}{
		"denied":   {"timeout: 500ms", "", "hello_denied", ""},
		"next":     {"timeout: 500ms, on_error: next", "", "", ""},
		"too late": {"timeout: 30s, on_error: next", ", handshake_timeout: 500ms", "", "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			p, data, _ := greeted(t, module, tt.settings, tt.tls)
			addr := p.addr("tls:default")
			begin := time.Now()
			answer := make(chan error, 1)
			mute := asking(dial(t, addr, "").Conn, "mute.example")
			go func() { answer <- hasAccess(mute) }()
			for range 10 {
				if err := hasAccess(asking(dial(t, addr, "").Conn, "other.example")); err != nil {
					t.Error(err)
				}
			}
			err := <-answer
			if took := time.Since(begin); took < 450*time.Millisecond || took > 8*time.Second {
				t.Errorf("answered after %v", took)
			}
			var alert tls.AlertError
			switch served := tt.shed == "" && tt.refused == ""; {
			case served != (err == nil):
				t.Errorf("%v", err)
			case tt.shed != "" && (!errors.As(err, &alert) || alert != 49) && !strings.Contains(err.Error(), "access denied"):
				t.Errorf("%v, want access denied", err)
			}
			s := listenerOf(t, statusOf(t, data), "tls:default")
			if s.Shed[tt.shed] != once(tt.shed) || s.Refused[tt.refused] != once(tt.refused) {
				t.Errorf("counted %v, refused %v", s.Shed, s.Refused)
			}
		})
	}
}

// once is how often a reason is counted: not at all when there is none.
func once(reason string) uint64 {
	if reason == "" {
		return 0
	}
	return 1
}
