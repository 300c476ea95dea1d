package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Who may open a connection at all: access rules and rates, which are there
// before TLS and MQTT (LSN-05, LSN-06, TLS-28).

// admissionConf has rates so slow that no token comes back while a test runs.
const admissionConf = `
data_dir: data
auth: { anonymous: allow }
listeners:
  tcp:
    ruled: { bind: "127.0.0.1:0", access_rules: [deny 127.0.0.66, allow 127.0.0.0/24, deny all] }
    behind: { bind: "127.0.0.1:0", proxy_protocol: true, access_rules: [deny 127.0.0.66, allow all] }
    paced: { bind: "127.0.0.1:0", max_conn_rate: 5/10m }
    fair: { bind: "127.0.0.1:0", max_conn_rate: 20/10m, max_conn_rate_per_source: 5/10m }
    fair-behind: { bind: "127.0.0.1:0", proxy_protocol: true, max_conn_rate_per_source: 5/10m }
  tls:
    ruled: { bind: "127.0.0.1:0", access_rules: [deny 127.0.0.66, allow all], tls: { certfile: localhost.pem, keyfile: localhost.key } }
    fair: { bind: "127.0.0.1:0", max_conn_rate_per_source: 5/10m, tls: { certfile: localhost.pem, keyfile: localhost.key } }
`

// Two sources, and a proxy that both may come through.
const noisy, quiet, middle = "127.0.0.66", "127.0.0.7", "127.0.0.1"

func TestAdmission(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, dir, binary, "cert", "ca")
	must(t, dir, binary, "cert", "server", "localhost")
	p := start(t, "-c", write(t, filepath.Join(dir, "wicket.yaml"), admissionConf))
	config := trust(t, filepath.Join(dir, "ca.pem"))
	fromNoisy, fromQuiet := header2("192.0.2.66"), header2("192.0.2.7")
	for _, c := range []struct {
		listener     string
		config       *tls.Config
		noisy, quiet caller
		reason       string
		welcome      int  // connections of the noisy source before it is too many
		others       bool // the quiet source gets in then
	}{
		{"tcp:ruled", nil, caller{noisy, ""}, caller{quiet, ""}, "access_rules", 0, true},
		{"tls:ruled", config, caller{noisy, ""}, caller{quiet, ""}, "access_rules", 0, true},
		{"tcp:behind", nil, caller{noisy, header2(quiet)}, caller{quiet, header2(noisy)}, "access_rules", 0, true},
		{"tcp:paced", nil, caller{noisy, ""}, caller{quiet, ""}, "max_conn_rate", 5, false},
		{"tcp:fair", nil, caller{noisy, ""}, caller{quiet, ""}, "max_conn_rate_per_source", 5, true},
		{"tls:fair", config, caller{noisy, ""}, caller{quiet, ""}, "max_conn_rate_per_source", 5, true},
		{"tcp:fair-behind", nil, caller{middle, fromNoisy}, caller{middle, fromQuiet}, "max_conn_rate_per_source", 5, true},
	} {
		t.Run(c.listener, func(t *testing.T) {
			addr := p.addr(c.listener)
			for i := range noisyTries {
				if got, want := c.noisy.admitted(t, addr, c.config), i < c.welcome; got != want {
					t.Fatalf("connection %d let in: %t", i+1, got)
				}
			}
			for range quietTries {
				if got := c.quiet.admitted(t, addr, c.config); got != c.others {
					t.Errorf("the quiet source let in: %t", got)
				}
			}
			turnedAway := noisyTries - c.welcome
			if !c.others {
				turnedAway += quietTries
			}
			p.accounts(t, filepath.Join(dir, "data"), c.listener, c.reason, turnedAway)
		})
	}
}

const noisyTries, quietTries = 30, 3

// accounts compares what is told of connections turned away: all of them in the
// counters, the first of them in the log.
func (p *process) accounts(t *testing.T, data, listener, reason string, turnedAway int) {
	t.Helper()
	const all = noisyTries + quietTries
	s := listenerOf(t, statusOf(t, data), listener)
	if len(s.Shed) != 1 || s.Shed[reason] != uint64(turnedAway) || s.Accepted != all || len(s.Refused) != 0 {
		t.Errorf("of %d connections %v are turned away, handshakes refused: %v; want %s %d of %d", s.Accepted, s.Shed, s.Refused, reason, turnedAway, all)
	}
	if s.Transport == "tls" && s.Handshakes != uint64(all-turnedAway) {
		t.Errorf("%d handshakes, want %d", s.Handshakes, all-turnedAway)
	}
	r := must(t, "", binary, "status", "--data", data)
	if want := fmt.Sprintf("%d (%s %d)", turnedAway, reason, turnedAway); !strings.Contains(r.out, want) {
		t.Errorf("wicket status does not show %q:\n%s", want, r.out)
	}
	here := func(l line) bool { return l.text("listener") == listener }
	first := p.waitFor("connection turned away", patience, here)
	if first.text("reason") != reason || !first.from(noisy) && !first.from("192.0.2.66") {
		t.Errorf("the log says %v", first)
	}
	lines, _ := p.find("connection turned away")
	if n := len(slices.DeleteFunc(lines, func(l line) bool { return !here(l) })); n > turnedAway*3/4 {
		t.Errorf("%d lines about %d connections", n, turnedAway)
	}
}

// caller is who opens connections, from an address and with a PROXY header.
type caller struct{ source, header string }

// admitted reports whether a client gets in; one that does not is cut off
// without a word.
func (c caller) admitted(t *testing.T, addr string, config *tls.Config) bool {
	t.Helper()
	w := dialFrom(t, c.source, addr, nil)
	defer w.Close()
	w.sends(c.header)
	if config != nil {
		w.Conn = tls.Client(w.Conn, config)
	}
	w.sends(string(connectOf(unique("c"), "", "")))
	ack := make([]byte, 4)
	n, err := io.ReadFull(w, ack)
	var timeout net.Error
	switch {
	case err == nil && string(ack) == "\x20\x02\x00\x00":
		return true
	case n > 0 || errors.As(err, &timeout) && timeout.Timeout():
		t.Fatalf("neither let in nor cut off: % x, %v", ack[:n], err)
	}
	return false
}

// trust is the configuration of a client that believes one authority.
func trust(t *testing.T, cafile string) *tls.Config {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(read(t, cafile)))
	return &tls.Config{RootCAs: roots, ServerName: "localhost"}
}
