//go:build !wasip1

package exchange

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/password"
	"github.com/wicketmq/wicket/engine/password/encoded"
	"github.com/wicketmq/wicket/plugins/scram/client"
	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

// pencil is the user of RFC 7677 section 3.
const pencil = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

func fixNonce(t *testing.T, nonce string) {
	old := newNonce
	newNonce = func() string { return nonce }
	t.Cleanup(func() { newNonce = old })
}

func open(t *testing.T, config, users string, upstreams ...string) *Server {
	t.Helper()
	l := &wicket.LoadInfo{Load: wire.Load{Plugin: "scram", Config: config, Upstreams: upstreams}}
	if users != "" {
		l.Files = append(l.Files, wire.File{Key: "users_file", Path: "etc/users", Content: []byte(users)})
	}
	s, notes, err := New(l)
	if err != nil || len(notes) > 0 {
		t.Fatalf("%q, %v", notes, err)
	}
	return s
}

func hello(c *client.Client) *wicket.Connect {
	return &wicket.Connect{ClientID: "c1", Protocol: 5, AuthMethod: c.Mechanism, AuthData: c.First()}
}

// enter goes through an exchange and returns what the server has asked.
func enter(t *testing.T, s *Server, c *client.Client, h wicket.Host) (wicket.Verdict, string) {
	t.Helper()
	asked := ""
	v := s.Authenticate(wicket.TestContext(both{h, wicket.Client(func(data []byte) ([]byte, error) {
		asked = string(data)
		return c.Final(data)
	})}), hello(c))
	if v.Code() == wicket.CodeAllow {
		if err := c.Verify(v.Detail().AuthData); err != nil {
			t.Error(err)
		}
	}
	return v, asked
}

// both is a host with an upstream and a client.
type both struct {
	wicket.Host
	wicket.Peer
}

func (b both) HTTP(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
	if h, ok := b.Host.(wicket.HTTPHost); ok {
		return h.HTTP(r)
	}
	return nil, wicket.ErrNotGranted
}

// The example of RFC 7677 section 3, word by word.
func TestExample(t *testing.T) {
	fixNonce(t, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
	s := open(t, "", "user:"+pencil+"\n")
	var asked string
	v := s.Authenticate(wicket.TestContext(wicket.Client(func(data []byte) ([]byte, error) {
		asked = string(data)
		return []byte("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), nil
	})), &wicket.Connect{AuthMethod: "SCRAM-SHA-256", AuthData: []byte("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")})
	if asked != "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096" {
		t.Errorf("asked %q", asked)
	}
	d := v.Detail()
	if v.Code() != wicket.CodeAllow || string(d.AuthData) != "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" || d.Username != "user" || d.Default != wire.Allow {
		t.Errorf("%+v", d)
	}
}

func hashOf(t *testing.T, algorithm, secret string) string {
	t.Helper()
	h, err := password.Hash(algorithm, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestLogin(t *testing.T) {
	file := "alice:" + hashOf(t, "scram-sha-256", "pencil") + "\n  superuser\n" +
		"big:" + hashOf(t, "scram-sha-512", "pencil") + "\n  allow publish devices/${clientid}/#\n" +
		"a,b=c:" + hashOf(t, "scram-sha-256", "pencil") + "\n" +
		"other:" + hashOf(t, "pbkdf2", "pencil") + "\n"
	s := open(t, "", file)
	for _, tt := range []struct {
		mechanism, user, password, flag string
		code                            wicket.Code
	}{
		{"SCRAM-SHA-256", "alice", "pencil", "", wicket.CodeAllow},
		{"SCRAM-SHA-256", "alice", "pencil", "y,,", wicket.CodeAllow},
		{"SCRAM-SHA-256", "alice", "pencil", "n,a=alice,", wicket.CodeAllow},
		{"SCRAM-SHA-512", "big", "pencil", "", wicket.CodeAllow},
		{"SCRAM-SHA-256", "a,b=c", "pencil", "", wicket.CodeAllow},
		{"SCRAM-SHA-256", "alice", "pencils", "", wicket.CodeDeny},
		{"SCRAM-SHA-256", "nobody", "pencil", "", wicket.CodeDeny},
		{"SCRAM-SHA-256", "other", "pencil", "", wicket.CodeDeny},
		{"SCRAM-SHA-512", "alice", "pencil", "", wicket.CodeDeny},
		{"SCRAM-SHA-256", "big", "pencil", "", wicket.CodeDeny},
		{"SCRAM-SHA-256", "alice", "pencil", "n,a=big,", wicket.CodeDeny},
		{"SCRAM-SHA-256", "alice", "pencil", "p=tls-exporter,,", wicket.CodeDeny},
		{"SCRAM-SHA-1", "alice", "pencil", "", wicket.CodeNext},
	} {
		c := &client.Client{Mechanism: tt.mechanism, User: tt.user, Password: tt.password, Flag: tt.flag, Nonce: "fyko+d2lbbFgONRv9qkxdawL"}
		v, _ := enter(t, s, c, nil)
		if v.Code() != tt.code || tt.code == wicket.CodeDeny && v.Detail().Reason != uint32(wicket.NotAuthorized) {
			t.Errorf("%+v: %d, %+v", tt, v.Code(), v.Detail())
		}
		if v.Code() == wicket.CodeAllow && v.Detail().Username != tt.user {
			t.Errorf("%s is in as %q", tt.user, v.Detail().Username)
		}
	}
	if v := s.Authenticate(wicket.TestContext(wicket.Client(nil)), &wicket.Connect{Username: "alice", HasUsername: true}); v.Code() != wicket.CodeNext {
		t.Errorf("a client without a method: %d", v.Code())
	}
}

// Somebody who is not there is asked as somebody who is, each time the same, with
// iterations and a salt that others have, and answered as one with a wrong
// password is.
func TestNobodyIsTold(t *testing.T) {
	fixNonce(t, "server")
	file := "alice:" + pencil + "\nbob:" + strings.Replace(pencil, "4096:W22ZaJ0SNY7soEsUEjb6gQ==", "20000:W22ZaJ0SNY7soEsU", 1) + "\n"
	s := open(t, `{"secret":"0123456789abcdef"}`, file)
	counts := map[string]int{}
	ask := func(s *Server, name string) string {
		_, asked := enter(t, s, &client.Client{Mechanism: "SCRAM-SHA-256", User: name, Nonce: "client"}, nil)
		return asked
	}
	salts := map[string]bool{}
	for i := range 64 {
		name := "nobody" + strings.Repeat("x", i)
		asked := ask(s, name)
		if asked != ask(s, name) {
			t.Errorf("%s is asked another question the second time", name)
		}
		_, rest, _ := strings.Cut(asked, ",s=")
		salt, n, _ := strings.Cut(rest, ",i=")
		counts[n]++
		salts[salt] = true
		if n == "4096" && len(salt) != 24 || n == "20000" && len(salt) != 16 {
			t.Errorf("asked %q", asked)
		}
	}
	if counts["4096"] < 16 || counts["20000"] < 16 || len(salts) != 64 {
		t.Errorf("iterations %v, %d salts", counts, len(salts))
	}
	more := open(t, `{"secret":"0123456789abcdef"}`, file)
	if ask(s, "x") != ask(more, "x") {
		t.Error("another instance asks another question")
	}
	if other := open(t, `{"secret":"fedcba9876543210"}`, file); ask(s, "x") == ask(other, "x") {
		t.Error("the salt does not depend on the secret")
	}
	wrong, _ := enter(t, s, &client.Client{Mechanism: "SCRAM-SHA-256", User: "alice", Password: "x", Nonce: "client"}, nil)
	unknown, _ := enter(t, s, &client.Client{Mechanism: "SCRAM-SHA-256", User: "x", Password: "x", Nonce: "client"}, nil)
	if wrong.Code() != unknown.Code() || wrong.Detail().Reason != unknown.Detail().Reason || wrong.Detail().ReasonText != unknown.Detail().ReasonText {
		t.Errorf("%+v, %+v", wrong.Detail(), unknown.Detail())
	}
	// The keys of a fake are no way in, even for somebody who knows them.
	m := sha256Mechanism
	f := m.fake(s.secret, "x", &credential{salt: make([]byte, 70), iterations: 1})
	if len(f.salt) != 70 {
		t.Errorf("%d bytes of salt", len(f.salt))
	}
}

// Whoever comes, goes or gets another password, the question for the others stays,
// those who are not there among them: who asks before and after learns nothing.
func TestNobodyIsToldByAChange(t *testing.T) {
	fixNonce(t, "server")
	const users, names = 50, 200
	file := func(from, to int) string {
		var b strings.Builder
		for i := from; i < to; i++ {
			key := func(kind string) string {
				sum := sha256.Sum256(fmt.Append(nil, kind, i))
				return base64.StdEncoding.EncodeToString(sum[:])
			}
			fmt.Fprintf(&b, "user%d:SCRAM-SHA-256$%d:%s$%s:%s\n", i, 4096+i, key("salt")[:24], key("stored"), key("server"))
		}
		return b.String()
	}
	for _, config := range []string{"", `{"secret":"0123456789abcdef"}`} {
		ask := func(s *Server, name string) (asked string) {
			s.Authenticate(wicket.TestContext(wicket.Client(func(data []byte) ([]byte, error) {
				asked = string(data)
				return nil, nil
			})), hello(&client.Client{Mechanism: "SCRAM-SHA-256", User: name, Nonce: "client"}))
			return asked
		}
		before, after := open(t, config, file(0, users)), open(t, config, file(1, users+1))
		changed := 0
		for i := range names {
			if name := fmt.Sprint("nobody", i); ask(before, name) != ask(after, name) {
				changed++
			}
		}
		if changed == 0 || changed > names/8 { // two in fifty, as of the users
			t.Errorf("%q: %d of %d questions are others", config, changed, names)
		}
	}
}

func TestFirstMessage(t *testing.T) {
	for _, tt := range []struct{ text, name string }{
		{"n,,n=user,r=abc", "user"},
		{"y,,n=user,r=abc", "user"},
		{"n,a=user,n=user,r=abc,x=extension", "user"},
		{"n,,n=a=2Cb=3Dc,r=abc", "a,b=c"},
		{"n,,n=\u00fcser,r=~!", "\u00fcser"},
		{"", ""}, {"n", ""}, {"n,", ""}, {"n,,", ""}, {"n,,n=user", ""}, {"n,,n=user,", ""}, {"n,,n=user,r=", ""},
		{"n,,n=,r=abc", ""}, {"n,,r=abc,n=user", ""}, {"n,,m=x,n=user,r=abc", ""}, {"n,,n=us=er,r=abc", ""},
		{"n,,n=us=2cer,r=abc", ""}, {"n,,n=us=2,r=abc", ""}, {"n,,n=user,r=a b", ""}, {"n,,n=user,r=a\u00fc", ""},
		{"p=tls-exporter,,n=user,r=abc", ""}, {"x,,n=user,r=abc", ""}, {"n,b=user,n=user,r=abc", ""}, {"n,a=us=er,n=user,r=abc", ""},
		{"n,a=admin,n=user,r=abc", ""}, {"n,,n=us\x00er,r=abc", ""}, {"n,,n=us\x7fer,r=abc", ""}, {"n,,n=\xff,r=abc", ""},
		{"n,,n=" + strings.Repeat("x", maxName+1) + ",r=abc", ""}, {"n,,n=user,r=" + strings.Repeat("x", maxMessage), ""},
	} {
		m, err := parseFirst([]byte(tt.text))
		if (err == nil) != (tt.name != "") || err == nil && (m.name != tt.name || m.header+m.bare != tt.text) {
			t.Errorf("%.60q: %+v, %v", tt.text, m, err)
		}
	}
}

func TestFinalMessage(t *testing.T) {
	for _, tt := range []struct {
		text string
		ok   bool
	}{
		{"c=biws,r=nonce,p=dHzb", true},
		{"c=biws,r=nonce,x=y,p=dHzb", true},
		{"c=biws,r=nonce,p=", true}, // and no proof of anything
		{"", false}, {"p=dHzb", false}, {"c=biws,r=nonce", false}, {"c=biws,p=dHzb", false}, {"r=nonce,c=biws,p=dHzb", false},
		{"c=eSws,r=nonce,p=dHzb", false}, {"c=biws,r=nonces,p=dHzb", false}, {"c=biws,r=other,p=dHzb", false},
		{"c=biws,r=nonce,p=dHz", false}, {"c=biws,r=nonce,p=dHzb,x=y", false},
		{"c=biws,r=nonce," + strings.Repeat("x", maxMessage) + ",p=dHzb", false},
	} {
		if m, err := parseFinal([]byte(tt.text), "n,,", "nonce"); (err == nil) != tt.ok {
			t.Errorf("%.60q: %+v, %v", tt.text, m, err)
		}
	}
}

func FuzzMessages(f *testing.F) {
	f.Add([]byte("n,,n=user,r=abc"), []byte("c=biws,r=abcd,p=dHzb"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		m, err := parseFirst(a)
		if err != nil {
			return
		}
		if m.header+m.bare != string(a) || m.name == "" || strings.ContainsAny(m.nonce, ", ") {
			t.Errorf("%q: %+v", a, m)
		}
		if last, err := parseFinal(b, m.header, m.nonce+"d"); err == nil && !strings.Contains(last.bare, ",r="+m.nonce+"d") {
			t.Errorf("%q: %+v", b, last)
		}
	})
}

// Refusals that come from the client's words, or its silence.
func TestBroken(t *testing.T) {
	s := open(t, "", "user:"+pencil+"\n")
	for _, tt := range []struct {
		name   string
		first  string
		answer string
		err    error
	}{
		{"no data", "", "", nil},
		{"the nonce of another exchange", "n,,n=user,r=abc", "c=biws,r=abcother,p=dHzb", nil},
		{"no proof", "n,,n=user,r=abc", "", nil},
		{"gone", "n,,n=user,r=abc", "", wicket.ErrEnded},
	} {
		v := s.Authenticate(wicket.TestContext(wicket.Client(func([]byte) ([]byte, error) { return []byte(tt.answer), tt.err })),
			&wicket.Connect{AuthMethod: "SCRAM-SHA-256", AuthData: []byte(tt.first)})
		if v.Code() != wicket.CodeDeny {
			t.Errorf("%s: %d", tt.name, v.Code())
		}
	}
}

// ASCRAM-01: a server that keeps the credentials, and what else its answer says.
func TestServer(t *testing.T) {
	h, err := encoded.Parse(hashOf(t, "scram-sha-512", "pencil"))
	if err != nil {
		t.Fatal(err)
	}
	keys := `"stored_key":"` + hex.EncodeToString(h.Key) + `","server_key":"` + strings.ToUpper(hex.EncodeToString(h.ServerKey)) +
		`","salt":"` + hex.EncodeToString(h.Salt) + `"`
	s := open(t, `{"mechanism":"scram","backend":"http","algorithm":"sha512","iteration_count":4096,"secret":"0123456789abcdef",
		"method":"post","path":"/scram","body":{"username":"${username}","id":"${clientid}"}}`, "", "auth")
	var asked string
	answers := map[string]*wicket.HTTPResponse{}
	json := func(body string) *wicket.HTTPResponse {
		return &wicket.HTTPResponse{Status: 200, Headers: []wicket.Property{{Key: "Content-Type", Value: "application/json"}}, Body: []byte(body)}
	}
	up := wicket.Upstreams{"auth": func(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
		asked = r.Method + " " + r.Path + " " + string(r.Body)
		for name, a := range answers {
			if strings.Contains(asked, `"`+name+`"`) {
				return a, nil
			}
		}
		return nil, errors.New("connection refused")
	}}
	answers["alice"] = json(`{"result":"allow",` + keys + `,"is_superuser":true,"client_attrs":{"site":"7"}}`)
	answers["gone"] = &wicket.HTTPResponse{Status: 404}
	answers["denied"] = json(`{"result":"deny"}`)
	answers["short"] = json(`{"salt":"00","stored_key":"0011","server_key":"00"}`)
	answers["odd"] = json(`{` + strings.Replace(keys, `"salt":"`, `"salt":"0`, 1) + `}`)
	answers["broken"] = json(`{`)
	answers["expired"] = json(`{` + keys + `,"expire_at":1}`)
	answers["rules"] = json(`{` + keys + `,"acl":[{"permission":"deny","action":"all","topic":"x"}]}`)
	for _, tt := range []struct {
		user   string
		code   wicket.Code
		reason wicket.Reason
	}{
		{"alice", wicket.CodeAllow, 0}, {"rules", wicket.CodeAllow, 0},
		{"gone", wicket.CodeDeny, wicket.NotAuthorized}, {"denied", wicket.CodeDeny, wicket.NotAuthorized},
		{"expired", wicket.CodeDeny, wicket.BadUsernameOrPassword},
		{"short", wicket.CodeNext, 0}, {"odd", wicket.CodeNext, 0}, {"broken", wicket.CodeNext, 0}, {"down", wicket.CodeNext, 0},
	} {
		v, _ := enter(t, s, &client.Client{Mechanism: "SCRAM-SHA-512", User: tt.user, Password: "pencil", Nonce: "abc"}, up)
		if v.Code() != tt.code || wicket.Reason(v.Detail().Reason) != tt.reason {
			t.Errorf("%s: %d, %+v", tt.user, v.Code(), v.Detail())
		}
		if want := `POST /scram {"username":"` + tt.user + `","id":"c1"}`; asked != want {
			t.Errorf("asked %s, want %s", asked, want)
		}
	}
	v, _ := enter(t, s, &client.Client{Mechanism: "SCRAM-SHA-512", User: "alice", Password: "pencil", Nonce: "abc"}, up)
	if d := v.Detail(); !d.Superuser || len(d.Attributes) != 1 || d.Username != "alice" || d.Default != wire.Next {
		t.Errorf("%+v", d)
	}
	if v, _ := enter(t, s, &client.Client{Mechanism: "SCRAM-SHA-512", User: "alice", Password: "pencils", Nonce: "abc"}, up); v.Code() != wicket.CodeDeny {
		t.Errorf("wrong password: %d", v.Code())
	}
	if v, _ := enter(t, s, &client.Client{Mechanism: "SCRAM-SHA-256", User: "alice", Password: "pencil", Nonce: "abc"}, up); v.Code() != wicket.CodeNext {
		t.Errorf("another mechanism: %d", v.Code())
	}
}

func TestSettings(t *testing.T) {
	const file = "user:" + pencil + "\n"
	for _, tt := range []struct{ name, config, users, want string }{
		{"nothing", "", "", "users_file: missing"},
		{"unknown algorithm", `{"algorithm":"sha1"}`, file, `algorithm: want sha256 or sha512, not "sha1"`},
		{"few iterations", `{"iteration_count":4095}`, file, "iteration_count: want 4096 to 4000000, not 4095"},
		{"unknown key", `{"iterations":1}`, file, "iterations: no such key"},
		{"short secret", `{"secret":"x"}`, file, "secret: want 16 bytes or more"},
		{"bad default", `{"default":"maybe"}`, file, "default: want allow, deny or next"},
		{"mechanism", `{"mechanism":"jwt"}`, file, "mechanism: want scram or nothing"},
		{"backend", `{"backend":"mysql"}`, file, "backend: want http, built_in_database or nothing"},
		{"broken file", "", "user\n", `cannot read users file "etc/users": line 1`},
		{"both", `{"method":"get","path":"/x"}`, file, "method: a server is another place for users"},
		{"server without a secret", `{"method":"get","path":"/x"}`, "", "secret: missing"},
		{"server and its url", `{"method":"get","url":"http://x","secret":"0123456789abcdef"}`, "", "url: the server is an upstream"},
		{"password", `{"method":"post","path":"/x","body":{"p":"${password}"},"secret":"0123456789abcdef"}`, "", "there is no password"},
		{"default of a server", `{"method":"get","path":"/x","default":"allow","secret":"0123456789abcdef"}`, "", "default: it belongs to users_file"},
	} {
		l := &wicket.LoadInfo{Load: wire.Load{Plugin: "scram", Config: tt.config, Upstreams: []string{"auth"}}}
		if tt.users != "" {
			l.Files = append(l.Files, wire.File{Key: "users_file", Path: "etc/users", Content: []byte(tt.users)})
		}
		if _, _, err := New(l); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	for _, tt := range []struct {
		config, users, offers string
		notes                 int
	}{
		{"", file, "SCRAM-SHA-256", 0},
		{`{"algorithm":"sha512"}`, file, "SCRAM-SHA-512", 1},
		{"", file + "big:SCRAM-SHA-512$4096:AAAA$" + strings.Repeat("A", 86) + "==:" + strings.Repeat("A", 86) + "==\n", "SCRAM-SHA-256 SCRAM-SHA-512", 0},
		{"", "# nobody\n", "SCRAM-SHA-256", 1},
	} {
		l := &wicket.LoadInfo{Load: wire.Load{Config: tt.config, Files: []wire.File{
			{Key: "users_file", Path: "etc/users", Content: []byte(tt.users)}, {Key: "secret_file", Path: "s", Content: []byte("0123456789abcdef")}}}}
		s, notes, err := New(l)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range s.mechanisms {
			names = append(names, m.Name)
		}
		if strings.Join(names, " ") != tt.offers || len(notes) != tt.notes {
			t.Errorf("%s: offers %q, notes %q", tt.config, names, notes)
		}
	}
}
