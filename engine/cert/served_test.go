package cert

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// bundle makes a further certificate of a listener.
func bundle(t testing.TB, pattern string, e *entity) SNI {
	t.Helper()
	f := files(t, certPEM(e), keyPEM(t, e.key), "")
	return SNI{Name: pattern, Certfile: f.Certfile, Keyfile: f.Keyfile}
}

func hosts(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames = names }
}

// served connects and returns the common name and the staple that it was shown.
func shown(t testing.TB, cfg *tls.Config, name string) (cn, staple string) {
	t.Helper()
	client := &tls.Config{InsecureSkipVerify: true, ServerName: name, VerifyConnection: func(s tls.ConnectionState) error {
		cn, staple = s.PeerCertificates[0].Subject.CommonName, string(s.OCSPResponse)
		return nil
	}}
	if _, serverErr, clientErr := shake(t, cfg, client); serverErr != nil || clientErr != nil {
		t.Fatalf("%q: server %v, client %v", name, serverErr, clientErr)
	}
	return cn, staple
}

func TestCertificateByName(t *testing.T) {
	all := issue(t, "all", nil, nil, forLocalhost)
	exact := issue(t, "exact", rsaKey(), nil, hosts("a.example.com"))
	wild := issue(t, "wild", nil, nil, func(c *x509.Certificate) { hosts("*.example.com")(c); c.NotAfter = time.Now().Add(time.Minute) })
	o := Options{Files: files(t, certPEM(all), keyPEM(t, all.key), ""), SNI: []SNI{bundle(t, "A.Example.com", exact), bundle(t, "*.example.com", wild)}}
	cfg, b, err := ServerConfig(o)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"":                  "all",
		"localhost":         "all",
		"a.example.com":     "exact",
		"A.EXAMPLE.COM":     "exact",
		"b.example.com":     "wild",
		"B.Example.Com":     "wild",
		"c.a.example.com":   "all", // one level
		"example.com":       "all",
		"a.example.com.org": "all",
	} {
		if got, _ := shown(t, cfg, name); got != want {
			t.Errorf("%q is shown %q, want %q", name, got, want)
		}
	}
	if len(b.Warnings()) != 0 {
		t.Errorf("%q", b.Warnings())
	}
	if !b.NotAfter().Equal(wild.cert.NotAfter) {
		t.Errorf("earliest expiry %v", b.NotAfter())
	}
	leaves := b.Leaves()
	if len(leaves) != 3 || leaves[0].Name != "" || leaves[1].Name != "a.example.com" || leaves[2].Cert.Subject.CommonName != "wild" {
		t.Errorf("%+v", leaves)
	}
	o.SNI = o.SNI[:1] // one goes in a reload
	swap, err := b.Prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	swap()
	if got, _ := shown(t, cfg, "b.example.com"); got != "all" {
		t.Errorf("shown %q after its bundle is gone", got)
	}
}

func TestCertificateByNameRefused(t *testing.T) {
	all := issue(t, "all", nil, nil, forLocalhost)
	good := bundle(t, "a.example.com", issue(t, "a", nil, nil, hosts("a.example.com")))
	missing := good
	missing.Certfile += ".no"
	o := Options{Files: files(t, certPEM(all), keyPEM(t, all.key), "")}
	for _, tt := range []struct {
		list []SNI
		want string
	}{
		{[]SNI{{Name: ""}}, "is no host name"},
		{[]SNI{{Name: "10.0.0.1"}}, "clients send no addresses"},
		{[]SNI{{Name: "a.*.com"}}, "is no host name"},
		{[]SNI{{Name: "*"}}, "is no host name"},
		{[]SNI{{Name: "*."}}, "is no host name"},
		{[]SNI{{Name: "a..b"}}, "is no host name"},
		{[]SNI{{Name: "bücher.example"}}, "xn--"},
		{[]SNI{good, good}, "has two certificates"},
		{[]SNI{missing}, `sni "a.example.com": cannot read certfile`},
	} {
		o.SNI = tt.list
		if _, _, err := ServerConfig(o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt.list, err)
		}
	}
	good.Name = "b.example.com"
	o.SNI = []SNI{good}
	if _, b, err := ServerConfig(o); err != nil || len(b.Warnings()) != 1 || !strings.Contains(b.Warnings()[0], "does not cover that name") {
		t.Errorf("%v", err)
	}
}

// A staple goes with its leaf and with no other (OCSP-05).
func TestStaple(t *testing.T) {
	root := issue(t, "root", nil, nil, ca)
	all, named := issue(t, "all", nil, root, forLocalhost), issue(t, "named", nil, root, hosts("a.example.com"))
	next := issue(t, "next", nil, root, forLocalhost)
	f := files(t, certPEM(all, root), keyPEM(t, all.key), "")
	o := Options{Files: f, SNI: []SNI{bundle(t, "a.example.com", named)}}
	cfg, b, err := ServerConfig(o)
	if err != nil {
		t.Fatal(err)
	}
	shows := func(name, wantName, want string) {
		t.Helper()
		if cn, got := shown(t, cfg, name); cn != wantName || got != want {
			t.Errorf("%q is shown %q with %q, want %q with %q", name, cn, got, wantName, want)
		}
	}
	reload := func() {
		t.Helper()
		swap, err := b.Prepare(o)
		if err != nil {
			t.Fatal(err)
		}
		swap()
	}
	if l := b.Leaves(); l[0].Issuer == nil || l[0].Issuer.Subject.CommonName != "root" || l[1].Issuer != nil {
		t.Errorf("%+v", l)
	}
	shows("", "all", "")
	der := []byte("staple of all")
	if !b.Staple(all.cert, der) || !b.Staple(named.cert, []byte("staple of named")) {
		t.Error("a leaf that is served was not found")
	}
	der[0] = 'x' // ours from here on
	if b.Staple(next.cert, []byte("staple of next")) {
		t.Error("a leaf that is not served was stapled")
	}
	shows("", "all", "staple of all")
	shows("a.example.com", "named", "staple of named")
	reload()
	shows("", "all", "staple of all")

	for path, text := range map[string]string{f.Certfile: certPEM(next), f.Keyfile: keyPEM(t, next.key)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reload()
	shows("", "next", "")
	shows("a.example.com", "named", "staple of named")
	if b.Staple(all.cert, []byte("late")) {
		t.Error("an answer about the leaf before was stapled")
	}
	for path, text := range map[string]string{f.Certfile: certPEM(all), f.Keyfile: keyPEM(t, all.key)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reload()
	shows("", "all", "") // it was gone in between
	b.Staple(named.cert, nil)
	shows("a.example.com", "named", "")
}

// Handshakes go on while certificates and staples change, and what they get
// belongs together.
func TestSwapsAndStaplesUnderLoad(t *testing.T) {
	a, b := issue(t, "a", nil, nil, forLocalhost), issue(t, "b", nil, nil, forLocalhost)
	options := []Options{
		{Files: files(t, certPEM(a), keyPEM(t, a.key), ""), Tickets: true},
		{Files: files(t, certPEM(b), keyPEM(t, b.key), ""), Tickets: true},
	}
	cfg, bundle, err := ServerConfig(options[0])
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for i := range 2 {
		writers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if i == 0 {
					swap, err := bundle.Prepare(options[n%2])
					if err != nil {
						t.Error(err)
						return
					}
					swap()
				} else {
					leaf := bundle.Leaves()[0].Cert
					bundle.Staple(leaf, fmt.Append(nil, "of ", leaf.Subject.CommonName))
				}
			}
		})
	}
	for range 100 {
		if cn, staple := shown(t, cfg, "localhost"); staple != "" && staple != "of "+cn {
			t.Errorf("%q was shown with the staple %q", cn, staple)
		}
	}
	close(stop)
	writers.Wait()
}
