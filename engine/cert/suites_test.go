package cert

import (
	"crypto/tls"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Every suite of crypto/tls is found by its IANA name and, as OpenSSL itself
// spells it, by that one.
func TestSuiteNames(t *testing.T) {
	byID := make(map[uint16]string)
	for name, id := range opensslNames {
		byID[id] = name
	}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		other := byID[s.ID]
		if other == "" {
			other = s.Name // TLS 1.3
		}
		got, err := parseSuites([]string{s.Name, strings.ToLower(other)})
		if err != nil || len(got) != 2 || got[0].ID != s.ID || got[1].ID != s.ID {
			t.Errorf("%s, %s: %v, %v", s.Name, other, got, err)
		}
	}
}

func TestOpenSSLKnowsTheNames(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl on this machine")
	}
	out := openssl(t, t.TempDir(), "ciphers", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")
	found := 0
	for line := range strings.Lines(out) {
		fields := strings.Fields(line) // IANA - OpenSSL ...
		if len(fields) < 3 {
			continue
		}
		iana, name := fields[0], fields[2]
		got, err := parseSuites([]string{name})
		if err == nil {
			found++
			if !strings.EqualFold(got[0].Name, iana) {
				t.Errorf("%s is %s here and %s there", name, got[0].Name, iana)
			}
			continue
		}
		for _, n := range []string{name, iana} {
			if why := whyNot(n); strings.Contains(why, "no such suite") || strings.Contains(why, "rule") {
				t.Errorf("%s: %s", n, why)
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d suites in common", found)
	}
}

func TestCiphers(t *testing.T) {
	ec := issue(t, "ec", nil, nil, forLocalhost)
	rsa := issue(t, "rsa", rsaKey(), nil, forLocalhost)
	both, old, only13, only12 := []string(nil), []string{"tlsv1.2", "tlsv1.1"}, []string{"tlsv1.3"}, []string{"tlsv1.2"}
	tests := []struct {
		name     string
		list     []string
		versions []string
		server   *entity
		err      string
		warnings []string // exactly one for each
	}{
		{"OpenSSL's", []string{"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"}, both, ec, "", nil},
		{"comma string", []string{"ECDHE-ECDSA-AES128-GCM-SHA256, ECDHE-RSA-AES128-GCM-SHA256"}, both, rsa, "", nil},
		{"OpenSSL string", []string{"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"}, both, rsa, "", nil},
		{"IANA", []string{"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"}, both, ec, "", nil},
		{"all of 1.3", []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}, only13, ec, "", nil},
		{"some of 1.3", []string{"TLS_AES_256_GCM_SHA384"}, only13, ec, "", []string{"TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256 is not listed but on"}},
		{"1.3 for 1.2", []string{"TLS_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"}, only12, ec, "", []string{"for TLS 1.3, which versions does not list"}},
		{"1.2 for 1.3", []string{"ECDHE-ECDSA-AES128-GCM-SHA256"}, only13, ec, "", []string{"for TLS 1.2 and older"}},
		{"weak", []string{"ECDHE-ECDSA-AES128-SHA256"}, only12, ec, "", []string{"is weak"}},
		{"no forward secrecy", []string{"AES128-GCM-SHA256"}, only12, rsa, "", []string{"is weak", "none has forward secrecy"}},
		{"no forward secrecy but 1.3", []string{"AES128-GCM-SHA256"}, both, rsa, "", []string{"is weak"}},
		{"unknown", []string{"ECDHE-RSA-AES128-GCM-SHA265", "ECDHE-ECDSA-AES128-GCM-SHA256", "nonsense"}, both, ec,
			`2 of 3 cannot be used: "ECDHE-RSA-AES128-GCM-SHA265" (no such suite is known), "nonsense" (no such suite is known)`, nil},
		{"mixed", []string{"ECDHE-ECDSA-AES128-GCM-SHA256", "DHE-RSA-AES256-SHA"}, both, ec,
			`1 of 2 cannot be used: "DHE-RSA-AES256-SHA" (finite-field Diffie-Hellman is not in Go: use ECDHE)`, nil},
		{"PSK", []string{"RSA-PSK-AES256-GCM-SHA384"}, both, ec, `pre-shared keys are not supported`, nil},
		{"static ECDH", []string{"ECDH-ECDSA-AES256-SHA384"}, both, ec, `static ECDH is not in Go`, nil},
		{"CCM", []string{"ECDHE-ECDSA-AES128-CCM8"}, both, ec, `use GCM`, nil},
		{"CCM in 1.3", []string{"TLS_AES_128_CCM_SHA256"}, both, ec, `use GCM`, nil},
		{"CBC with SHA-384", []string{"ECDHE-RSA-AES256-SHA384"}, both, rsa, `CBC with this hash`, nil},
		{"AES-256-CBC with SHA-256", []string{"AES256-SHA256"}, both, rsa, `CBC with this hash`, nil},
		{"made up", []string{"ECDHE-RSA-AES256-GCM-SHA256"}, both, rsa, `it is not in Go`, nil},
		{"anonymous", []string{"AECDH-AES256-SHA"}, both, rsa, `anybody could be the broker`, nil},
		{"rule", []string{"HIGH:!aNULL"}, both, rsa, `"HIGH" (a rule for OpenSSL to choose by`, nil},
		{"only 1.3 for 1.2", []string{"TLS_AES_128_GCM_SHA256"}, both, ec, `none is for TLS 1.2`, nil},
		{"only 1.2 for 1.1", []string{"ECDHE-ECDSA-AES128-GCM-SHA256"}, old, ec, `none is for TLS 1.1`, nil},
		{"RSA for ECDSA", []string{"ECDHE-RSA-AES128-GCM-SHA256"}, both, ec, `works with the ECDSA key of certfile`, nil},
		{"ECDSA for RSA", []string{"ECDHE-ECDSA-AES128-GCM-SHA256"}, both, rsa, `ECDHE-RSA`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, b, err := ServerConfig(Options{Files: files(t, certPEM(tt.server), keyPEM(t, tt.server.key), ""), Versions: tt.versions, Ciphers: tt.list})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range b.Warnings() {
				if strings.HasPrefix(w, "ciphers:") {
					got = append(got, w)
				}
			}
			for i, w := range tt.warnings {
				if len(got) != len(tt.warnings) || !strings.Contains(got[i], w) {
					t.Fatalf("%q, want %q", got, tt.warnings)
				}
			}
			if len(got) != len(tt.warnings) {
				t.Errorf("%q", got)
			}
			client := &tls.Config{InsecureSkipVerify: true, CipherSuites: allSuites()}
			if _, serverErr, clientErr := shake(t, cfg, client); serverErr != nil || clientErr != nil {
				t.Errorf("server %v, client %v", serverErr, clientErr)
			}
		})
	}
}

// TestClientSuites: a client's list is read as a server's is (AHTTP-07).
func TestClientSuites(t *testing.T) {
	const rsa, ecdsa = tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	for _, test := range []struct {
		list            []string
		lowest, highest uint16
		want            []uint16
		warns           bool
		err             string
	}{
		{nil, tls.VersionTLS12, tls.VersionTLS13, nil, false, ""},
		{[]string{"ECDHE-RSA-AES256-GCM-SHA384:TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"}, tls.VersionTLS12, tls.VersionTLS13, []uint16{rsa, ecdsa}, false, ""},
		{[]string{"ECDHE-RSA-AES256-GCM-SHA384"}, tls.VersionTLS13, tls.VersionTLS13, []uint16{rsa}, true, ""},
		{[]string{"TLS_AES_128_GCM_SHA256"}, tls.VersionTLS13, tls.VersionTLS13, []uint16{}, true, ""},
		{[]string{"TLS_AES_128_GCM_SHA256"}, tls.VersionTLS12, tls.VersionTLS13, nil, false, "none is for TLS 1.2"},
		{[]string{"ECDHE-RSA-AES256-GCM-SHA384"}, tls.VersionTLS11, tls.VersionTLS12, nil, false, "none is for TLS 1.1"},
		{[]string{"ECDHE-RSA-AES256-GCM-SHA384", "ADH-X"}, tls.VersionTLS12, tls.VersionTLS13, nil, false, "1 of 2 cannot be used"},
	} {
		ids, warnings, err := ClientSuites(test.list, test.lowest, test.highest)
		if !slices.Equal(ids, test.want) || (ids == nil) != (test.want == nil) || (len(warnings) > 0) != test.warns ||
			(err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%q: %v, %q, %v", test.list, ids, warnings, err)
		}
	}
}

func allSuites() (ids []uint16) {
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		ids = append(ids, s.ID)
	}
	return ids
}

func TestCurvesAndProtocols(t *testing.T) {
	server := issue(t, "localhost", nil, nil, forLocalhost)
	f := files(t, certPEM(server), keyPEM(t, server.key), "")
	for _, tt := range []struct {
		name   string
		o      Options
		client *tls.Config
		err    string // of the configuration
		reason Reason
		check  func(tls.ConnectionState) bool
	}{
		{"hybrid first", Options{Curves: []string{"X25519", "X25519MLKEM768"}}, &tls.Config{}, "", "", func(s tls.ConnectionState) bool { return s.CurveID == tls.X25519MLKEM768 }},
		{"OpenSSL's name", Options{Curves: []string{"prime256v1"}}, &tls.Config{}, "", "", func(s tls.ConnectionState) bool { return s.CurveID == tls.CurveP256 }},
		{"none in common", Options{Curves: []string{"P-384"}}, &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519}}, "", ReasonCipher, nil},
		{"unknown", Options{Curves: []string{"P-256K"}}, &tls.Config{}, `"P-256K" is not known; the names are X25519MLKEM768`, "", nil},
		{"hybrid alone", Options{Curves: []string{"X25519MLKEM768"}}, &tls.Config{}, "add X25519 and P-256", "", nil},
		{"hybrid alone in 1.3", Options{Curves: []string{"X25519MLKEM768"}, Versions: []string{"tlsv1.3"}}, &tls.Config{}, "", "", nil},
		{"mqtt", Options{ALPN: []string{"mqtt"}}, &tls.Config{NextProtos: []string{"x", "mqtt"}}, "", "", func(s tls.ConnectionState) bool { return s.NegotiatedProtocol == "mqtt" }},
		{"no protocol asked for", Options{ALPN: []string{"mqtt"}}, &tls.Config{}, "", "", nil},
		{"protocols ignored", Options{}, &tls.Config{NextProtos: []string{"h2"}}, "", "", func(s tls.ConnectionState) bool { return s.NegotiatedProtocol == "" }},
		{"another protocol", Options{ALPN: []string{"mqtt"}}, &tls.Config{NextProtos: []string{"h2"}}, "", ReasonALPN, nil},
		{"empty protocol", Options{ALPN: []string{""}}, &tls.Config{}, "1 to 255", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Files = f
			cfg, _, err := ServerConfig(tt.o)
			if err != nil || tt.err != "" {
				if tt.err == "" || err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%v", err)
				}
				return
			}
			tt.client.InsecureSkipVerify = true
			state, serverErr, _ := shake(t, cfg, tt.client)
			if Classify(serverErr) != tt.reason {
				t.Errorf("%v, want %q", serverErr, tt.reason)
			}
			if tt.check != nil && !tt.check(state) {
				t.Errorf("%+v", state)
			}
		})
	}
}

func FuzzLists(f *testing.F) {
	f.Add("ECDHE-ECDSA-AES128-GCM-SHA256:!aNULL, TLS_AES_128_GCM_SHA256", "clientAuth,OID:1.2.3")
	f.Add("-_-", "OID:")
	f.Fuzz(func(t *testing.T, ciphers, usages string) {
		if all, err := parseSuites([]string{ciphers}); err == nil {
			for _, s := range all {
				if s.CipherSuite == nil {
					t.Fatal("a suite without a number")
				}
			}
		}
		if all, err := parseUsages([]string{usages}); err == nil {
			for _, u := range all {
				if usageName(u) == "" {
					t.Fatal("a usage without a name")
				}
			}
		}
		if name, err := serverName(ciphers); err == nil && name != strings.ToLower(ciphers) {
			t.Fatal("another name")
		}
	})
}
