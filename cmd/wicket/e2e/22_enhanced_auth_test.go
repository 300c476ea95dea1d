package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/eclipse/paho.golang/paho"

	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/plugins/scram/client"
)

// scrammer lets Eclipse Paho for Go log in by SCRAM.
type scrammer struct {
	client.Client
	method string // sent in place of the mechanism, unless empty
	mu     sync.Mutex
	asked  []string
}

func newScrammer(mechanism, user, password string) *scrammer {
	return &scrammer{Client: client.Client{Mechanism: mechanism, User: user, Password: password, Nonce: rand.Text()}}
}

func (s *scrammer) name() string {
	if s.method != "" {
		return s.method
	}
	return s.Mechanism
}

// Authenticate implements paho.Auther.
func (s *scrammer) Authenticate(a *paho.Auth) *paho.Auth {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, string(a.Properties.AuthData))
	answer, err := s.Final(a.Properties.AuthData)
	if err != nil {
		answer = []byte(err.Error())
	}
	return &paho.Auth{ReasonCode: 0x18, Properties: &paho.AuthProperties{AuthMethod: s.name(), AuthData: answer}}
}

// Authenticated implements paho.Auther.
func (s *scrammer) Authenticated() {}

// guest is a client that has tried to come in.
type guest struct {
	*paho.Client
	ack    *paho.Connack
	closed chan byte // reason of the broker's DISCONNECT
}

func (p *process) admit(s *scrammer, with ...func(*paho.Connect)) *guest {
	p.t.Helper()
	v := &guest{closed: make(chan byte, 1)}
	conn := dial(p.t, p.addr("tcp:default"), "")
	v.Client = paho.NewClient(paho.ClientConfig{ClientID: "c-" + s.User, Conn: conn.Conn, AuthHandler: s,
		OnServerDisconnect: func(d *paho.Disconnect) { v.closed <- d.ReasonCode }})
	c := &paho.Connect{ClientID: "c-" + s.User, CleanStart: true, KeepAlive: 30,
		Properties: &paho.ConnectProperties{AuthMethod: s.name(), AuthData: s.First()}}
	for _, f := range with {
		f(c)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ack, err := v.Connect(ctx, c)
	if ack == nil {
		p.t.Fatalf("no CONNACK: %v", err)
	}
	v.ack = ack
	return v
}

// renew re-authenticates. Paho does not show the data of the AUTH that ends it.
func (v *guest) renew(s *scrammer) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := v.Client.Authenticate(ctx, &paho.Auth{ReasonCode: 0x19,
		Properties: &paho.AuthProperties{AuthMethod: s.name(), AuthData: s.First()}})
	if err == nil && !r.Success {
		err = errors.New("refused")
	}
	return err
}

func (v *guest) publish(topic string) byte {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, _ := v.Publish(ctx, &paho.Publish{Topic: topic, QoS: 1})
	if r == nil {
		return 0xff
	}
	return r.ReasonCode
}

// passwd gives a user the password pencil.
func passwd(t *testing.T, users, name, algorithm string) {
	t.Helper()
	if r := tool(t, "", "pencil\n", binary, "passwd", users, name, "--algorithm", algorithm, "--password-stdin"); r.code != 0 {
		t.Fatalf("passwd: %d, %s", r.code, r.errOut)
	}
}

// scramBroker has users that wicket passwd has written.
func scramBroker(t *testing.T) (p *process, users, config string) {
	t.Helper()
	dir := t.TempDir()
	users = filepath.Join(dir, "users")
	for _, u := range []string{"alice scram-sha-256", "bob scram-sha-512", "carol argon2id"} {
		name, algorithm, _ := strings.Cut(u, " ")
		passwd(t, users, name, algorithm)
	}
	config = write(t, filepath.Join(dir, "wicket.yaml"), `data_dir: data
listeners: { tcp: { default: { bind: 127.0.0.1:0 } } }
plugins:
  password: { file: "builtin:password", config: { users_file: users } }
  scram: { file: "builtin:scram", config: { users_file: users } }
auth: { chain: [password, scram], anonymous: allow }
`)
	return start(t, "-c", config), users, config
}

// TestEnhancedAuthentication has one broker for all that follows, since two
// plugins are compiled for it.
func TestEnhancedAuthentication(t *testing.T) {
	t.Parallel()
	p, users, config := scramBroker(t)
	t.Run("SCRAM", func(t *testing.T) { scramLogins(t, p) })
	t.Run("interrupted", func(t *testing.T) { scramInterrupted(t, p) })
	t.Run("again", func(t *testing.T) { scramAgain(t, p) })
	t.Run("new rights", func(t *testing.T) { reauthentication(t, p, users, config) })
}

// A client that proves to know its password and hears the same of the broker,
// by SCRAM; and those who cannot, or do something else (ASCRAM-01, AUTHN-11).
func scramLogins(t *testing.T, p *process) {
	for _, s := range []*scrammer{newScrammer("SCRAM-SHA-256", "alice", "pencil"), newScrammer("SCRAM-SHA-512", "bob", "pencil")} {
		v := p.admit(s)
		if pr := v.ack.Properties; v.ack.ReasonCode != 0 || pr.AuthMethod != s.Mechanism || s.Verify(pr.AuthData) != nil {
			t.Errorf("%s: %d, %+v", s.User, v.ack.ReasonCode, pr)
		}
		if code := v.publish("t"); code >= 0x80 {
			t.Errorf("%s may not publish: %#x", s.User, code)
		}
	}
	for _, s := range []*scrammer{
		newScrammer("SCRAM-SHA-256", "alice", "pencils"),
		newScrammer("SCRAM-SHA-256", "nobody", "pencil"),
		newScrammer("SCRAM-SHA-256", "carol", "pencil"),
		newScrammer("SCRAM-SHA-512", "alice", "pencil"),
	} {
		v := p.admit(s)
		if v.ack.ReasonCode != 0x87 || v.ack.Properties.ReasonString != "" || len(v.ack.Properties.AuthData) != 0 || len(s.asked) != 1 {
			t.Errorf("%s with %q: %#x, %+v", s.User, s.Password, v.ack.ReasonCode, v.ack.Properties)
		}
	}
	right := func(c *paho.Connect) {
		c.Username, c.UsernameFlag, c.Password, c.PasswordFlag = "carol", true, []byte("pencil"), true
	}
	unknown := newScrammer("SCRAM-SHA-256", "alice", "pencil")
	unknown.method = "GS2-KRB5"
	if v := p.admit(unknown, right); v.ack.ReasonCode != 0x8c {
		t.Errorf("a method that nobody knows, and a password: %#x", v.ack.ReasonCode)
	}
	if v := p.admit(newScrammer("SCRAM-SHA-256", "alice", "wrong"), right); v.ack.ReasonCode != 0x87 {
		t.Errorf("a wrong proof, and a password: %#x", v.ack.ReasonCode)
	}
	// Who sends a password in place of a proof may come in by the same file.
	c := dial(t, p.addr("tcp:default"), "")
	c.says(`10 1c 00 04 "MQTT" 04 c2 00 3c 00 01 "d" 00 05 "alice" 00 06 "pencil"`)
	c.hears(`20 02 00 00`)
}

// What only a broken client does, and one that leaves.
func scramInterrupted(t *testing.T, p *process) {
	const hello = `10 32 00 04 "MQTT" 05 02 00 3c 24 15 00 0d "SCRAM-SHA-256" 16 00 11 "n,,n=alice,r=abcd" 00 01 "c"`
	begin := func() *wire {
		c := dial(t, p.addr("tcp:default"), "")
		c.says(hello)
		if got := c.packet(); got[0] != 0xf0 || got[2] != 0x18 || !strings.Contains(string(got), "r=abcd") {
			t.Fatalf("asked % x", got)
		}
		return c
	}
	for range 3 {
		begin().Close()
	}
	c := begin()
	c.says(`c0 00`) // PINGREQ
	c.hears(`20 03 00 82 00`)
	c.closed()
	c = begin()
	c.says(`f0 0d 18 0b 15 00 05 "OTHER" 16 00 00`)
	c.hears(`20 03 00 82 00`)
	c.closed()
	c = begin()
	c.says(`e0 00`)
	if last := c.closed(); len(last) != 0 {
		t.Errorf("after DISCONNECT: % x", last)
	}
	if v := p.admit(newScrammer("SCRAM-SHA-256", "alice", "pencil")); v.ack.ReasonCode != 0 {
		t.Errorf("a good client: %#x", v.ack.ReasonCode)
	}
}

// exchange sends a packet and reads the one that answers it.
func (w *wire) exchange(out interface {
	Append([]byte, mqtt.Version) []byte
}) (h mqtt.Header, body []byte) {
	w.t.Helper()
	if _, err := w.Write(out.Append(nil, mqtt.V50)); err != nil {
		w.t.Fatal(err)
	}
	var in []byte
	for one := make([]byte, 1); ; in = append(in, one...) {
		h, err := mqtt.ParseHeader(in)
		if err == nil && h.Len() == len(in) {
			return h, in[h.Size:]
		}
		if _, err := io.ReadFull(w, one); err != nil {
			w.t.Fatalf("after % x: %v", in, err)
		}
	}
}

// auth is exchange for an AUTH that another one answers.
func (w *wire) auth(reason mqtt.Reason, data []byte) (p mqtt.Auth) {
	w.t.Helper()
	h, body := w.exchange(&mqtt.Auth{Reason: reason, Method: []byte("SCRAM-SHA-256"), Data: data})
	if err := p.Decode(mqtt.V50, h.Flags, body); h.Type != mqtt.TypeAuth || err != nil {
		w.t.Fatalf("%v % x: %v", h, body, err)
	}
	return p
}

// The broker proves itself in the AUTH that ends a re-authentication as well.
func scramAgain(t *testing.T, p *process) {
	s := client.Client{Mechanism: "SCRAM-SHA-256", User: "alice", Password: "pencil", Nonce: "abcd"}
	c := dial(t, p.addr("tcp:default"), "")
	h, body := c.exchange(&mqtt.Connect{Version: mqtt.V50, CleanStart: true, ClientID: []byte("again"), Properties: mqtt.ConnectProperties{
		AuthMethod: []byte(s.Mechanism), HasAuthMethod: true, AuthData: s.First(), HasAuthData: true}})
	var asked mqtt.Auth
	if err := asked.Decode(mqtt.V50, h.Flags, body); err != nil || asked.Reason != mqtt.ContinueAuthentication {
		t.Fatalf("% x: %v", body, err)
	}
	final, err := s.Final(asked.Data)
	if err != nil {
		t.Fatal(err)
	}
	h, body = c.exchange(&mqtt.Auth{Reason: mqtt.ContinueAuthentication, Method: []byte(s.Mechanism), Data: final})
	var ack mqtt.Connack
	if err := ack.Decode(mqtt.V50, h.Flags, body); err != nil || ack.Reason != mqtt.Success || s.Verify(ack.Properties.AuthData) != nil {
		t.Fatalf("%+v, %v", ack, err)
	}
	s.Nonce = "efgh"
	if asked = c.auth(mqtt.Reauthenticate, s.First()); asked.Reason != mqtt.ContinueAuthentication {
		t.Fatalf("%+v", asked)
	}
	if final, err = s.Final(asked.Data); err != nil {
		t.Fatal(err)
	}
	if last := c.auth(mqtt.ContinueAuthentication, final); last.Reason != mqtt.Success || s.Verify(last.Data) != nil {
		t.Errorf("%+v", last)
	}
}

// Re-authentication takes what the users file says by then [MQTT-4.12.1-1], and
// who fails is out, with its will [MQTT-4.12.1-2].
func reauthentication(t *testing.T, p *process, users, config string) {
	watcher := dial(t, p.addr("tcp:default"), "")
	watcher.says(`10 1d 00 04 "MQTT" 05 c2 00 3c 00 00 01 "w" 00 05 "carol" 00 06 "pencil"`)
	watcher.welcome()
	watcher.says(`82 0a 00 01 00 00 04 "will" 00`)
	watcher.hears(`90 04 00 01 00 00`)

	s := newScrammer("SCRAM-SHA-256", "alice", "pencil")
	v := p.admit(s, func(c *paho.Connect) { c.WillMessage = &paho.WillMessage{Topic: "will", Payload: []byte("x")} })
	if code := v.publish("a"); code >= 0x80 {
		t.Fatalf("%#x", code)
	}
	write(t, users, strings.Replace(read(t, users), "bob:", "  allow publish b\n  allow publish will\nbob:", 1))
	must(t, "", binary, "ctl", "reload", "-c", config)
	if code := v.publish("a"); code >= 0x80 {
		t.Errorf("rights have changed by themselves: %#x", code)
	}
	if err := v.renew(s); err != nil {
		t.Fatal(err)
	}
	if a, b := v.publish("a"), v.publish("b"); a != 0x87 || b >= 0x80 {
		t.Errorf("publish a: %#x, b: %#x", a, b)
	}
	s.Client = client.Client{Mechanism: s.Mechanism, User: "alice", Password: "wrong", Nonce: rand.Text()}
	if v.renew(s) == nil {
		t.Error("in again with a wrong password")
	}
	if code := <-v.closed; code != 0x87 {
		t.Errorf("disconnected with %#x", code)
	}
	watcher.hears(`30 08 00 04 "will" 00 "x"`)
}
