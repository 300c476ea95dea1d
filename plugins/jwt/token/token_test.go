//go:build !wasip1

package token

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

// now is the time of the tests, in seconds.
const now = 1_767_225_600

// broker stands in for the broker: tokens, a clock and an upstream.
type broker struct {
	wicket.Tokens
	err    error             // of VerifyJWT, instead
	fields map[string]string // of the certificate
	clock  int64             // milliseconds
	http   func(*wicket.HTTPRequest) (*wicket.HTTPResponse, error)
	asked  int
}

func (b *broker) Now() int64 { return b.clock }

func (b *broker) VerifyJWT(slot int, token string) (header, claims []byte, err error) {
	if b.err != nil {
		return nil, nil, b.err
	}
	return b.Tokens.VerifyJWT(slot, token)
}

func (b *broker) Certificate(f wicket.CertField, index int) (string, bool) {
	v, ok := b.fields[fmt.Sprint(f)]
	return v, ok && index == 0
}

func (b *broker) HTTP(r *wicket.HTTPRequest) (*wicket.HTTPResponse, error) {
	b.asked++
	return b.http(r)
}

const secret = `"secret":"01234567890123456789012345678901"`

func load(config string) *wicket.LoadInfo {
	return &wicket.LoadInfo{Load: wire.Load{Plugin: "jwt", Config: config}}
}

func authenticator(t testing.TB, more string) *Authenticator {
	t.Helper()
	a, err := New(load("{" + secret + more + "}"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func client() *wicket.Connect {
	return &wicket.Connect{ClientID: "c1", Username: "alice", HasUsername: true, Password: []byte("token"), HasPassword: true, Listener: "tls:default",
		Attributes: []wicket.Property{{Key: "site", Value: "7"}}}
}

func says(claims string) *broker {
	return &broker{Tokens: wicket.Tokens{"token": claims}, clock: now * 1000,
		fields: map[string]string{fmt.Sprint(wicket.CertCommonName): "sensor-1", fmt.Sprint(wicket.CertSubject): "CN=sensor-1"}}
}

// Claims and what becomes of the client.
func TestClaims(t *testing.T) {
	const refused = "deny 0x86"
	for _, tc := range []struct {
		config, claims, want string
	}{
		{``, `{}`, "allow next"},
		{``, `{"exp":1767225601}`, "allow next until 1767225601"},
		{``, `{"exp":1767225600}`, refused}, // RFC 7519 §4.1.4: on or after
		{``, `{"exp":1767225600.9}`, refused},
		{``, `{"exp":1767225601.9,"nbf":1767225600.9,"iat":1.5e9}`, "allow next until 1767225601"},
		{``, `{"exp":0}`, refused},
		{``, `{"exp":-1}`, refused},
		{``, `{"exp":"1767225601"}`, refused},
		{``, `{"exp":null}`, refused},
		{``, `{"exp":1e400}`, refused},
		{``, `{"exp":99999999999999999999}`, refused},
		{``, `{"exp":1767225601000}`, refused}, // milliseconds
		{``, `{"nbf":1767225600,"iat":1767225600}`, "allow next"},
		{``, `{"nbf":1767225601}`, refused},
		{``, `{"iat":1767225601}`, refused},
		{``, `{"nbf":true}`, refused},
		{`,"leeway":2`, `{"exp":1767225599,"nbf":1767225602,"iat":1767225602}`, "allow next until 1767225601"},
		{`,"leeway":2`, `{"exp":1767225598}`, refused},
		{`,"leeway":2`, `{"nbf":1767225603}`, refused},
		{`,"disconnect_after_expire":false`, `{"exp":1767225601}`, "allow next"},
		{`,"disconnect_after_expire":false`, `{"exp":1767225600}`, refused},
		// AUTHZ-08: rules of a token do not outlive it.
		{`,"disconnect_after_expire":false`, `{"exp":1767225601,"acl":{"pub":["a"]}}`, "allow deny until 1767225601 [{true 1 a 0 0 false}]"},

		{`,"verify_claims":{"sub":"${clientid}"}`, `{"sub":"c1"}`, "allow next"},
		{`,"verify_claims":{"sub":"${clientid}"}`, `{"sub":"c2"}`, refused},
		{`,"verify_claims":{"sub":"${clientid}"}`, `{"sub":"C1"}`, refused},
		{`,"verify_claims":{"sub":"${clientid}"}`, `{}`, refused},
		{`,"verify_claims":{"sub":"${clientid}"}`, `{"sub":null}`, refused},
		{`,"verify_claims":{"sub":"${clientid}"}`, `{"sub":{"c1":1}}`, refused},
		{`,"verify_claims":[{"name":"sub","value":"dev-${clientid}-${username}"},{"name":"l","value":"${listener}"}]`, `{"sub":"dev-c1-alice","l":"tls:default"}`, "allow next"},
		{`,"verify_claims":[{"name":"sub","value":"${clientid}"},{"name":"u","value":"${username}"}]`, `{"sub":"c1","u":"bob"}`, refused},
		{`,"verify_claims":{"cn":"${cert_common_name}","dn":"${cert_subject}","s":"${client_attrs.site}"}`, `{"cn":"sensor-1","dn":"CN=sensor-1","s":"7"}`, "allow next"},
		{`,"verify_claims":{"s":"x${client_attrs.none}"}`, `{"s":"x"}`, refused}, // nothing is no match
		{`,"verify_claims":{"n":5,"yes":true,"text":"${$}{x}"}`, `{"n":5,"yes":true,"text":"${x}"}`, "allow next"},
		{`,"verify_claims":{"n":5}`, `{"n":5.0}`, refused},
		{`,"verify_claims":{"aud":"mqtt"}`, `{"aud":["web","mqtt"]}`, "allow next"}, // RFC 7519 §4.1.3
		{`,"verify_claims":{"aud":"mqtt"}`, `{"aud":["web",["mqtt"]]}`, refused},

		{``, `{"is_superuser":true}`, "allow next superuser"},
		{``, `{"is_superuser":"no"}`, "allow next"},
		{``, `{"client_attrs":{"role":"admin","bad name":"x","n":1}}`, "allow next role=admin"},
		{``, `{"acl":[{"permission":"allow","action":"publish","topic":"a/${clientid}","qos":[1]},{"permission":"deny","action":"all","topic":"#"}]}`,
			"allow next [{true 1 a/${clientid} 2 0 false} {false 3 # 0 0 false}]"},
		{``, `{"acl":{"pub":["a"],"sub":["eq b/#"]}}`, "allow deny [{true 1 a 0 0 false} {true 2 b/# 0 0 true}]"},
		{``, `{"acl":[{"permission":"allow","action":"publish","topics":["a"],"who":"x"}]}`, refused},
		{``, `{"acl":"x"}`, refused},
		{``, `{"acl":null}`, "allow next"},
		{`,"acl_claim_name":"rights"`, `{"acl":"x","rights":{"all":["a"]}}`, "allow deny [{true 3 a 0 0 false}]"},
		{`,"acl_claim_name":""`, `{"acl":"x","":"x"}`, "allow next"},
		{`,"username_claim":"sub"`, `{"sub":"sensor-1"}`, "allow next as sensor-1"},
		{`,"username_claim":"sub"`, `{"sub":""}`, refused},
		{`,"username_claim":"sub"`, `{}`, refused},

		{``, `{"a":1,"a":2}`, "next"}, // RFC 7519 §4: refused as no token
		{``, `[]`, "allow next"},      // the broker gives objects only
	} {
		if got := show(authenticator(t, tc.config).Authenticate(wicket.TestContext(says(tc.claims)), client())); got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.config, tc.claims, got, tc.want)
		}
	}
}

// show writes a verdict in a line.
func show(v wicket.Verdict) string {
	d := v.Detail()
	code := [...]string{"deny", "allow", "next"}
	out := code[v.Code()]
	switch v.Code() {
	case wicket.CodeDeny:
		return fmt.Sprintf("deny %#x", d.Reason)
	case wicket.CodeNext:
		return out
	}
	out += " " + code[d.Default]
	if d.Superuser {
		out += " superuser"
	}
	if d.Username != "" {
		out += " as " + d.Username
	}
	if d.ExpireAt != 0 {
		out += fmt.Sprint(" until ", d.ExpireAt)
	}
	for _, p := range d.Attributes {
		out += " " + p.Key + "=" + p.Value
	}
	if len(d.Rules) > 0 {
		out += fmt.Sprint(" ", d.Rules)
	}
	return out
}

// Who is asked about at all, and what the broker's errors mean (AJWT-01).
func TestWhose(t *testing.T) {
	password, username := authenticator(t, ""), authenticator(t, `,"from":"username"`)
	for _, tc := range []struct {
		name string
		a    *Authenticator
		c    wicket.Connect
		err  error
		want string
	}{
		{"token in the password", password, wicket.Connect{Password: []byte("token"), HasPassword: true}, nil, "allow next"},
		{"no password", password, wicket.Connect{Username: "token", HasUsername: true}, nil, "next"},
		{"empty password", password, wicket.Connect{HasPassword: true}, nil, "next"},
		{"token in the user name", username, wicket.Connect{Username: "token", HasUsername: true}, nil, "allow next"},
		{"no user name", username, wicket.Connect{Password: []byte("token"), HasPassword: true}, nil, "next"},
		{"authentication method (AUTHN-11)", password, wicket.Connect{Password: []byte("token"), HasPassword: true, AuthMethod: "SCRAM-SHA-256"}, nil, "next"},
		{"a password", password, wicket.Connect{Password: []byte("hunter2"), HasPassword: true}, nil, "next"},
		{"not signed", password, *client(), wicket.ErrNotSigned, "next"},
		{"unknown key, and no place to ask", password, *client(), wicket.ErrUnknownKey, "next"},
		{"malformed", password, *client(), wicket.ErrMalformed, "next"},
		{"too many in flight", password, *client(), wicket.ErrBusy, "deny 0x88"},
		{"not granted", password, *client(), wicket.ErrNotGranted, "deny 0x88"},
	} {
		b := says(`{}`)
		b.err = tc.err
		if got := show(tc.a.Authenticate(wicket.TestContext(b), &tc.c)); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

// Settings, each with the key and the remedy in its error.
func TestSettings(t *testing.T) {
	const key = "-----BEGIN PUBLIC KEY-----\\n"
	for _, tc := range []struct {
		config, err string
	}{
		{`{}`, "want exactly one of secret, secret_file, public_key, public_key_file, jwks_file and use_jwks: true, not none"},
		{`{` + secret + `,"jwks_file":"k"}`, "not secret, jwks_file"},
		{`{"secret":"emqxsecret"}`, "secret: it has 10 bytes; HS256 needs 32"},
		{`{"secret":""}`, "secret: it has 0 bytes"},
		{`{"secret":5}`, "secret: want text, not a number"},
		{`{"secret":"!","secret_base64_encoded":true}`, "secret: it is no Base64"},
		{`{"secret":"c2hvcnQ=","secret_base64_encoded":true}`, "secret: it has 5 bytes"},
		{`{"public_key":"` + key + `","secret_base64_encoded":true}`, "secret_base64_encoded: there is no secret"},
		{`{"public_key":"etc/key.pem"}`, "public_key: want PEM text, -----BEGIN PUBLIC KEY-----; the name of a file belongs to public_key_file"},
		{`{` + secret + `,"algorithm":"public-key"}`, "algorithm: it is public-key, and the keys are of hmac-based"},
		{`{` + secret + `,"algorithm":"RS256"}`, "algorithm: want hmac-based or public-key"},
		{`{"public_key":"` + key + `","algorithm":"hmac-based"}`, "algorithm: it is hmac-based"},
		{`{` + secret + `,"algorithms":["RS256"]}`, `algorithms[0]: "RS256" is none for these keys`},
		{`{"public_key":"` + key + `","algorithms":["HS256"]}`, `algorithms[0]: "HS256" is none for these keys`},
		{`{"public_key":"` + key + `","algorithms":["none"]}`, `"none" is none`},
		{`{` + secret + `,"from":"header"}`, "from: want password or username"},
		{`{` + secret + `,"leeway":301}`, "leeway: want 0 to 300 seconds"},
		{`{` + secret + `,"leeway":-1}`, "leeway: want 0"},
		{`{` + secret + `,"verify_claims":"sub"}`, "verify_claims: want names"},
		{`{` + secret + `,"verify_claims":["sub"]}`, "verify_claims[0]: want name and value"},
		{`{` + secret + `,"verify_claims":{"sub":"${user}"}}`, `verify_claims.sub: "${user}" is no placeholder`},
		{`{` + secret + `,"verify_claims":{"sub":"a${clientid"}}`, `is no placeholder`},
		{`{` + secret + `,"verify_claims":{"sub":""}}`, "verify_claims.sub: want a text"},
		{`{` + secret + `,"verify_claims":{"sub":["a"]}}`, "verify_claims.sub: want a text"},
		{`{` + secret + `,"endpoint":"https://x"}`, "endpoint: the server is an upstream"},
		{`{` + secret + `,"refresh_interval":5}`, "refresh_interval: it has a meaning with use_jwks: true only"},
		{`{` + secret + `,"mechanism":"password_based"}`, "mechanism: want jwt"},
		{`{` + secret + `,"sekret":1}`, "sekret: no such key"},
		{`{"use_jwks":true}`, "upstream: missing: want one of those that `plugins.jwt.upstreams` names"},
		{`{"use_jwks":true,"upstream":"idp"}`, "upstream: \"idp\" is not granted; add `plugins.jwt.upstreams: [idp]`"},
		{`{"use_jwks":true,"refresh_interval":"0s"}`, "refresh_interval: want 1 to 86400 seconds"},
	} {
		a, err := New(load(tc.config))
		if err == nil || a != nil || !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %v, want %q", tc.config, err, tc.err)
		}
		if err != nil && (strings.Contains(err.Error(), "emqxsecret") || strings.Contains(err.Error(), "0123456789")) {
			t.Errorf("%s: %v shows the secret", tc.config, err)
		}
	}
}

// What the broker is given as keys.
func TestKeys(t *testing.T) {
	file := func(key, content string) *wicket.LoadInfo {
		l := load(`{"` + key + `":"name"}`)
		l.Files = []wicket.File{{Key: key, Path: "name", Content: []byte(content)}}
		return l
	}
	const text = "01234567890123456789012345678901"
	for _, tc := range []struct {
		load *wicket.LoadInfo
		want wicket.JWTKeys
	}{
		{load("{" + secret + `,"algorithm":"hmac-based","mechanism":"jwt"}`), wicket.JWTKeys{Algorithms: hmacBased, Secret: []byte(text)}},
		{file("secret_file", text+"\r\n"), wicket.JWTKeys{Algorithms: hmacBased, Secret: []byte(text)}},
		{load(`{"secret":"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=","secret_base64_encoded":true,"algorithms":["HS256"]}`), wicket.JWTKeys{Algorithms: []string{"HS256"}, Secret: []byte(text)}},
		{file("public_key_file", "-----BEGIN PUBLIC KEY-----\n"), wicket.JWTKeys{Algorithms: publicKey, PEM: []byte("-----BEGIN PUBLIC KEY-----\n")}},
		{file("jwks_file", `{"keys":[]}`), wicket.JWTKeys{Algorithms: publicKey, JWKS: []byte(`{"keys":[]}`)}},
	} {
		if _, err := New(tc.load); err != nil {
			t.Errorf("%s: %v", tc.load.Config, err)
		}
		got := wicket.TestJWTKeys(slot)
		if !slices.Equal(got.Algorithms, tc.want.Algorithms) || string(got.Secret) != string(tc.want.Secret) || string(got.PEM) != string(tc.want.PEM) || string(got.JWKS) != string(tc.want.JWKS) {
			t.Errorf("%s: %+v", tc.load.Config, got)
		}
	}
}

// FuzzClaims: whatever an issuer signs, the verdict is one that the broker takes,
// and a token that has expired lets nobody in.
func FuzzClaims(f *testing.F) {
	f.Add(`{"exp":1767225601,"nbf":1,"iat":1,"sub":"c1","acl":[{"permission":"allow","action":"all","topic":"a"}]}`)
	f.Add(`{"sub":["c1"],"is_superuser":1,"client_attrs":{"a":"b"},"acl":{"pub":["a"]}}`)
	f.Add(`{"exp":1e3}`)
	f.Fuzz(func(t *testing.T, claims string) {
		a := authenticator(t, `,"verify_claims":{"sub":"${clientid}"},"username_claim":"sub"`)
		v := a.Authenticate(wicket.TestContext(says(claims)), client())
		d := v.Detail()
		switch {
		case v.Code() == wicket.CodeAllow && (d.ExpireAt != 0 && d.ExpireAt <= now || d.Username != "c1"):
			t.Errorf("%+v", d)
		case v.Code() == wicket.CodeDeny && d.Reason != uint32(wicket.BadUsernameOrPassword):
			t.Errorf("%+v", d)
		}
	})
}

var errDown = errors.New("connection refused")
