package e2e

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// What people point at a TLS port to judge it: sslscan and testssl.sh, at a
// listener as it is by default, with an ECDSA and with an RSA certificate (C6,
// TLS-12, TLS-22). docs/tls.md shows what they find.

// explained are the findings of testssl worse than LOW that docs/tls.md says
// something about.
var explained = map[string]string{
	"cert_revocation": "the certificate, not the listener: it names no place to learn of its revocation",
}

// harmless are the severities that nobody has to explain. WARN is about the
// scanner itself.
var harmless = []string{"OK", "INFO", "LOW", "DEBUG", "WARN"}

// Each test of testssl costs seconds, so that what does not depend on the key
// is tried on one listener; TestSoakScanners tries everything on both. Nothing
// takes longer here, so testssl begins before all that runs side by side.
func TestScanners(t *testing.T) {
	judge := scan(t, map[string][]string{"tls:rsa": allOfTestssl, "tls:default": {"--server-defaults"}})
	t.Parallel()
	judge()
}

// allOfTestssl are its checks of protocols, suites, certificate and known
// vulnerabilities.
var allOfTestssl = []string{"--protocols", "--standard", "--pfs", "--server-preference", "--server-defaults", "--vulnerable"}

// wantOK is what testssl has to be content with, by the check that looks.
var wantOK = map[string][]string{
	"--protocols":       {"TLS1_2", "TLS1_3"},
	"--standard":        {"cipherlist_NULL"},
	"--pfs":             {"PFS"},
	"--server-defaults": {"cert_chain_of_trust"},
	"--vulnerable":      {"heartbleed", "ROBOT", "secure_client_renego", "SWEET32"},
}

// scan points the scanners at both listeners, testssl with the checks given. It is
// under way on return, and judge waits for what it finds.
func scan(t *testing.T, checks map[string][]string) (judge func()) {
	t.Helper()
	certs, dir := pki(t), t.TempDir()
	must(t, certs, "openssl", "x509", "-req", "-in", "emqx.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "15",
		"-out", filepath.Join(dir, "rsa.pem"), "-days", "365", "-sha256", "-extensions", "v3_req", "-extfile", "openssl.cnf")
	must(t, certs, "cp", "emqx.key", filepath.Join(dir, "rsa.key"))
	p := start(t, "-c", write(t, filepath.Join(dir, "wicket.yaml"), `
data_dir: data
listeners:
  tls:
    default: { bind: 127.0.0.1:0 }
    rsa: { bind: 127.0.0.1:0, tls: { certfile: rsa.pem, keyfile: rsa.key } }
`))
	running := map[string]*testssl{}
	for listener, ca := range map[string]string{"tls:default": filepath.Join(dir, "data/dev/ca.pem"), "tls:rsa": filepath.Join(certs, "ca.pem")} {
		running[listener] = startTestssl(t, p.addr(listener), ca, checks[listener])
	}
	return func() {
		for listener, s := range running {
			t.Run("sslscan/"+listener, func(t *testing.T) {
				t.Parallel()
				sslscan(t, p.addr(listener))
			})
			t.Run("testssl/"+listener, func(t *testing.T) {
				t.Parallel()
				s.judge(t)
			})
		}
	}
}

// sslscan compares what it finds with what the page shows, and with what must
// never be.
func sslscan(t *testing.T, addr string) {
	need(t, "sslscan")
	var found struct {
		Protocols []struct {
			Type    string `xml:"type,attr"`
			Version string `xml:"version,attr"`
			Enabled int    `xml:"enabled,attr"`
		} `xml:"ssltest>protocol"`
		Renegotiation struct {
			Supported int `xml:"supported,attr"`
		} `xml:"ssltest>renegotiation"`
		Heartbleed []struct {
			Vulnerable int `xml:"vulnerable,attr"`
		} `xml:"ssltest>heartbleed"`
		Ciphers []struct {
			Status   string `xml:"status,attr"`
			Version  string `xml:"sslversion,attr"`
			Bits     int    `xml:"bits,attr"`
			Name     string `xml:"cipher,attr"`
			Strength string `xml:"strength,attr"`
		} `xml:"ssltest>cipher"`
	}
	r := must(t, "", "sslscan", "--xml=-", "--no-colour", addr)
	if err := xml.Unmarshal([]byte(r.out), &found); err != nil {
		t.Fatalf("%v\n%s", err, r.out)
	}
	var digest strings.Builder
	for _, p := range found.Protocols {
		fmt.Fprintf(&digest, "%sv%-5s %s\n", strings.ToUpper(p.Type), p.Version, []string{"disabled", "enabled"}[p.Enabled])
	}
	for _, c := range found.Ciphers {
		fmt.Fprintf(&digest, "%-9s  %s  %3d bits  %s\n", c.Status, c.Version, c.Bits, strings.Replace(c.Name, "-RSA-", "-ECDSA-", 1))
		if c.Strength != "strong" && c.Strength != "acceptable" {
			t.Errorf("%s: sslscan calls it %s", c.Name, c.Strength)
		}
	}
	page := read(t, "../../../docs/tls.md")
	if digest.Len() == 0 || !strings.Contains(page, "```\n"+digest.String()+"```\n") {
		t.Errorf("docs/tls.md does not show what sslscan finds:\n%s", digest.String())
	}
	if found.Renegotiation.Supported != 0 {
		t.Error("clients can renegotiate")
	}
	for _, h := range found.Heartbleed {
		if h.Vulnerable != 0 {
			t.Error("Heartbleed")
		}
	}
}

// testssl is the scanner at work.
type testssl struct {
	checks []string
	file   string // what it finds
	said   output
	took   time.Duration
	done   chan struct{} // closed when it has ended
}

// startTestssl starts checks, which end with the test. It is told to look nothing
// up on the network, and need not pause for one.
func startTestssl(t *testing.T, addr, ca string, checks []string) *testssl {
	t.Helper()
	program := "testssl"
	if _, err := exec.LookPath(program); err != nil {
		program = "testssl.sh"
	}
	need(t, program)
	s := &testssl{checks: checks, file: filepath.Join(t.TempDir(), "findings.json"), done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	c := exec.CommandContext(ctx, program, append(slices.Clone(checks), "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none",
		"--add-ca", ca, "--jsonfile", s.file, addr)...)
	c.Env = append(os.Environ(), "USLEEP_SND=0.01", "USLEEP_REC=0.02")
	c.Stdout, c.Stderr = &s.said, &s.said
	c.WaitDelay = time.Second // its children hold the pipe when it is killed
	began := time.Now()
	if err := c.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); <-s.done })
	go func() {
		_ = c.Wait() // the exit code counts findings
		s.took = time.Since(began)
		close(s.done)
	}()
	return s
}

// judge waits for the findings, and compares them with what they may be.
func (s *testssl) judge(t *testing.T) {
	t.Helper()
	<-s.done
	t.Logf("testssl took %s", s.took.Round(time.Second))
	var findings []struct{ ID, Severity, Finding string }
	data, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatalf("%v\n%s", err, s.said.String())
	}
	if err := json.Unmarshal(data, &findings); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	page := read(t, "../../../docs/tls.md")
	seen := map[string]string{}
	for _, f := range findings {
		seen[f.ID] = f.Severity
		if slices.Contains(harmless, f.Severity) && (f.Severity != "LOW" || strings.Contains(page, "`"+f.ID+"`")) {
			continue
		}
		if explained[f.ID] == "" || !strings.Contains(page, "`"+f.ID+"`") {
			t.Errorf("%s %s: %s; docs/tls.md does not explain it", f.Severity, f.ID, f.Finding)
		}
	}
	for _, check := range s.checks {
		for _, id := range wantOK[check] {
			if seen[id] != "OK" {
				t.Errorf("%s is %q, want OK", id, seen[id])
			}
		}
	}
	if t.Failed() {
		t.Logf("%s", regexp.MustCompile(`(?m)^\s*\n`).ReplaceAllString(s.said.String(), ""))
	}
}
