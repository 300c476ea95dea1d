package cert

import (
	"crypto/tls"
	"os"
	"strings"
	"testing"
)

// CERT-14: until the certificate is there clients are refused, by the reason that says so,
// except those that ask for a name with a certificate of its own.
func TestAwaited(t *testing.T) {
	first := issue(t, "first", nil, nil, hosts("broker.example.com"))
	other := issue(t, "other", nil, nil, hosts("other.example.com"))
	file := write(t, "acme.pem", "")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	o := Options{Files: Files{Certfile: file, Keyfile: file}, Await: true, SNI: []SNI{bundle(t, "other.example.com", other)}}
	cfg, b, err := ServerConfig(o)
	if err != nil {
		t.Fatal(err)
	}
	if w := strings.Join(b.Warnings(), "\n"); !strings.Contains(w, "clients are refused until") || !strings.Contains(w, "there is none yet") {
		t.Errorf("warnings %q", w)
	}
	for _, name := range []string{"", "broker.example.com"} {
		_, serverErr, clientErr := shake(t, cfg, &tls.Config{InsecureSkipVerify: true, ServerName: name})
		if Classify(serverErr) != ReasonNoServerCert || clientErr == nil {
			t.Errorf("%q: server %v, client %v", name, serverErr, clientErr)
		}
	}
	if cn, _ := shown(t, cfg, "other.example.com"); cn != "other" {
		t.Errorf("shown %q", cn)
	}
	if l := b.Leaves(); len(l) != 1 || b.Chain() != nil || b.NotAfter() != other.cert.NotAfter {
		t.Errorf("leaves %+v, chain %v", l, b.Chain())
	}
	if !b.Staple(other.cert, []byte("staple")) || b.Staple(first.cert, []byte("staple")) {
		t.Error("staples")
	}

	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := b.Renew(); err != nil {
			t.Fatal(err)
		}
	}
	put("nonsense")
	if w := strings.Join(b.Warnings(), "\n"); !strings.Contains(w, "holds no certificate") {
		t.Errorf("warnings %q", w)
	}
	put(keyPEM(t, first.key) + certPEM(first))
	if cn, _ := shown(t, cfg, "broker.example.com"); cn != "first" || len(b.Warnings()) != 0 {
		t.Errorf("shown %q, warnings %q", cn, b.Warnings())
	}
	if cn, staple := shown(t, cfg, "other.example.com"); cn != "other" || staple != "staple" {
		t.Errorf("shown %q with %q", cn, staple)
	}

	// Another name, whose certificate is not there: the old one stays.
	o.Certfile, o.Keyfile = file+".next", file+".next"
	swap, err := b.Prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	swap()
	if cn, _ := shown(t, cfg, "broker.example.com"); cn != "first" || !strings.Contains(strings.Join(b.Warnings(), ""), "stays until") {
		t.Errorf("shown %q, warnings %q", cn, b.Warnings())
	}
	o.Await = false
	if _, err := b.Prepare(o); err == nil {
		t.Error("a file that nobody is about to write is missing, and that is no error")
	}
}

// RFC 8737 section 3: the answer is for one who offers acme-tls/1 and nothing
// else, for a name whose challenge is under way; he shows no certificate.
func TestChallenge(t *testing.T) {
	root := issue(t, "root", nil, nil, ca)
	all := issue(t, "all", nil, root, forLocalhost)
	answer := issue(t, "answer", nil, nil, hosts("broker.example.com")).tls()
	o := Options{
		Files:      files(t, certPEM(all), keyPEM(t, all.key), certPEM(root)),
		VerifyPeer: true, RequirePeer: true, ALPN: []string{"mqtt"}, Tickets: true,
		Challenge: func(name string) *tls.Certificate {
			if name == "broker.example.com" {
				return &answer
			}
			return nil
		},
	}
	cfg, _, err := ServerConfig(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		offers []string
		want   Reason
	}{
		{"broker.example.com", []string{ChallengeProtocol}, ""},
		{"broker.example.com", []string{ChallengeProtocol, "mqtt"}, ReasonNoCert},
		{"broker.example.com", []string{"mqtt"}, ReasonNoCert},
		{"broker.example.com", nil, ReasonNoCert},
		{"other.example.com", []string{ChallengeProtocol}, ReasonALPN},
		{"", []string{ChallengeProtocol}, ReasonALPN},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			client := &tls.Config{InsecureSkipVerify: true, ServerName: tt.name, NextProtos: tt.offers, MaxVersion: version}
			state, serverErr, _ := shake(t, cfg, client)
			if got := Classify(serverErr); got != tt.want {
				t.Errorf("%s for %q with %q: %q, want %q", tls.VersionName(version), tt.name, tt.offers, got, tt.want)
			}
			if tt.want == "" && state.NegotiatedProtocol != ChallengeProtocol {
				t.Errorf("the protocol is %q", state.NegotiatedProtocol)
			}
		}
	}
}
