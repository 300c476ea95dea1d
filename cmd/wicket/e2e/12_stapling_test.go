package e2e

import (
	"bufio"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Journey J6: answers of "openssl ocsp" that travel with the broker's own
// certificate (OCSP-01 to OCSP-08). Step 7, the same over WebSocket, waits for
// such a listener.

// freePort is one that nobody has, on any address: openssl binds all of them. It is
// below those that the system gives to who asks for any, such as thousands of
// clients of another test a moment later.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 10000 + rand.IntN(20000)
		if l, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// responder starts "openssl ocsp" for the authority's database as it is now,
// signing with signer's certificate and key, until the test ends or the
// function that it returns is called.
func (a *authority) responder(port int, signer *authority) (end func()) {
	a.t.Helper()
	c := exec.Command("openssl", "ocsp", "-port", fmt.Sprint(port), "-index", "index.txt", "-CA", "ca.pem",
		"-rsigner", signer.path("ca.pem"), "-rkey", signer.path("ca.key"), "-nmin", "10")
	c.Dir = a.dir
	out, err := c.StderrPipe()
	if err != nil {
		a.t.Fatal(err)
	}
	c.Stdout = c.Stderr
	if err := c.Start(); err != nil {
		a.t.Fatal(err)
	}
	ended, said := make(chan struct{}), ""
	end = func() { _ = c.Process.Kill(); <-ended }
	a.t.Cleanup(end)
	ready := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			line := lines.Text()
			said += line + "\n"
			if strings.Contains(line, "waiting for OCSP client") || strings.HasPrefix(line, "ACCEPT") {
				select {
				case ready <- true:
				default:
				}
			}
		}
		_ = c.Wait()
		close(ended)
	}()
	select {
	case <-ready:
	case <-ended:
		a.t.Fatalf("openssl ocsp has ended (%v) and said\n%s", c.ProcessState, said)
	case <-time.After(patience):
		a.t.Fatal("openssl ocsp does not listen")
	}
	return end
}

// stapling are the options of the page on OCSP stapling.
func stapling(responder string) string {
	return fmt.Sprintf(", ocsp: { enable_ocsp_stapling: true, responder_url: %q, issuer_pem: ca.pem }", responder)
}

// status is what "openssl s_client -status" says.
func (a *authority) status(addr string, more ...string) string {
	a.t.Helper()
	return handshake(a.t, addr, append([]string{"-CAfile", a.path("ca.pem"), "-status"}, more...)...)
}

// staple is the answer that comes along with the broker's certificate, or nil.
// It must be about that certificate and signed for its issuer, always.
func staple(addr string, config *tls.Config) (*ocsp.Response, *x509.Certificate, error) {
	v, err := approach(addr, config)
	if err != nil {
		return nil, nil, err
	}
	defer v.Close()
	s := v.ConnectionState()
	leaf := s.PeerCertificates[0]
	if len(s.OCSPResponse) == 0 {
		return nil, leaf, nil
	}
	r, err := ocsp.ParseResponseForCert(s.OCSPResponse, leaf, s.VerifiedChains[0][1])
	if err != nil {
		return nil, nil, fmt.Errorf("the staple is not for the certificate %s: %w", leaf.SerialNumber.Text(16), err)
	}
	return r, leaf, nil
}

// staple is the same for a test that cannot go on without it.
func (a *authority) staple(addr string, config *tls.Config) (*ocsp.Response, *x509.Certificate) {
	a.t.Helper()
	r, leaf, err := staple(addr, config)
	if err != nil {
		a.t.Fatal(err)
	}
	return r, leaf
}

// Step 1: the answer is there for every client that asks, and for no other.
func TestStaple(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	port := freePort(t)
	responder := fmt.Sprintf("http://127.0.0.1:%d", port)
	a.point = responder
	a.issue("self", "aware")
	must(t, a.dir, "sh", "-c", "cat self.pem ca.pem > chain.pem")
	a.responder(port, a)
	p := a.broker("", listenerYAML("default", stapling(responder)),
		// Nothing but the switch: the certificate names the responder, and the chain its issuer.
		strings.Replace(listenerYAML("self", ", ocsp: { enable_ocsp_stapling: true }"), "server.pem", "chain.pem", 1))
	for _, listener := range []string{"tls:default", "tls:self"} {
		addr := p.addr(listener)
		p.waitFor("OCSP answer stapled", patience, func(l line) bool { return l.text("listener") == listener })
		for _, version := range []string{"-tls1_2", "-tls1_3"} {
			for _, name := range [][]string{{"-servername", "localhost"}, {"-noservername"}} {
				said := a.status(addr, append(name, version)...)
				for _, part := range []string{"OCSP Response Status: successful", "Cert Status: good", "Verify return code: 0"} {
					if !strings.Contains(said, part) {
						t.Errorf("%s %s %v: no %q in\n%s", listener, version, name, part, said)
					}
				}
			}
		}
	}
	chat(t, p.addr("tls:default"), "--cafile", a.path("ca.pem"))
}

// Step 2: a responder that is down, or says nothing, delays and refuses nobody;
// soon after it is up its answer is there.
func TestStapleComesLater(t *testing.T) {
	t.Parallel()
	a, mute := newAuthority(t, "Root"), newWeb(t)
	mute.hush()
	port := freePort(t)
	p := a.broker("", listenerYAML("down", stapling(fmt.Sprintf("http://127.0.0.1:%d", port))), listenerYAML("mute", stapling(mute.URL)))
	config := a.trusting("")
	p.waitFor("no OCSP answer to staple", patience, func(l line) bool {
		return l.text("listener") == "tls:down" && l.text("level") == "ERROR" && strings.Contains(l.text("error"), "connection refused")
	})
	for _, listener := range []string{"tls:down", "tls:mute"} {
		began := time.Now()
		if said := a.status(p.addr(listener)); !strings.Contains(said, "OCSP response: no response sent") || !strings.Contains(said, "Verify return code: 0") {
			t.Errorf("%s: no successful handshake without an answer:\n%s", listener, said)
		}
		if took := time.Since(began); took > unhurried(2*time.Second) {
			t.Errorf("%s: a handshake took %s", listener, took)
		}
	}
	a.responder(port, a)
	began := time.Now()
	var answer *ocsp.Response
	eventually(t, "stapled", patience, func() bool { answer, _ = a.staple(p.addr("tls:down"), config); return answer != nil })
	took := time.Since(began)
	t.Logf("stapled %s after the responder came up", took.Round(10*time.Millisecond))
	if took > unhurried(7*time.Second) || answer.Status != ocsp.Good {
		t.Errorf("stapled after %s, with status %d", took, answer.Status)
	}
}

// Step 3: a responder whose URL has a path is asked below that path, with one
// slash between (OCSP-05, U-39).
func TestStapleFromBelowAPath(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	port := freePort(t)
	a.responder(port, a)
	var asked atomic.Value
	back := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.RequestURI)
		http.StripPrefix("/ocsp", back).ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	p := a.broker("", listenerYAML("default", stapling(front.URL+"/ocsp")), listenerYAML("slash", stapling(front.URL+"/ocsp/")))
	for _, listener := range []string{"tls:default", "tls:slash"} {
		p.waitFor("OCSP answer stapled", patience, func(l line) bool { return l.text("listener") == listener })
		if said := a.status(p.addr(listener)); !strings.Contains(said, "Cert Status: good") {
			t.Errorf("%s: not stapled:\n%s", listener, said)
		}
	}
	text, ok := strings.CutPrefix(asked.Load().(string), "/ocsp/")
	text, err := url.PathUnescape(text)
	if err != nil || !ok {
		t.Fatalf("asked for %q", asked.Load())
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatalf("asked for %q: %v", asked.Load(), err)
	}
	if q, err := ocsp.ParseRequest(der); err != nil || q.SerialNumber.Text(16) != a.serial("server") {
		t.Errorf("asked for %q, which is %v (%v), not about %s", asked.Load(), q, err, a.serial("server"))
	}
}

// Steps 4 and 5: answers of somebody else, of another time or about somebody
// else are not passed on, and the log says which it was.
func TestLyingResponder(t *testing.T) {
	t.Parallel()
	a, other := newAuthority(t, "Root"), newAuthority(t, "Root")
	port := freePort(t)
	a.responder(port, other) // the right answers with the wrong signature
	server := a.certificate("server.pem")
	now := time.Now()
	answer := func(serial *big.Int, from, until time.Duration) string {
		return a.answers(ocsp.Response{Status: ocsp.Good, SerialNumber: serial, ThisUpdate: now.Add(from), NextUpdate: now.Add(until)})
	}
	liars := map[string]struct{ responder, says string }{
		"key": {fmt.Sprintf("http://127.0.0.1:%d", port), "is no responder for the issuer"},
	}
	for name, lie := range map[string]struct{ text, says string }{
		"old":     {answer(server.SerialNumber, -2*time.Hour, -time.Hour), "out of date"},
		"future":  {answer(server.SerialNumber, time.Hour, 2*time.Hour), "future"},
		"another": {answer(big.NewInt(7), -time.Hour, time.Hour), "no response matching"},
		"junk":    {"<html>It works</html>", "it is no OCSP response"},
	} {
		one := newWebOf(t, lie.text)
		liars[name] = struct{ responder, says string }{one, lie.says}
	}
	var listeners []string
	for name, liar := range liars {
		listeners = append(listeners, listenerYAML(name, stapling(liar.responder)))
	}
	p := a.broker("", listeners...)
	for name, liar := range liars {
		l := p.waitFor("no OCSP answer to staple", patience, func(l line) bool { return l.text("listener") == "tls:"+name })
		if !strings.Contains(l.text("error"), liar.says) {
			t.Errorf("%s: the log says %q, want %q", name, l.text("error"), liar.says)
		}
		if said := a.status(p.addr("tls:" + name)); !strings.Contains(said, "OCSP response: no response sent") {
			t.Errorf("%s: stapled:\n%s", name, said)
		}
	}
}

// newWebOf is an HTTP server with one answer to everything; its URL is
// returned.
func newWebOf(t *testing.T, text string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
	t.Cleanup(s.Close)
	return s.URL
}

// answers signs an OCSP response as the authority, for what "openssl ocsp"
// cannot be made to say.
func (a *authority) answers(r ocsp.Response) string {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(a.path("ca.pem"), a.path("ca.key"))
	if err != nil {
		a.t.Fatal(err)
	}
	der, err := ocsp.CreateResponse(pair.Leaf, pair.Leaf, r, pair.PrivateKey.(crypto.Signer))
	if err != nil {
		a.t.Fatal(err)
	}
	return string(der)
}

// An answer is passed on until its nextUpdate and not a moment longer, also if
// it says that the certificate is revoked, of which the operator hears.
func TestStapleEnds(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	now := time.Now()
	end := now.Add(4 * time.Second)
	responder := newWebOf(t, a.answers(ocsp.Response{
		Status: ocsp.Revoked, RevokedAt: now.Add(-time.Hour), RevocationReason: ocsp.KeyCompromise,
		SerialNumber: a.certificate("server.pem").SerialNumber, ThisUpdate: now.Add(-time.Hour), NextUpdate: end,
	}))
	p := a.broker("", listenerYAML("default", stapling(responder)))
	p.waitFor("OCSP answer stapled", patience, func(l line) bool { return l.text("status") == "revoked" })
	config := a.trusting("")
	if r, _ := a.staple(p.addr("tls:default"), config); r == nil || r.Status != ocsp.Revoked {
		t.Errorf("stapled %v, want the answer that the certificate is revoked", r)
	}
	p.waitFor("alarm raised", patience, func(l line) bool {
		return l.text("alarm") == "ocsp_revoked" && strings.Contains(l.text("object"), a.serial("server")) && l.text("alarm_level") == "critical"
	})
	p.wait("OCSP answer is out of date and no longer stapled", patience)
	if time.Now().Before(end.Add(-time.Second)) { // nextUpdate counts in seconds
		t.Error("taken off too early")
	}
	if r, _ := a.staple(p.addr("tls:default"), config); r != nil {
		t.Errorf("still stapled after %s", r.NextUpdate)
	}
}

// Step 6: when the certificate is replaced its answer is too. At no moment is
// there an answer about another certificate than the one shown, however often
// they are swapped (OCSP-08).
func TestStapleOfAReplacedCertificate(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	for _, name := range []string{"one", "two"} {
		a.issue(name, "server")
	}
	port := freePort(t)
	a.responder(port, a)
	put := func(name string) { must(t, a.dir, "sh", "-e", "-c", "cp "+name+".pem next.pem && mv next.pem now.pem") }
	put("one")
	p := a.broker("", strings.Replace(listenerYAML("default", stapling(fmt.Sprintf("http://127.0.0.1:%d", port))), "server.pem", "now.pem", 1))
	addr, config := p.addr("tls:default"), a.trusting("")
	shows := func(name string) {
		t.Helper()
		serial := a.certificate(name + ".pem").SerialNumber
		eventually(t, "the staple of "+name, patience, func() bool {
			answer, leaf := a.staple(addr, config)
			return leaf.SerialNumber.Cmp(serial) == 0 && answer != nil && answer.Status == ocsp.Good
		})
	}
	shows("one")
	put("two") // without a signal: files are watched
	shows("two")
	said := a.status(addr)
	if want := "Serial Number: " + strings.ToUpper(a.serial("two")); !strings.Contains(said, want) || !strings.Contains(said, "Cert Status: good") {
		t.Errorf("no %q in\n%s", want, said)
	}

	swapped, watched := make(chan struct{}), make(chan error, 1)
	seen := map[string]int{}
	go func() {
		for {
			select {
			case <-swapped:
				watched <- nil
				return
			default:
			}
			answer, leaf, err := staple(addr, config)
			if err != nil {
				watched <- err
				return
			}
			seen[fmt.Sprintf("%s, stapled: %t", leaf.Subject.CommonName, answer != nil)]++
		}
	}()
	for i := range 20 {
		put([]string{"one", "two"}[i%2])
		p.hangup("configuration reloaded")
	}
	close(swapped)
	if err := <-watched; err != nil {
		t.Error(err)
	}
	t.Logf("handshakes during 20 swaps: %v", seen)
	shows("two")
}

// Stapling is switched by a reload, and a mistake in its files leaves it as it
// is, with a sentence.
func TestStaplingIsReloaded(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	port := freePort(t)
	a.responder(port, a)
	on := listenerYAML("default", stapling(fmt.Sprintf("http://127.0.0.1:%d", port)))
	p := a.broker("", on)
	addr, config := p.addr("tls:default"), a.trusting("")
	stapled := func() bool { r, _ := a.staple(addr, config); return r != nil }
	eventually(t, "stapled", patience, stapled)

	a.config("", listenerYAML("default", ""))
	p.hangup("configuration reloaded")
	if stapled() {
		t.Error("stapled although it is switched off")
	}
	a.config("", on)
	p.hangup("configuration reloaded")
	eventually(t, "stapled again", patience, stapled)
	for issuer, says := range map[string]string{"key.pem": `key.pem" holds no certificate but a private key`, "none.pem": "no such file"} {
		a.config("", strings.Replace(on, "issuer_pem: ca.pem", "issuer_pem: "+issuer, 1))
		if l := p.hangup("reload failed"); !strings.Contains(l.text("error"), says) {
			t.Errorf("%s: the log says %q", issuer, l.text("error"))
		}
		if !stapled() {
			t.Errorf("%s: stapled no more after a mistake", issuer)
		}
	}
}
