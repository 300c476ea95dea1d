package e2e

import (
	"crypto/tls"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The options of TLS, one by one, as OpenSSL's client meets them (TLS-10 to
// TLS-26, TLS-33).

// outcome is what openssl s_client has to say to a connection, and why the
// broker refuses it, if it does.
type outcome struct {
	listener, does string
	args           []string
	says           string // by openssl
	reason         string // by the broker; empty for a client that is let in
}

// tried runs s_client for each, and compares the broker's account of all of
// them: an exact counter by reason, and one line for each refusal with the
// server name that was asked for.
func tried(t *testing.T, p *process, data string, all []outcome) {
	t.Helper()
	want := map[string]map[string]uint64{}
	for i, o := range all {
		name := fmt.Sprintf("n%d.example", i)
		args := o.args
		switch at := slices.Index(o.args, "-servername"); {
		case at >= 0:
			name = o.args[at+1]
		case !slices.Contains(o.args, "-noservername"):
			args = append([]string{"-servername", name}, o.args...)
		}
		said := enters(t, p.addr("tls:"+o.listener), args...)
		if !strings.Contains(said, o.says) || strings.Contains(said, accepted) != (o.reason == "") {
			t.Errorf("%s, %s: want %q, let in: %t:\n%s", o.listener, o.does, o.says, o.reason == "", said)
		}
		if want[o.listener] == nil {
			want[o.listener] = map[string]uint64{}
		}
		if o.reason == "" {
			continue
		}
		want[o.listener][o.reason]++
		l := p.waitFor("TLS handshake refused", patience, func(l line) bool { return l.text("sni") == name })
		if l.text("reason") != o.reason || l.text("listener") != "tls:"+o.listener || !strings.HasPrefix(l.text("peer"), "127.0.0.1:") || l.text("error") == "" {
			t.Errorf("%s, %s: the log says %v, want the reason %s, listener, peer and error", o.listener, o.does, l, o.reason)
		}
	}
	accounted(t, p, data, want)
}

// accounted compares counters and lines.
func accounted(t *testing.T, p *process, data string, want map[string]map[string]uint64) {
	t.Helper()
	s, written := statusOf(t, data), map[string]uint64{}
	lines, _ := p.find("TLS handshake refused")
	for _, l := range lines {
		written[l.text("listener")]++
	}
	for name, reasons := range want {
		l := listenerOf(t, s, "tls:"+name)
		if !maps.Equal(l.Refused, reasons) {
			t.Errorf("%s counts %v, want %v", name, l.Refused, reasons)
		}
		var n uint64
		for _, k := range reasons {
			n += k
		}
		if written[l.Name] != n {
			t.Errorf("%s: %d lines about refused handshakes, want %d", name, written[l.Name], n)
		}
		if l.Handshakes+n != l.Accepted {
			t.Errorf("%s: %d accepted, %d handshakes, %d refused", name, l.Accepted, l.Handshakes, n)
		}
	}
}

// What is negotiated: versions, suites, groups, protocols, and the certificate
// for a server name.
func TestNegotiation(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	for name, names := range map[string]string{"broker": "DNS:broker.example", "tenant": "DNS:*.tenant.example"} {
		write(t, a.path("names"), "subjectAltName="+names+"\n")
		a.openssl("req -new -key key.pem -subj /CN=" + name + " -out named.csr")
		a.openssl("x509 -req -in named.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out " + name + ".pem")
	}
	p := a.broker("",
		listenerYAML("names", ", bundles: { one: { sni: broker.example, certfile: broker.pem, keyfile: key.pem }, many: { sni: \"*.tenant.example\", certfile: tenant.pem, keyfile: key.pem } }"),
		listenerYAML("only12", ", versions: [tlsv1.2], ciphers: [ECDHE-ECDSA-AES256-GCM-SHA384, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256], alpn: []"),
		listenerYAML("only13", ", versions: [tlsv1.3], curves: [P-384, P-256]"),
		listenerYAML("old", ", versions: [tlsv1.2, tlsv1.1]"),
	)
	p.waitFor("", patience, func(l line) bool {
		return isWarning(l) && strings.Contains(l.text("msg"), "tls.old.tls.versions: tlsv1.1 is obsolete (RFC 8996)")
	})
	ca := []string{"-CAfile", a.path("ca.pem")}
	with := func(args ...string) []string { return append(args, ca...) }
	tried(t, p, a.path("data"), []outcome{
		// TLS-26, RFC 6066 §3, RFC 6125 §6.4.3.
		{"names", "no name", with("-noservername", "-verify_hostname", "localhost"), "Verify return code: 0 (ok)", ""},
		{"names", "a name of its own", with("-servername", "broker.example", "-verify_hostname", "broker.example"), "Verify return code: 0 (ok)", ""},
		{"names", "in capitals", with("-servername", "BROKER.example"), "subject=CN = broker", ""},
		{"names", "a wildcard", with("-servername", "a.tenant.example", "-verify_hostname", "a.tenant.example"), "Verify return code: 0 (ok)", ""},
		{"names", "two labels for a wildcard", with("-servername", "b.a.tenant.example"), "subject=CN = server", ""},
		{"names", "the wildcard's parent", with("-servername", "tenant.example"), "subject=CN = server", ""},
		{"names", "a name of nobody's", with("-servername", "else.example"), "subject=CN = server", ""},
		// RFC 7301 §3.2.
		{"names", "the protocol", with("-alpn", "mqtt"), "ALPN protocol: mqtt", ""},
		{"names", "the protocol among others", with("-alpn", "h2,mqtt"), "ALPN protocol: mqtt", ""},
		{"names", "no protocol", with(), "No ALPN negotiated", ""},
		{"names", "another protocol", with("-alpn", "h2"), "alert number 120", "alpn"},
		{"only12", "another protocol, and nobody minds", with("-alpn", "h2"), "No ALPN negotiated", ""},
		// TLS-11: by OpenSSL's name, and by IANA's.
		{"only12", "a suite", with("-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"), "Cipher is ECDHE-ECDSA-AES256-GCM-SHA384", ""},
		{"only12", "the other suite", with("-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"), "Cipher is ECDHE-ECDSA-CHACHA20-POLY1305", ""},
		{"only12", "a suite that is not listed", with("-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"), "alert number 40", "cipher"},
		{"only12", "another version", with("-tls1_3"), "alert number 70", "version"},
		// RFC 8446 §4.2.7.
		{"only13", "a group", with("-groups", "P-384"), "Server Temp Key: ECDH, secp384r1, 384 bits", ""},
		{"only13", "a group after a retry", with("-groups", "X25519:P-256"), "Server Temp Key: ECDH, prime256v1, 256 bits", ""},
		{"only13", "a group that is not listed", with("-groups", "X25519"), "alert number 40", "cipher"},
		{"only13", "another version", with("-tls1_2"), "alert number 70", "version"},
		{"old", "an old version", with("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"), "Protocol  : TLSv1.1", ""},
		{"old", "one that is too old", with("-tls1", "-cipher", "DEFAULT@SECLEVEL=0"), "alert number 70", "version"},
		{"old", "one that is too new", with("-tls1_3"), "alert number 70", "version"},
	})
	t.Run("post-quantum first", func(t *testing.T) { // which OpenSSL has since 3.5
		v := stay(t, p.addr("tls:names"), a.trusting(""))
		if got := v.ConnectionState().CurveID; got != tls.X25519MLKEM768 {
			t.Errorf("the group is %s", got)
		}
	})
}

// clientPKI makes clients of every kind: below the root, below one and two
// intermediates, which they send or not, and with extended key usages.
const clientPKI = `
ca() { openssl req -new -key key.pem -subj "/CN=$1" -out $1.csr
	openssl x509 -req -in $1.csr -CA $2.pem -CAkey $3 -CAcreateserial -days 30 -extfile authority.cnf -out $1.pem 2>/dev/null; }
client() { openssl req -new -key key.pem -subj "/CN=$1" -out $1.csr
	openssl x509 -req -in $1.csr -CA $2.pem -CAkey $3 -CAcreateserial -days 30 $4 $5 -out $1.pem 2>/dev/null; }
printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n' > authority.cnf
ca inter ca ca.key
ca sub inter key.pem
client direct ca ca.key
client below inter key.pem
client deep sub key.pem
cat below.pem inter.pem > below-sent.pem
cat deep.pem sub.pem inter.pem > deep-sent.pem
for usage in clientAuth serverAuth clientAuth,1.3.6.1.4.1.99999.1; do
	echo "extendedKeyUsage=$usage" > usage.cnf
	client "for-$usage" ca ca.key -extfile usage.cnf
done
mv for-clientAuth,1.3.6.1.4.1.99999.1.pem for-device.pem
client late ca ca.key -days -1
cat ca.pem inter.pem sub.pem > all.pem
`

// A client certificate is judged in the same way by a handshake and by "wicket
// cert check", which says it step by step: depth, partial_chain and
// verify_peer_ext_key_usage (TLS-13, TLS-16 to TLS-20).
func TestClientCertificateRules(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	must(t, a.dir, "sh", "-e", "-c", clientPKI)
	listener := func(name, cacertfile, more string) string {
		return listenerYAML(name, ", cacertfile: "+cacertfile+", verify: verify_peer, fail_if_no_peer_cert: true"+more)
	}
	p := a.broker("",
		listener("root", "ca.pem", ""),
		listener("depth0", "ca.pem", ", depth: 0"),
		listener("depth1", "ca.pem", ", depth: 1"),
		listener("all", "all.pem", ""),
		listener("inter", "inter.pem", ", partial_chain: true"),
		listener("last", "all.pem", ", partial_chain: cacert_from_cacertfile"),
		listener("two", "all.pem", ", partial_chain: two_cacerts_from_cacertfile"),
		listener("usage", "ca.pem", ", verify_peer_ext_key_usage: [clientAuth]"),
		listener("device", "ca.pem", `, verify_peer_ext_key_usage: ["clientAuth,OID:1.3.6.1.4.1.99999.1"]`),
	)
	// The verdict about each client on each listener; the rest is let in.
	verdicts := []struct{ listener, in, unknownCA, tooDeep, badUsage string }{
		{"root", "direct below-sent deep-sent for-clientAuth for-device", "below deep", "", "for-serverAuth"},
		{"depth0", "direct", "below", "below-sent deep-sent", ""},
		{"depth1", "direct below-sent", "", "deep-sent", ""},
		{"all", "direct below deep deep-sent", "", "", ""},
		{"inter", "below below-sent deep-sent", "direct deep", "", ""},
		{"last", "deep deep-sent", "direct below below-sent", "", ""},
		{"two", "below deep deep-sent", "direct", "", ""},
		{"usage", "for-clientAuth for-device", "", "", "direct for-serverAuth"},
		{"device", "for-device", "", "", "direct for-clientAuth"},
	}
	alerts := map[string]int{"unknown_ca": 48, "too_deep": 42, "bad_usage": 42, "expired": 45}
	var all []outcome
	add := func(listener, reason, clients string) {
		for _, name := range strings.Fields(clients) {
			o := outcome{listener, name, a.presents(name), accepted, reason}
			if _, chain := strings.CutSuffix(name, "-sent"); chain {
				o.args = append(o.args, "-cert_chain", a.path(name+".pem"))
			}
			if reason != "" {
				o.says = fmt.Sprintf("alert number %d", alerts[reason])
			}
			all = append(all, o)
		}
	}
	for _, v := range verdicts {
		add(v.listener, "", v.in)
		add(v.listener, "unknown_ca", v.unknownCA)
		add(v.listener, "too_deep", v.tooDeep)
		add(v.listener, "bad_usage", v.badUsage)
	}
	add("root", "expired", "late")
	for _, o := range all {
		a.verdict(o)
	}
	tried(t, p, a.path("data"), all)
	for _, o := range all {
		if o.reason == "" {
			continue
		}
		want := a.serial(o.does)
		p.waitFor("TLS handshake refused", patience, func(l line) bool {
			return l.text("listener") == "tls:"+o.listener && l.text("reason") == o.reason && l.text("serial") == want &&
				strings.HasPrefix(l.text("subject"), "CN=") && l.text("not_after") != ""
		})
	}
}

var failedStep = regexp.MustCompile(`(?m)^[a-z]+ +failed `)

// verdict compares what "wicket cert check" says with what a handshake has to.
func (a *authority) verdict(o outcome) {
	a.t.Helper()
	file := o.does + ".pem"
	r := tool(a.t, a.dir, "", binary, "cert", "check", "--listener", "tls:"+o.listener, "-c", "wicket.yaml", file)
	rules := []string{"certificate", "time", "path", "depth", "usage", "revocation", "names"}
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	for i, rule := range rules {
		if i >= len(lines) || !strings.HasPrefix(lines[i], rule+" ") {
			a.t.Errorf("%s, %s: no step %q:\n%s", o.listener, file, rule, r.out)
		}
	}
	if o.reason == "" {
		if r.code != 0 || lines[len(lines)-1] != "admitted" {
			a.t.Errorf("%s would not admit %s: exit code %d\n%s%s", o.listener, file, r.code, r.out, r.errOut)
		}
		return
	}
	if want := fmt.Sprintf("%q is refused: %s", file, o.reason); r.code != 1 || !strings.Contains(r.errOut, want) || len(failedStep.FindAllString(r.out, -1)) != 1 {
		a.t.Errorf("%s, %s: exit code %d, want %q\n%s%s", o.listener, file, r.code, want, r.out, r.errOut)
	}
}

// TLS-14, TLS-29, TLS-33: handshakes that never get as far as a certificate.
func TestBrokenHandshakes(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	p := start(t, "--log-level", "debug", "-c", a.config("",
		listenerYAML("default", mutually), listenerYAML("hasty", mutually+", handshake_timeout: 300ms")))
	const hello = `16 03 01 02 00 01 00 01 fc 03 03` // the beginning of a ClientHello of 512 bytes
	w := dial(t, p.addr("tls:default"), "")
	w.says(`10 0d 00 04 "MQTT" 04 02 00 3c 00 01 "c"`)
	w.closed()
	p.refusal("tls:default", "not_tls")

	w = dial(t, p.addr("tls:default"), "")
	w.says(hello)
	w.Close()
	p.refusal("tls:default", "eof")

	w = dial(t, p.addr("tls:default"), "")
	w.Close() // a health check: no handshake, and no failure

	w = dial(t, p.addr("tls:hasty"), "")
	w.says(hello)
	began := time.Now()
	w.closed()
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("closed after %s", took)
	}
	p.refusal("tls:hasty", "timeout")

	w = dial(t, p.addr("tls:hasty"), "")
	w.says(`16 03 01 00 05 14 00 00 01 00`) // Finished, and no ClientHello before it
	w.hears(`15 03 01 00 02 02 0a`)         // RFC 8446 §6.2: unexpected_message
	p.refusal("tls:hasty", "protocol")

	eventually(t, "everybody is gone", patience, func() bool { return listenerOf(t, statusOf(t, a.path("data")), "tls:default").Closed == 3 })
	s := statusOf(t, a.path("data"))
	for name, want := range map[string]map[string]uint64{"tls:default": {"not_tls": 1, "eof": 1}, "tls:hasty": {"timeout": 1, "protocol": 1}} {
		if got := listenerOf(t, s, name).Refused; !maps.Equal(got, want) {
			t.Errorf("%s counts %v, want %v", name, got, want)
		}
	}
	if lines, _ := p.find("TLS handshake refused"); len(lines) != 4 {
		t.Errorf("%d lines for 4 failed handshakes", len(lines))
	}
}

// What cannot be had is said before anything listens, with the line of the file
// (TLS-11, TLS-13, TLS-18, TLS-19, TLS-26).
func TestImpossibleOptions(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	must(t, a.dir, "sh", "-e", "-c", clientPKI)
	certs := pki(t)
	must(t, a.dir, "cp", filepath.Join(certs, "emqx.pem"), filepath.Join(certs, "emqx.key"), ".")
	for _, c := range []struct {
		more      string
		code      int
		sentences []string
	}{
		{", ciphers: [DHE-RSA-AES256-GCM-SHA384, ECDHE-ECDSA-AES128-GCM-SHA256, PSK-AES128-GCM-SHA256, ECDHE-ECDSA-AES256-SHA384, AES]", 3, []string{
			"wicket.yaml:6", "tls.ciphers", "4 of 5 cannot be used", `\"DHE-RSA-AES256-GCM-SHA384\" (finite-field Diffie-Hellman is not in Go: use ECDHE)`,
			"pre-shared keys are not supported", "CBC with this hash is not in Go: use GCM", `\"AES\" (no such suite is known)`}},
		{", ciphers: [ECDHE-RSA-AES128-GCM-SHA256]", 1, []string{"tls:default", "ciphers: none for TLS 1.2 works with the ECDSA key", "server.pem", "ECDHE-ECDSA"}},
		{", versions: [tlsv1.2], ciphers: [TLS_AES_128_GCM_SHA256]", 1, []string{"ciphers: none is for TLS 1.2"}},
		{", curves: [X25519, brainpoolP256r1]", 3, []string{"tls.curves", `\"brainpoolP256r1\" is not known; the names are X25519MLKEM768`}},
		{", versions: [tlsv1.2], curves: [X25519MLKEM768]", 1, []string{"curves: X25519MLKEM768 is for TLS 1.3 only", "add X25519"}},
		{mutually + ", depth: -1", 3, []string{"tls.depth"}},
		{mutually + ", partial_chain: perhaps", 3, []string{"tls.partial_chain", "cacert_from_cacertfile"}},
		{", cacertfile: inter.pem, verify: verify_peer", 1, []string{"inter.pem", "holds no usable authority", "add the self-signed root", "the file holds no root above it"}},
		{", cacertfile: for-clientAuth.pem, verify: verify_peer", 1, []string{"for-clientAuth.pem", "is not an authority"}},
		{mutually + ", verify_peer_ext_key_usage: [clientAuth, clients]", 3, []string{"tls.verify_peer_ext_key_usage", `\"clients\" is not known`, "OID:1.2.3"}},
		{", bundles: { a: { sni: x.example, certfile: server.pem, keyfile: key.pem }, b: { sni: X.example, certfile: server.pem, keyfile: key.pem } }", 3, []string{`\"X.example\" has a certificate already`}},
		{", bundles: { a: { sni: 127.0.0.1, certfile: server.pem, keyfile: key.pem } }", 3, []string{"is no host name"}},
		{", bundles: { a: { sni: x.example, certfile: server.pem, keyfile: emqx.key } }", 1, []string{`sni \"x.example\"`, "server.pem", "emqx.key", "does not belong"}},
		{", enable_crl_check: true", 3, []string{"tls.enable_crl_check", "needs verify: verify_peer"}},
	} {
		p := launchIn(t, a.dir, "-c", a.config("", listenerYAML("default", c.more)), "--data", t.TempDir())
		code, said := p.exit(patience), p.transcript()
		missing := slices.DeleteFunc(c.sentences, func(s string) bool {
			return strings.Contains(said, s) || strings.Contains(said, strings.ReplaceAll(s, `\"`, `"`))
		})
		if code != c.code || len(missing) > 0 {
			t.Errorf("%s: exit code %d, want %d and %q in\n%s", c.more, code, c.code, missing, said)
		}
	}
}

// Keys that leave Go no choice are answered, never dropped, and the broker runs
// (TLS-21 to TLS-23).
func TestKeysThatAreAnswered(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "Root")
	p := a.broker("", listenerYAML("default", ", honor_cipher_order: false, secure_renegotiate: false, client_renegotiation: true, dhfile: dh.pem, ciphers: [ECDHE-ECDSA-AES128-GCM-SHA256, AES128-SHA]"))
	for _, sentence := range []string{
		"tls.honor_cipher_order: Go chooses among the suites by an order of its own",
		"tls.secure_renegotiate: there is no renegotiation at all",
		"tls.client_renegotiation: clients cannot renegotiate here",
		"tls.dhfile: it is not used: there are no DHE suites here",
		"ciphers: AES128-SHA is weak",
	} {
		p.waitFor("", patience, func(l line) bool { return isWarning(l) && strings.Contains(l.text("msg"), sentence) })
	}
	chat(t, p.addr("tls:default"), "--cafile", a.path("ca.pem"))
}
