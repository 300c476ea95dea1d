package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// A token says who a client is (AJWT-01, AJWT-02): brokers with the plugin jwt, and
// tokens signed by openssl and by this process.

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func unsigned(header, claims string) string {
	return base64url([]byte(header)) + "." + base64url([]byte(claims))
}

// hs256 signs by a secret, whatever it is.
func hs256(claims, secret string) string {
	text := unsigned(`{"alg":"HS256"}`, claims)
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return text + "." + base64url(m.Sum(nil))
}

// rs256 signs by openssl with a key in a file.
func rs256(t *testing.T, dir, claims, keyfile string) string {
	t.Helper()
	text := unsigned(`{"alg":"RS256"}`, claims)
	write(t, filepath.Join(dir, "text"), text)
	must(t, dir, "openssl", "dgst", "-sha256", "-sign", keyfile, "-out", "signature", "text")
	return text + "." + base64url([]byte(read(t, filepath.Join(dir, "signature"))))
}

// es256 signs by a key that has a name.
func es256(t *testing.T, claims, kid string, key *ecdsa.PrivateKey) string {
	t.Helper()
	text := unsigned(`{"alg":"ES256","kid":"`+kid+`"}`, claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64url(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// ecJWK is the public key as an issuer publishes it.
func ecJWK(t *testing.T, kid string, key crypto.PublicKey) string {
	t.Helper()
	b, err := key.(*ecdsa.PublicKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":%q,"use":"sig","x":%q,"y":%q}`, kid, base64url(b[1:33]), base64url(b[33:]))
}

// shows returns the reason code of a client with a token.
func shows(t *testing.T, addr, id, token string) byte {
	t.Helper()
	c := come(t, addr, mqtt.V50, id, id, token)
	defer c.Close()
	return c.reason()
}

const jwtSecret = "a secret for tokens, of 32 bytes"

// Tokens by a secret and by a key in a file, beside each other: who comes in, what
// it may do, when it has to leave, and what nobody gets in with.
func TestJWT(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		must(t, dir, "openssl", "genrsa", "-out", name+".key", "2048")
		must(t, dir, "openssl", "rsa", "-in", name+".key", "-pubout", "-out", name+".pem")
	}
	public := read(t, filepath.Join(dir, "a.pem"))
	write(t, filepath.Join(dir, "issuer.pem"), public)
	p := run(t, dir, `data_dir: data
log: { level: debug }
listeners: { tcp: { default: { bind: "127.0.0.1:0" } } }
plugins:
  hmac: { file: "builtin:jwt", config: { secret: "`+jwtSecret+`", verify_claims: { sub: "${clientid}" } } }
  rsa: { file: "builtin:jwt", config: { algorithm: public-key, public_key_file: issuer.pem } }
auth: { chain: [hmac, rsa] }
`)
	addr := p.addr("tcp:default")
	now := time.Now().Unix()
	leaving := come(t, addr, mqtt.V50, "c1", "c1", hs256(fmt.Sprintf(`{"sub":"c1","exp":%d}`, now+2), jwtSecret))
	if leaving.reason() != 0 {
		t.Fatalf("% x", leaving.connack)
	}

	valid := fmt.Sprintf(`{"sub":"c2","iat":%d,"exp":%d,"acl":[{"permission":"allow","action":"publish","topic":"up/${clientid}"},{"permission":"deny","action":"all","topic":"#"}]}`, now, now+600)
	old := rs256(t, dir, valid, "a.key")
	for _, tc := range []struct {
		name, token string
		want        byte
	}{
		{"HS256", hs256(valid, jwtSecret), 0},
		{"RS256", old, 0},
		{"another client's", hs256(`{"sub":"c9"}`, jwtSecret), 0x86},
		{"expired", hs256(fmt.Sprintf(`{"sub":"c2","exp":%d}`, now-1), jwtSecret), 0x86},
		{"not yet", hs256(fmt.Sprintf(`{"sub":"c2","nbf":%d}`, now+60), jwtSecret), 0x86},
		{"another secret", hs256(valid, strings.ToUpper(jwtSecret)), 0x87},
		{"another key", rs256(t, dir, valid, "b.key"), 0x87},
		{"the public key as a secret (RFC 8725 section 2.1)", hs256(valid, public), 0x87},
		{"not signed (RFC 8725 section 2.1)", unsigned(`{"alg":"none"}`, valid) + ".", 0x87},
		{"the signature left out", unsigned(`{"alg":"RS256"}`, valid) + ".", 0x87},
		{"no token", "hunter2", 0x87},
	} {
		if got := shows(t, addr, "c2", tc.token); got != tc.want {
			t.Errorf("%s: %#x, want %#x", tc.name, got, tc.want)
		}
	}

	// The rules of the token, with mosquitto's client.
	host, port := hostPort(t, addr)
	pub := []string{"-h", host, "-p", port, "-V", "mqttv5", "-i", "c2", "-u", "c2", "-P", hs256(valid, jwtSecret), "-q", "1", "-m", "20", "-t"}
	must(t, "", "mosquitto_pub", append(pub, "up/c2")...)
	if r := tool(t, "", "", "mosquitto_pub", append(pub, "up/c3")...); !strings.Contains(r.out+r.errOut, "Not authorized") {
		t.Errorf("mosquitto_pub says %s%s", r.out, r.errOut)
	}

	// The key is exchanged in the file.
	write(t, filepath.Join(dir, "issuer.pem"), read(t, filepath.Join(dir, "b.pem")))
	p.hangup("configuration reloaded")
	if was, is := shows(t, addr, "c2", old), shows(t, addr, "c2", rs256(t, dir, valid, "b.key")); was != 0x87 || is != 0 {
		t.Errorf("after the exchange of the key: %#x by the old one, %#x by the new one", was, is)
	}

	leaving.hears("e0 01 87") // AUTHN-07
	leaving.closed()
	if text := p.transcript(); strings.Contains(text, "eyJ") || strings.Contains(text, jwtSecret) {
		t.Error("a token or the secret is in the log")
	}
}

// issuer is an HTTPS server that publishes keys.
type issuer struct {
	*httptest.Server
	mu    sync.Mutex
	keys  []string // none: it answers 503
	asked int
}

func newIssuer(t *testing.T, pair tls.Certificate) *issuer {
	s := &issuer{}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// publishes sets what is answered from now on.
func (s *issuer) publishes(keys ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
}

func (s *issuer) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// ServeHTTP implements http.Handler.
func (s *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if len(s.keys) == 0 || r.URL.Path != "/realm/keys" {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_, _ = io.WriteString(w, `{"keys":[`+strings.Join(s.keys, ",")+`]}`)
}

// Keys from an issuer over HTTPS: they are exchanged while the broker runs, and the
// last ones stay while the issuer is down.
func TestJWTKeySet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newIssuer(t, newMint(t, dir, "ca").leaf("server", "localhost"))
	var keys [2]*ecdsa.PrivateKey
	var published, tokens [2]string
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
		kid := fmt.Sprint("k", i)
		published[i], tokens[i] = ecJWK(t, kid, keys[i].Public()), es256(t, `{"sub":"c1"}`, kid, keys[i])
	}
	s.publishes(published[0])
	yaml := func(leeway int) string {
		return httpYAML(fmt.Sprintf("  idp: { url: \"%s/realm\", tls: { cacertfile: ca.pem } }\n", strings.Replace(s.URL, "127.0.0.1", "localhost", 1)),
			fmt.Sprintf("  jwt: { file: \"builtin:jwt\", upstreams: [idp], config: { use_jwks: true, path: /keys, refresh_interval: 1s, leeway: %d } }\n", leeway), "jwt")
	}
	p := run(t, dir, yaml(0))
	addr := p.addr("tcp:default")
	reason := func(i int) byte { return shows(t, addr, "c1", tokens[i]) }
	if got := reason(0); got != 0 {
		t.Fatalf("%#x by the first key", got)
	}
	if got := reason(1); got != 0x87 {
		t.Fatalf("%#x by a key that is not published", got)
	}
	forged := hs256(`{"sub":"c1"}`, published[0])
	if got := shows(t, addr, "c1", forged); got != 0x87 {
		t.Errorf("%#x with the public key as a secret", got)
	}

	s.publishes(published[:]...)
	eventually(t, "the second key is known", patience, func() bool { return reason(1) == 0 })
	if got := reason(0); got != 0 {
		t.Errorf("%#x by the first key beside the second", got)
	}

	s.publishes(published[1])
	eventually(t, "the first key is not known any more", patience, func() bool { return reason(0) == 0x87 })

	s.publishes()
	before := s.times()
	eventually(t, "the issuer was asked while it was down", patience, func() bool {
		if got := reason(1); got != 0 {
			t.Fatalf("%#x while the issuer is down", got)
		}
		return s.times() > before+1
	})
	s.Close()
	if got := reason(1); got != 0 {
		t.Errorf("%#x while there is no issuer", got)
	}
	write(t, filepath.Join(dir, "wicket.yaml"), yaml(1))
	p.hangup("configuration reloaded")
	if got := reason(1); got != 0 {
		t.Errorf("%#x after a reload while there is no issuer", got)
	}
}

// Another server behind the name of an upstream is another issuer: the plugin begins
// anew, at once and by SIGHUP alone, and keys of the first one do not count any more,
// whether the other answers or not. What is no other server leaves the plugin alone.
func TestJWTOtherIssuer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := newMint(t, dir, "ca")
	newMint(t, dir, "stranger")
	trusted, stranger := read(t, filepath.Join(dir, "ca.pem")), read(t, filepath.Join(dir, "stranger.pem"))
	var issuers [2]*issuer
	var tokens [2]string
	for i := range issuers {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		issuers[i], tokens[i] = newIssuer(t, ca.leaf("server", "localhost")), es256(t, `{"sub":"c1"}`, "k", key)
		issuers[i].publishes(ecJWK(t, "k", key.Public()))
	}
	yaml := func(i int, more string) string {
		url := strings.Replace(issuers[i].URL, "127.0.0.1", "localhost", 1)
		return httpYAML(fmt.Sprintf("  idp: { url: \"%s/realm\", tls: { cacertfile: ca.pem }%s }\n", url, more),
			"  jwt: { file: \"builtin:jwt\", upstreams: [idp], config: { use_jwks: true, path: /keys } }\n", "jwt")
	}
	p := run(t, dir, yaml(0, ""))
	addr := p.addr("tcp:default")
	loads := func() int { return strings.Count(p.transcript(), "plugin loaded") }
	check := func(when string, first, second byte, loaded int) {
		t.Helper()
		for i, want := range []byte{first, second} {
			if got := shows(t, addr, "c1", tokens[i]); got != want {
				t.Errorf("%s: %#x by the key of issuer %d, want %#x", when, got, i, want)
			}
		}
		if got := loads(); got != loaded {
			t.Errorf("%s: the plugin was loaded %d times, want %d", when, got, loaded)
		}
	}
	change := func(name, content string) {
		t.Helper()
		write(t, filepath.Join(dir, name), content)
		p.hangup("configuration reloaded")
	}
	check("at first", 0, 0x87, 1)
	change("wicket.yaml", yaml(0, ", pool_size: 3, request_timeout: 4s"))
	check("with another pool", 0, 0x87, 1)
	change("wicket.yaml", yaml(1, ""))
	check("the second issuer", 0x87, 0, 2)
	change("ca.pem", stranger)
	check("a server that is not trusted any more", 0x87, 0x87, 3)
	change("ca.pem", stranger+trusted)
	check("and again", 0x87, 0, 4)
	issuers[0].publishes()
	change("wicket.yaml", yaml(0, ""))
	check("the first issuer, which is down", 0x87, 0x87, 5)
}
