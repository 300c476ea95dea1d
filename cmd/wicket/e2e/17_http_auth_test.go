package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// An HTTP server says who a client is (spec J7, 2.7, AHTTP, ZHTTP): a real HTTPS
// server that wants a certificate of the broker, and clients that come to a
// broker with the plugin http.

// mint is an authority that leaves PEM files in its directory.
type mint struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newMint(t *testing.T, dir, name string) *mint {
	t.Helper()
	m := &mint{t: t, dir: dir}
	m.cert, m.key = m.sign(name, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	return m
}

// leaf makes NAME.pem and NAME.key, good for a server of that host and for a
// client.
func (m *mint) leaf(name, host string) tls.Certificate {
	m.t.Helper()
	m.sign(name, &x509.Certificate{DNSNames: []string{host}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, m)
	pair, err := tls.LoadX509KeyPair(filepath.Join(m.dir, name+".pem"), filepath.Join(m.dir, name+".key"))
	if err != nil {
		m.t.Fatal(err)
	}
	return pair
}

func (m *mint) sign(name string, c *x509.Certificate, by *mint) (*x509.Certificate, *ecdsa.PrivateKey) {
	m.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		m.t.Fatal(err)
	}
	secret, _ := x509.MarshalPKCS8PrivateKey(key)
	write(m.t, filepath.Join(m.dir, name+".pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(m.t, filepath.Join(m.dir, name+".key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	cert, _ := x509.ParseCertificate(der)
	return cert, key
}

// request is what a server was asked.
type request struct {
	path   string
	query  url.Values
	header http.Header
	body   string
	fields map[string]string // of a JSON body or a form
}

// authServer is the HTTPS server: what it answers depends on the user name.
type authServer struct {
	*httptest.Server
	mu   sync.Mutex
	asks []request
	stop chan struct{}
}

// newAuthServer starts one that shows pair and takes only clients of the mint.
func newAuthServer(t *testing.T, m *mint, pair tls.Certificate) *authServer {
	s := &authServer{stop: make(chan struct{})}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	roots := x509.NewCertPool()
	roots.AddCert(m.cert)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert}
	s.StartTLS()
	t.Cleanup(func() { close(s.stop); s.Close() })
	return s
}

// port is where it listens.
func (s *authServer) port() string { return s.URL[strings.LastIndexByte(s.URL, ':')+1:] }

func (s *authServer) asked() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asks)
}

// ServeHTTP implements http.Handler.
func (s *authServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	q := request{r.URL.Path, r.URL.Query(), r.Header, string(body), map[string]string{}}
	if json.Unmarshal(body, &q.fields) != nil {
		form, _ := url.ParseQuery(string(body))
		for k, v := range form {
			q.fields[k] = strings.Join(v, "|")
		}
	}
	s.mu.Lock()
	s.asks = append(s.asks, q)
	s.mu.Unlock()
	if r.URL.Path == "/acl" {
		s.answerTopic(w, q)
		return
	}
	s.answer(w, q.fields["username"])
}

// The kinds of answers, by the name of the user that gets them. Those of yes
// allow; those of next leave it to the next plugin.
var (
	yes = map[string]string{
		"allow": `{"result":"allow"}`,
		"super": `{"result":"allow","is_superuser":true}`,
		"rules": `{"result":"allow","client_attrs":{"role":"reader"},"acl":[{"permission":"allow","action":"publish","topic":"up/${clientid}"},` +
			`{"permission":"allow","action":"subscribe","topic":"eq down/#"},{"permission":"allow","action":"subscribe","topic":"of/${client_attrs.role}/#"},{"permission":"deny","action":"all","topic":"#"}]}`,
		"oldrules": `{"result":"allow","acl":{"pub":["up/${clientid}"]}}`,
	}
	no   = []string{"deny", "past", "millis", "badrule"}
	next = []string{"ignore", "odd", "empty", "truncated", "text", "500", "403", "302", "broken"}
)

func (s *authServer) answer(w http.ResponseWriter, user string) {
	say := func(body string) { w.Header().Set("Content-Type", "application/json"); _, _ = io.WriteString(w, body) }
	if body := yes[user]; body != "" {
		say(body)
		return
	}
	switch user {
	case "204":
		w.WriteHeader(204)
	case "form":
		w.Header().Set("Content-Type", "application/x-www-form-urlencoded")
		_, _ = io.WriteString(w, "result=allow&is_superuser=1")
	case "soon":
		say(fmt.Sprintf(`{"result":"allow","expire_at":%d}`, time.Now().Unix()+3))
	case "deny":
		say(`{"result":"deny"}`)
	case "past":
		say(fmt.Sprintf(`{"result":"allow","expire_at":%d}`, time.Now().Unix()-1))
	case "millis":
		say(fmt.Sprintf(`{"result":"allow","expire_at":%d}`, time.Now().UnixMilli()+100_000))
	case "badrule":
		say(`{"result":"allow","acl":[{"permission":"allow","topic":"#"}]}`)
	case "odd":
		say(`{"result":"maybe"}`)
	case "empty":
		say("")
	case "truncated":
		say(`{"result":"all`)
	case "text":
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, `{"result":"allow"}`)
	case "500":
		w.WriteHeader(500)
	case "403":
		w.WriteHeader(403)
	case "302":
		http.Redirect(w, new(http.Request), "/elsewhere", http.StatusFound)
	case "broken":
		panic(http.ErrAbortHandler)
	case "sleep":
		select {
		case <-time.After(10 * time.Second):
		case <-s.stop:
		}
		say(`{"result":"allow"}`)
	default:
		say(`{"result":"ignore"}`)
	}
}

// answerTopic allows what begins with "ok/", slowly, and denies "no/".
func (s *authServer) answerTopic(w http.ResponseWriter, q request) {
	switch topic := q.query.Get("topic"); {
	case strings.HasPrefix(topic, "ok/"):
		time.Sleep(30 * time.Millisecond)
		w.WriteHeader(204)
	case strings.HasPrefix(topic, "no/"):
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"result":"deny"}`)
	default:
		w.WriteHeader(404)
	}
}

// httpClient is an MQTT client over plain TCP in this process.
type httpClient struct {
	*wire
	connack []byte // without properties
}

// come says CONNECT in MQTT 3.1.1 or 5.0 and returns with the first two bytes
// of the CONNACK's content.
func come(t *testing.T, addr string, v mqtt.Version, id, user, pass string) *httpClient {
	t.Helper()
	c := &httpClient{wire: dial(t, addr, "")}
	_ = c.SetDeadline(time.Now().Add(patience + 10*time.Second))
	p := mqtt.Connect{Version: v, CleanStart: true, ClientID: []byte(id), HasUsername: true, Username: []byte(user), HasPassword: true, Password: []byte(pass)}
	if _, err := c.Write(p.Append(nil, v)); err != nil {
		t.Fatal(err)
	}
	c.connack = c.packet()
	if c.connack[0] != 0x20 {
		t.Fatalf("% x instead of a CONNACK", c.connack)
	}
	return c
}

// reason is the code of the CONNACK.
func (c *httpClient) reason() byte { return c.connack[3] }

// subscribes returns the reason codes of an MQTT 3.1.1 SUBACK.
func (c *httpClient) subscribes(filters ...string) []byte {
	c.t.Helper()
	p := mqtt.Subscribe{PacketID: 7}
	for _, f := range filters {
		p.Filters = append(p.Filters, mqtt.Subscription{Filter: []byte(f), QoS: 1})
	}
	if _, err := c.Write(p.Append(nil, mqtt.V311)); err != nil {
		c.t.Fatal(err)
	}
	ack := c.packet()
	if ack[0] != 0x90 {
		c.t.Fatalf("% x instead of a SUBACK", ack)
	}
	return ack[4:]
}

// publishes sends a message at QoS 1 in MQTT 5.0 and returns the reason code.
func (c *httpClient) publishes(topic string) byte {
	c.t.Helper()
	p := mqtt.Publish{QoS: 1, PacketID: 9, Topic: []byte(topic), Payload: []byte("x")}
	if _, err := c.Write(p.Append(nil, mqtt.V50)); err != nil {
		c.t.Fatal(err)
	}
	ack := c.packet()
	if ack[0] != 0x40 {
		c.t.Fatalf("% x instead of a PUBACK", ack)
	}
	if len(ack) < 5 {
		return 0
	}
	return ack[4]
}

// httpYAML is the configuration of a broker whose plugins ask upstreams.
func httpYAML(upstreams, plugins, chain string) string {
	return "data_dir: data\nlog: { level: debug }\nlisteners: { tcp: { default: { bind: \"127.0.0.1:0\" } } }\nupstreams:\n" +
		upstreams + "plugins:\n" + plugins + "auth: { chain: [" + chain + "] }\n"
}

// upstreamYAML is an upstream at a port of localhost, with TLS as given.
func upstreamYAML(name, port, tls string) string {
	return fmt.Sprintf("  %s: { url: \"https://localhost:%s\", tls: { %s } }\n", name, port, tls)
}

const (
	goodTLS = "cacertfile: ca.pem, certfile: broker.pem, keyfile: broker.key"

	loginYAML = `method: post, path: "/auth?id=${clientid}", body: { username: "${username}", password: "${password}" }`
	aclYAML   = `authorization: { method: get, path: "/acl?topic=${topic}&action=${action}" }`
)

func pluginYAML(name, upstream, config string) string {
	return fmt.Sprintf("  %s: { file: \"builtin:http\", upstreams: [%s], config: { %s } }\n", name, upstream, config)
}

// backendFixture is a mint, its HTTPS server, and a directory for a broker.
func backendFixture(t *testing.T) (dir string, m *mint, s *authServer) {
	t.Helper()
	dir = t.TempDir()
	m = newMint(t, dir, "ca")
	m.leaf("broker", "broker.example.com")
	return dir, m, newAuthServer(t, m, m.leaf("server", "localhost"))
}

func run(t *testing.T, dir, yaml string) *process {
	t.Helper()
	p := launchIn(t, dir, "-c", write(t, filepath.Join(dir, "wicket.yaml"), yaml))
	p.wait("listening", patience)
	return p
}

// J7.1, J7.2, J7.5, J7.7 and every row of spec 2.7: alone in its chain, and with
// another that lets in everybody who is left.
func TestHTTPAnswers(t *testing.T) {
	t.Parallel()
	dir, _, s := backendFixture(t)
	p := run(t, dir, httpYAML(upstreamYAML("auth", s.port(), goodTLS), pluginYAML("http", "auth", loginYAML+", "+aclYAML), "http"))
	addr := p.addr("tcp:default")
	enters := func(user string, v3, v5 byte) {
		t.Helper()
		if c := come(t, addr, mqtt.V311, "c", user, "s3cret"); c.reason() != v3 {
			t.Errorf("%s: CONNACK %d, want %d", user, c.reason(), v3)
		}
		if c := come(t, addr, mqtt.V50, "c", user, "s3cret"); c.reason() != v5 {
			t.Errorf("%s: CONNACK %#x, want %#x", user, c.reason(), v5)
		}
	}
	for user := range yes {
		enters(user, 0, 0)
	}
	enters("204", 0, 0)
	enters("form", 0, 0)
	enters("deny", 5, 0x87)
	for _, user := range no[1:] {
		enters(user, 4, 0x86)
	}
	for _, user := range next {
		enters(user, 5, 0x87)
	}
	for _, r := range s.asked() {
		if r.path == "/elsewhere" {
			t.Error("a redirect was followed")
		}
	}
	topics(t, addr, s)
	silent(t, p, "s3cret")

	dir2, _, s2 := backendFixture(t)
	both := run(t, dir2, httpYAML(upstreamYAML("auth", s2.port(), goodTLS)+upstreamYAML("closed", "1", goodTLS),
		pluginYAML("closed", "closed", loginYAML)+pluginYAML("first", "auth", loginYAML)+
			pluginYAML("second", "auth", `method: post, path: /auth, body: { username: allow }`), "closed, first, second"))
	addr = both.addr("tcp:default")
	for _, user := range next {
		enters(user, 0, 0)
	}
	enters("deny", 5, 0x87)

}

// topics: what clients may do by superuser, preset rules, and by request.
func topics(t *testing.T, addr string, s *authServer) {
	t.Helper()
	c := come(t, addr, mqtt.V311, "r1", "rules", "x")
	asked := len(s.asked())
	if got := c.subscribes("down/#", "of/reader/+", "down/a", "of/writer/x"); string(got) != "\x01\x01\x80\x80" {
		t.Errorf("rules: SUBACK % x", got)
	}
	c = come(t, addr, mqtt.V50, "r2", "rules", "x")
	asked++
	for range 100 {
		if code := c.publishes("up/r2"); code != 0x10 && code != 0 {
			t.Fatalf("rules: PUBACK %#x", code)
		}
	}
	if code := c.publishes("up/r1"); code != 0x87 {
		t.Errorf("rules: PUBACK %#x for another's topic", code)
	}
	c = come(t, addr, mqtt.V50, "o1", "oldrules", "x")
	asked++
	if a, b := c.publishes("up/o1"), c.publishes("ok/x"); a != 0x10 || b != 0x87 {
		t.Errorf("old rules: PUBACK %#x %#x", a, b)
	}
	c = come(t, addr, mqtt.V50, "s1", "super", "x")
	asked++
	if code := c.publishes("no/anything"); code != 0x10 {
		t.Errorf("superuser: PUBACK %#x", code)
	}
	if n := len(s.asked()); n != asked {
		t.Errorf("%d requests for topics that rules decide", n-asked)
	}
	c = come(t, addr, mqtt.V50, "a1", "allow", "x")
	for topic, want := range map[string]byte{"ok/a b&c=d": 0x10, "no/a": 0x87, "else": 0x87} {
		if code := c.publishes(topic); code != want {
			t.Errorf("%s: PUBACK %#x, want %#x", topic, code, want)
		}
	}
	if r := s.asked(); !slices.ContainsFunc(r, func(r request) bool {
		return r.query.Get("topic") == "ok/a b&c=d" && r.query.Get("action") == "publish"
	}) {
		t.Error("the topic has not come through")
	}
	c = come(t, addr, mqtt.V311, "a2", "allow", "x")
	if got := c.subscribes("ok/1", "no/1", "ok/2", "else"); string(got) != "\x01\x80\x01\x80" {
		t.Errorf("SUBACK % x", got)
	}
}

// silent fails the test when the broker has logged a secret.
func silent(t *testing.T, p *process, secret string) {
	t.Helper()
	if strings.Contains(p.transcript(), secret) {
		t.Errorf("%q is in the log:\n%s", secret, p.transcript())
	}
}

// Packets of one client are taken in their order, however long the server
// thinks about the first (ZHTTP-03).
func TestHTTPAuthorizeKeepsOrder(t *testing.T) {
	t.Parallel()
	dir, _, s := backendFixture(t)
	p := run(t, dir, httpYAML(upstreamYAML("auth", s.port(), goodTLS), pluginYAML("http", "auth", loginYAML+", "+aclYAML), "http"))
	addr := p.addr("tcp:default")
	sub := come(t, addr, mqtt.V311, "sub", "super", "x")
	sub.subscribes("#")
	c := come(t, addr, mqtt.V50, "pub", "allow", "x")
	const n = 20
	var out []byte
	for i := range n { // the even ones take the server 30 ms
		topic := fmt.Sprintf("ok/%d", i)
		if i%2 == 1 {
			topic = fmt.Sprintf("no/%d", i)
		}
		m := mqtt.Publish{QoS: 1, PacketID: uint16(i + 1), Topic: []byte(topic), Payload: []byte("x")}
		out = m.Append(out, mqtt.V50)
	}
	if _, err := c.Write(out); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if ack := c.packet(); ack[0] != 0x40 || int(ack[3]) != i+1 || (len(ack) > 4 && ack[4] == 0x87) != (i%2 == 1) {
			t.Fatalf("packet %d was answered by % x", i+1, ack)
		}
	}
	for i := 0; i < n; i += 2 {
		if m := sub.packet(); !strings.Contains(string(m), fmt.Sprintf("ok/%d", i)) {
			t.Fatalf("%q instead of ok/%d", m, i)
		}
	}
}

// J7.7: a client is disconnected when its time is over.
func TestHTTPExpiry(t *testing.T) {
	t.Parallel()
	dir, _, s := backendFixture(t)
	p := run(t, dir, httpYAML(upstreamYAML("auth", s.port(), goodTLS), pluginYAML("http", "auth", loginYAML), "http"))
	c := come(t, p.addr("tcp:default"), mqtt.V50, "c", "soon", "x")
	began := time.Now()
	if bye := c.packet(); c.reason() != 0 || bye[0] != 0xe0 || bye[2] != 0x87 {
		t.Errorf("CONNACK %#x, then % x", c.reason(), bye)
	}
	if took := time.Since(began); took < 1500*time.Millisecond || took > 5*time.Second {
		t.Errorf("disconnected after %s", took)
	}
}

// J7.3, J7.4: what the broker thinks of the server's certificate, and the server
// of the broker's. Each plugin allows the client of its own name and has no
// opinion about others.
func TestHTTPUpstreamTLS(t *testing.T) {
	t.Parallel()
	dir, m, s := backendFixture(t)
	other := newAuthServer(t, m, m.leaf("other", "other.example.com"))
	newMint(t, dir, "stranger")
	const own = "certfile: broker.pem, keyfile: broker.key"
	ups := map[string]string{
		"good":     upstreamYAML("good", s.port(), goodTLS),
		"stranger": upstreamYAML("stranger", s.port(), "cacertfile: stranger.pem, "+own),
		"misnamed": upstreamYAML("misnamed", other.port(), goodTLS),
		"named":    upstreamYAML("named", other.port(), goodTLS+", server_name_indication: other.example.com"),
		"nameless": upstreamYAML("nameless", other.port(), goodTLS+", server_name_indication: disable"),
		"anybody":  upstreamYAML("anybody", other.port(), own+", verify: verify_none"),
		"unknown":  upstreamYAML("unknown", s.port(), "cacertfile: ca.pem"), // shows no certificate
	}
	var upstreams, plugins, chain string
	for name, yaml := range ups {
		upstreams += yaml
		plugins += pluginYAML(name, name, `method: post, path: "/`+name+`", body: { username: "${username}-of-`+name+`" }`)
		chain += name + ","
	}
	for _, srv := range []*authServer{s, other} {
		srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			name := r.URL.Path[1:]
			if strings.Contains(string(body), `"`+name+"-of-"+name+`"`) {
				w.WriteHeader(204)
				return
			}
			w.WriteHeader(404)
		})
	}
	p := run(t, dir, httpYAML(upstreams, plugins, strings.TrimSuffix(chain, ",")))
	addr := p.addr("tcp:default")
	for name := range ups {
		want := byte(0)
		if name == "stranger" || name == "misnamed" || name == "unknown" {
			want = 5
		}
		if c := come(t, addr, mqtt.V311, "c-"+name, name, "x"); c.reason() != want {
			t.Errorf("%s: CONNACK %d, want %d\n%s", name, c.reason(), want, p.transcript())
		}
	}
	if !strings.Contains(p.transcript(), "unknown authority") {
		t.Error("nobody says that the authority is unknown")
	}
}

// J7.4, AHTTP-10, items 44 and 45: a configuration that cannot work is refused
// before the broker listens, with the key at fault.
func TestHTTPRefusedConfigurations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newMint(t, dir, "ca")
	ok := upstreamYAML("auth", "1", "cacertfile: ca.pem")
	for name, c := range map[string]struct{ yaml, want string }{
		"verify without authorities": {httpYAML(upstreamYAML("auth", "1", "verify: verify_peer"), pluginYAML("http", "auth", loginYAML), "http"), "cacertfile"},
		"unknown upstream":           {httpYAML(ok, pluginYAML("http", "auht", loginYAML), "http"), "auht"},
		"upstream not granted":       {httpYAML(ok, pluginYAML("http", "auth", "upstream: other, "+loginYAML), "http"), "plugins.http.upstreams: [other]"},
		"no upstream":                {httpYAML(ok, pluginYAML("http", "", loginYAML), "http"), "upstream"},
		"method":                     {httpYAML(ok, pluginYAML("http", "auth", "path: /auth"), "http"), "method: missing"},
	} {
		p := launchIn(t, dir, "-c", write(t, filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".yaml"), c.yaml))
		if code := p.exit(patience); code == 0 || !strings.Contains(p.transcript()+p.out.String(), c.want) {
			t.Errorf("%s: exit code %d, want %q in\n%s", name, code, c.want, p.transcript())
		}
	}
}

// J7.6: the CONNACK of a client whose server says nothing comes after five
// seconds, and those who publish notice nothing of it.
func TestHTTPTimeout(t *testing.T) {
	t.Parallel()
	dir, _, s := backendFixture(t)
	up := fmt.Sprintf("  auth: { url: \"https://localhost:%s\", pool_size: 64, tls: { %s } }\n", s.port(), goodTLS)
	p := run(t, dir, httpYAML(up, pluginYAML("http", "auth", loginYAML), "http"))
	addr := p.addr("tcp:default")
	const n = 50
	ctx, cancel := context.WithCancel(t.Context())
	var crowd sync.WaitGroup
	var rounds atomic.Int64
	var slowest atomic.Int64
	for i := range n {
		c := come(t, addr, mqtt.V50, fmt.Sprintf("p%d", i), "super", "x")
		_ = c.SetDeadline(time.Now().Add(time.Minute + patience))
		crowd.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				if code := c.publishes("t"); code != 0x10 {
					t.Errorf("PUBACK %#x", code)
					return
				}
				took := int64(time.Since(began))
				for old := slowest.Load(); took > old && !slowest.CompareAndSwap(old, took); old = slowest.Load() {
				}
				rounds.Add(1)
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	began := time.Now()
	c := come(t, addr, mqtt.V50, "slow", "sleep", "x")
	took := time.Since(began)
	cancel()
	crowd.Wait()
	t.Logf("CONNACK after %s; meanwhile %d round trips, the slowest of %s", took, rounds.Load(), time.Duration(slowest.Load()))
	if c.reason() != 0x87 || took < 4500*time.Millisecond || took > 5500*time.Millisecond && !raceEnabled {
		t.Errorf("CONNACK %#x after %s, want 0x87 after 5 s ± 0.5", c.reason(), took)
	}
	if rounds.Load() < n {
		t.Errorf("only %d round trips", rounds.Load())
	}
	if longest := time.Duration(slowest.Load()); longest > 2*time.Second {
		t.Errorf("a client that publishes waited for %s", longest)
	}
	// Those who leave while their server thinks, and come again, are no burden.
	for range 20 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		m := mqtt.Connect{Version: mqtt.V311, CleanStart: true, ClientID: []byte("gone"), HasUsername: true, Username: []byte("sleep"), HasPassword: true}
		_, _ = conn.Write(m.Append(nil, mqtt.V311))
		conn.Close()
	}
	if c := come(t, addr, mqtt.V50, "after", "allow", "x"); c.reason() != 0 {
		t.Errorf("CONNACK %#x", c.reason())
	}
}

// J7.9, D8: what a client says of itself reaches the server as it was said, in
// its place, or not at all. What is no MQTT string ends at the broker.
func TestHTTPInjection(t *testing.T) {
	t.Parallel()
	dir, _, s := backendFixture(t)
	p := run(t, dir, httpYAML(upstreamYAML("auth", s.port(), goodTLS),
		pluginYAML("json", "auth", `method: post, path: "/json/${username}/${clientid}", body: { username: "${username}", id: "${clientid}", password: "${password}", end: "1" }`)+
			pluginYAML("form", "auth", `method: post, path: "/form?u=${username}&id=${clientid}&end=1", headers: { content-type: application/x-www-form-urlencoded }, body: { username: "${username}", password: "${password}", end: "1" }`)+
			pluginYAML("head", "auth", `method: get, path: /head, headers: { x-user: "${username}", x-id: "${clientid}" }`), "json, form, head"))
	addr := p.addr("tcp:default")
	for i, text := range []string{"plain", "a\r\nX-Admin: 1", "a\nb", `a"b`, `","result":"allow`, "50%", "%00%2e%2e", "/../", "..", ".", "a/b?c#d", "&admin=1;x", "a+b c", " a ",
		"${password}", "${$}{clientid}", "ä😀\u2028", strings.Repeat("x", 60_000)} {
		before := len(s.asked())
		id, pass := fmt.Sprintf("i%d", i), text+"\x00\xff"[:i%3]
		if len(text) > 1000 { // a CONNECT is no place for more
			pass = "long"
		}
		c := dial(t, addr, "")
		m := mqtt.Connect{Version: mqtt.V50, CleanStart: true, ClientID: []byte(id), HasUsername: true, Username: []byte(text), HasPassword: true, Password: []byte(pass)}
		if _, err := c.Write(m.Append(nil, mqtt.V50)); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(text, "\r\n") { // the broker has no such names; whatever it says, it is no yes
			if got := c.closed(); len(got) > 3 && got[3] == 0 {
				t.Errorf("%q is let in", text)
			}
		} else if got := c.packet(); got[3] != 0x87 {
			t.Errorf("%.40q: CONNACK % x", text, got)
		}
		for _, r := range s.asked()[before:] {
			checkRequest(t, r, text, id, pass)
		}
	}
	for _, bad := range []string{"a\x00b", "\xff\xfe", "\xed\xa0\x80"} { // [MQTT-1.5.4-1], [MQTT-1.5.4-2]
		before := len(s.asked())
		c := dial(t, addr, "")
		m := mqtt.Connect{Version: mqtt.V50, CleanStart: true, ClientID: []byte("c"), HasUsername: true, Username: []byte(bad)}
		_, _ = c.Write(m.Append(nil, mqtt.V50))
		c.closed()
		if n := len(s.asked()) - before; n != 0 {
			t.Errorf("%q was asked about", bad)
		}
	}
}

// checkRequest fails the test unless the request says what the client said.
func checkRequest(t *testing.T, r request, user, id, pass string) {
	t.Helper()
	switch {
	case strings.HasPrefix(r.path, "/json/"):
		want := map[string]string{"username": user, "id": id, "password": pass, "end": "1"}
		if r.path != "/json/"+user+"/"+id || !maps.Equal(r.fields, want) || len(r.query) != 0 {
			t.Errorf("%.40q: %.80q %.200v", user, r.path, r.fields)
		}
	case r.path == "/form":
		want := map[string]string{"username": user, "password": pass, "end": "1"}
		if r.query.Get("u") != user || r.query.Get("id") != id || len(r.query) != 3 || !maps.Equal(r.fields, want) {
			t.Errorf("%.40q: %.200v %.200v", user, r.query, r.fields)
		}
	case r.path == "/head":
		if r.header.Get("X-User") != user || r.header.Get("X-Id") != id || r.header.Get("X-Admin") != "" {
			t.Errorf("%.40q: %.200v", user, r.header)
		}
	default:
		t.Errorf("%.40q: asked for %.80q", user, r.path)
	}
}
