package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// pebbleBinary builds Let's Encrypt's small ACME server for tests, once.
var pebbleBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(binary), "pebble")
	build := exec.Command("go", "build", "-o", path, "github.com/letsencrypt/pebble/v2/cmd/pebble")
	build.Dir = "pebble"
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// pebble is a running ACME authority.
type pebble struct {
	t    *testing.T
	dir  string // pebble.json; dir.pem, which its directory's certificate leads to
	addr string // of the directory
	cmd  *exec.Cmd

	management string // address
}

// startPebble starts an authority that looks for the server of every name at a
// port of this machine. Its profile "brief" is good for so many seconds.
func startPebble(t *testing.T, port int, brief time.Duration) *pebble {
	t.Helper()
	if _, err := pebbleBinary(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("cannot build pebble: %v", err)
		}
		t.Skipf("cannot build pebble: %v", err)
	}
	p := &pebble{t: t, dir: t.TempDir(), addr: fmt.Sprintf("127.0.0.1:%d", freePort(t)), management: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	must(t, p.dir, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
		"-keyout", "dir.key", "-out", "dir.pem", "-subj", "/CN=directory", "-addext", "subjectAltName=IP:127.0.0.1")
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": p.addr, "managementListenAddress": p.management, "certificate": "dir.pem", "privateKey": "dir.key",
		"httpPort": 1, "tlsPort": port, "keyAlgorithm": "ecdsa",
		"retryAfter":                     map[string]int{"authz": 1, "order": 1},
		"externalAccountBindingRequired": true, "externalAccountMACKeys": map[string]string{"kid-7": macKey},
		"profiles": map[string]any{
			"brief": map[string]any{"description": "for seconds", "validityPeriod": int(brief / time.Second)},
			"long":  map[string]any{"description": "for a quarter", "validityPeriod": 90 * 86400},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.dir, "pebble.json"), string(config))
	p.start()
	t.Cleanup(p.stop)
	return p
}

// macKey binds the account to one outside ACME.
const macKey = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"

func (p *pebble) start() {
	p.t.Helper()
	path, _ := pebbleBinary()
	p.cmd = exec.Command(path, "-config", "pebble.json", "-strict")
	p.cmd.Dir = p.dir
	p.cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, "pebble answers", patience, func() bool {
		c, err := net.Dial("tcp", p.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (p *pebble) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// yaml is a configuration with a listener at a port whose certificate comes
// from the authority.
func (p *pebble) yaml(t *testing.T, port int, profile, more string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "mac"), macKey+"\n")
	return write(t, filepath.Join(dir, "wicket.yaml"), fmt.Sprintf(`
data_dir: data
auth: { anonymous: allow }
acme:
  agree: true
  directory: https://%s/dir
  cacertfile: %s/dir.pem
  profile: %s
  email: ops@example.com
  eab: { kid: kid-7, hmac_key: "file://%s/mac" }
listeners:
  tls:
    default: { bind: "127.0.0.1:%d", tls: { acme_domains: [localhost]%s } }
`, p.addr, p.dir, profile, dir, port, more))
}

// leaf is the certificate that a listener shows, or nil when it refuses.
func leaf(addr string) *x509.Certificate {
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
	if err != nil {
		return nil
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0]
}

// CERT-14: the broker comes up without a certificate, answers the authority's
// challenge on its own listener, serves what it is given, and renews it.
func TestACME(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	ca := startPebble(t, port, 20*time.Second)
	w := start(t, "-c", ca.yaml(t, port, "brief", ", versions: [tlsv1.3, tlsv1.2]"))
	obtained := w.wait("certificate obtained", patience)
	addr := w.addr("tls:default")
	if out := handshake(t, addr, "-servername", "localhost"); !strings.Contains(out, "Pebble Intermediate CA") {
		t.Errorf("openssl sees\n%s", out)
	}
	first := leaf(addr)
	if first == nil || first.VerifyHostname("localhost") != nil {
		t.Fatalf("the listener shows %v\n%s", first, w.transcript())
	}
	if info, err := os.Stat(obtained.text("file")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	chat(t, addr, "--cafile", ca.root(t), "--insecure")
	eventually(t, "the certificate is renewed", patience+20*time.Second, func() bool {
		next := leaf(addr)
		return next != nil && next.SerialNumber.Cmp(first.SerialNumber) != 0
	})
	if text := w.transcript(); strings.Contains(text, macKey) || strings.Contains(text, "PRIVATE KEY") {
		t.Error("a secret is in the log")
	}
}

// root saves the root of the authority, which is new at each start.
func (p *pebble) root(t *testing.T) string {
	t.Helper()
	c := http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	r, err := c.Get("https://" + p.management + "/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, filepath.Join(t.TempDir(), "root.pem"), string(text))
}

// A directory that is down when it is needed: the broker starts, refuses with
// the reason and raises an alarm; a reload tries again. Later the old certificate stays
// in use, over a restart too.
func TestACMEWithoutDirectory(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	ca := startPebble(t, port, 20*time.Second)
	ca.stop()
	path := ca.yaml(t, port, "brief", "")
	dir := t.TempDir()
	w := launchIn(t, dir, "-c", path)
	w.wait("listening", patience)
	w.wait("cannot obtain a certificate", patience)
	alarm := w.waitFor("alarm raised", patience, func(l line) bool { return l.text("alarm") == "acme" })
	if alarm.text("object") != "localhost" || alarm.text("alarm_level") != "critical" || !strings.Contains(alarm.text("text"), "connection refused") {
		t.Errorf("%v", alarm)
	}
	addr := w.addr("tls:default")
	if leaf(addr) != nil {
		t.Error("a client is served without a certificate")
	}
	w.refusal("tls:default", "no_server_cert")

	ca.start()
	w.hangup("configuration reloaded")
	w.wait("certificate obtained", patience)
	w.wait("alarm cleared", patience)
	first := leaf(addr)
	if first == nil {
		t.Fatal("no certificate is shown")
	}
	ca.stop()
	w.waitFor("alarm raised", patience+20*time.Second, func(l line) bool {
		return l.text("alarm") == "acme" && strings.Contains(l.text("text"), "the old one ends at")
	})
	if next := leaf(addr); next == nil || !next.Equal(first) {
		t.Errorf("shown %v", next)
	}
}

// One whose name leads elsewhere gets nothing, and is told why.
func TestACMEElsewhere(t *testing.T) {
	t.Parallel()
	ca := startPebble(t, freePort(t), time.Hour)
	w := start(t, "-c", ca.yaml(t, freePort(t), "long", ""))
	failed := w.wait("cannot obtain a certificate", patience)
	if text := failed.text("error"); !strings.Contains(text, `does not find this listener behind "localhost"`) || !strings.Contains(text, "port 443") {
		t.Errorf("%s", text)
	}
}
