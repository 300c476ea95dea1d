package cert

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"
)

// Each rule fails in turn, the ones before it are passed, the ones behind it
// not reached; and a handshake agrees.
func TestCheck(t *testing.T) {
	root := issue(t, "root", nil, nil, ca)
	middle := issue(t, "middle", nil, root, ca)
	lateMiddle := issue(t, "middle", middle.key, root, func(c *x509.Certificate) { ca(c); expired(c) })
	server := issue(t, "localhost", nil, root, forLocalhost)
	sameName := issue(t, "root", nil, root, nil)
	good := issue(t, "good", nil, root, nil)
	revoked := &oracle{err: &RevokedError{Serial: "01"}}
	f := files(t, certPEM(server), keyPEM(t, server.key), certPEM(root))
	for _, tt := range []struct {
		name   string
		file   []*entity
		change func(*Options)
		fails  string // the step
		reason Reason
		text   string
	}{
		{"good", []*entity{good}, nil, "", "", ""},
		{"below an intermediate", []*entity{issue(t, "c", nil, middle, nil), middle}, nil, "", "", ""},
		{"X.509 usages", []*entity{issue(t, "c", nil, root, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })}, nil, "", "", ""},
		{"asked about", []*entity{good}, func(o *Options) { o.Revocation = new(oracle) }, "", "", ""},
		{"expired", []*entity{issue(t, "c", nil, root, expired)}, nil, "time", ReasonExpired, "CN=c is valid from"},
		{"foreign", []*entity{issue(t, "c", nil, nil, nil)}, nil, "path", ReasonUnknownCA, "(CN=root); CN=c was issued by CN=c"},
		{"without its intermediate", []*entity{issue(t, "c", nil, middle, nil)}, nil, "path", ReasonUnknownCA, "CN=c was issued by CN=middle"},
		{"intermediate expired", []*entity{issue(t, "c", nil, lateMiddle, nil), lateMiddle}, nil, "path", ReasonExpired, "expired"},
		{"the authority's own name", []*entity{issue(t, "root", nil, sameName, nil)}, nil, "path", ReasonUnknownCA, "issuer equals subject"},
		{"too deep", []*entity{issue(t, "c", nil, middle, nil), middle}, func(o *Options) { o.Depth = 0 }, "depth", ReasonTooDeep, "more than depth = 0"},
		{"for servers", []*entity{issue(t, "c", nil, root, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })}, nil, "usage", ReasonBadUsage, "clientAuth"},
		{"usage asked for", []*entity{good}, func(o *Options) { o.ExtKeyUsage = []string{"codeSigning"} }, "usage", ReasonBadUsage, "codeSigning"},
		{"revoked", []*entity{good}, func(o *Options) { o.Revocation = revoked }, "revocation", ReasonRevoked, "revoked"},
		{"undetermined", []*entity{good}, func(o *Options) { o.Revocation = &oracle{err: &UndeterminedError{errors.New("no answer")}} }, "revocation", ReasonUndetermined, "no answer"},
		{"control characters", []*entity{issue(t, "a\nb", nil, root, nil)}, nil, "names", ReasonBadName, "control characters in CN"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := Options{Files: f, VerifyPeer: true, RequirePeer: true, Depth: 1}
			if tt.change != nil {
				tt.change(&o)
			}
			steps, err := Check(context.Background(), o, write(t, "client.pem", certPEM(tt.file...)), time.Now())
			if err != nil || len(steps) != 7 {
				t.Fatalf("%d steps, %v", len(steps), err)
			}
			failed := false
			for _, s := range steps {
				want := OK
				switch {
				case s.Name == tt.fails:
					want, failed = Failed, true
				case failed, s.Name == "revocation" && o.Revocation == nil:
					want = Skipped
				}
				if s.Verdict != want || s.Text == "" || strings.Contains(s.Text, "\x00") || want == Failed && (s.Reason != tt.reason || !strings.Contains(s.Text, tt.text)) {
					t.Errorf("%+v, want %s", s, want)
				}
			}
			if refused := Refused(steps); (refused != nil) != (tt.fails != "") {
				t.Errorf("%+v", refused)
			}
			cfg, _, err := ServerConfig(o)
			if err != nil {
				t.Fatal(err)
			}
			if _, serverErr, _ := shake(t, cfg, presenting(tt.file...)); Classify(serverErr) != tt.reason {
				t.Errorf("the handshake says %q: %v", Classify(serverErr), serverErr)
			}
		})
	}
}

func TestCheckOfFiles(t *testing.T) {
	root := issue(t, "root", nil, nil, ca)
	f := files(t, certPEM(root), keyPEM(t, root.key), certPEM(root))
	ctx := context.Background()
	if steps, err := Check(ctx, Options{Files: f}, "no such file", time.Now()); err != nil || len(steps) != 1 || steps[0].Verdict != Skipped {
		t.Errorf("%+v, %v", steps, err)
	}
	steps, err := Check(ctx, Options{Files: f, VerifyPeer: true}, "no such file", time.Now())
	if err != nil || steps[0].Verdict != Failed || steps[0].Reason != ReasonBadCert || !strings.Contains(steps[0].Text, "no such file") {
		t.Errorf("%+v, %v", steps, err)
	}
	f.CACertfile += ".no"
	if _, err := Check(ctx, Options{Files: f, VerifyPeer: true}, "x", time.Now()); err == nil {
		t.Error("a listener without authorities checks")
	}
}
