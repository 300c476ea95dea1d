package cert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every fault of the files is one sentence that names the file.
func TestLoadRefuses(t *testing.T) {
	root := issue(t, "root", nil, nil, ca)
	middle := issue(t, "middle", nil, root, ca)
	leaf := issue(t, "leaf", nil, middle, forLocalhost)
	other := issue(t, "other", nil, nil, ca)
	key := keyPEM(t, leaf.key)
	chain := certPEM(leaf, middle)
	late := issue(t, "late", leaf.key, middle, expired)
	early := issue(t, "early", leaf.key, middle, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })
	signer := issue(t, "signer", leaf.key, root, ca)
	imposter := issue(t, "middle", nil, root, ca)
	old := issue(t, "old", nil, nil, func(c *x509.Certificate) { ca(c); expired(c) })
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))
	legacy := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: []byte("x")}))

	tests := []struct {
		name             string
		chain, key, cas  string
		change           func(*Options)
		want, wantRemedy string
	}{
		{"no such file", chain, key, "", func(o *Options) { o.Certfile += ".no" }, `cannot read certfile "`, "correct the path"},
		{"a directory", chain, key, "", func(o *Options) { o.Keyfile = filepath.Dir(o.Keyfile) }, `cannot read keyfile "`, ""},
		{"empty", " \n", key, "", nil, `is empty`, ""},
		{"certfile not set", chain, key, "", func(o *Options) { o.Certfile = "" }, `certfile is not set`, ""},
		{"garbage", "garbage", key, "", nil, `holds no certificate`, "not PEM"},
		{"DER", string(leaf.cert.Raw), key, "", nil, `holds no certificate`, "-inform der"},
		{"request", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", key, "", nil, `holds no certificate`, "signed first"},
		{"cut off", chain[:len(chain)-40], key, "", nil, `damaged or cut off`, "copy the file again"},
		{"bad DER inside", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key, "", nil, `certificate 1 cannot be parsed`, ""},
		{"exchanged", key, chain, "", nil, `holds no certificate but a private key`, "exchanged"},
		{"no key", chain, chain, "", nil, `holds no private key but a certificate`, "exchanged"},
		{"garbage key", chain, "garbage", "", nil, `holds no private key`, "PKCS#8"},
		{"bad key inside", chain, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "", nil, `the private key cannot be parsed`, ""},
		{"encrypted key", chain, encrypted, "", nil, `is encrypted; set its password`, "file:///"},
		{"encrypted key, old form", chain, legacy, "", nil, `is encrypted; set its password`, "file:///"},
		{"encrypted key, damaged", chain, encrypted, "", func(o *Options) { o.Password = "x" }, `cannot be decrypted`, "damaged"},
		{"P-224", chain, keyPEM(t, p224), "", nil, `P-224`, "P-256"},
		{"key of another", chain, keyPEM(t, newKey(t)), "", nil, `does not belong to certfile`, "CN=leaf"},
		{"issuer first", certPEM(middle, leaf), key, "", nil, `in the wrong order`, "certificate 2 (CN=leaf), which must come first"},
		{"begins with an authority", certPEM(signer, root), key, "", nil, `begins with an authority`, "own certificate must come first"},
		{"a gap", certPEM(leaf, root), key, "", nil, `certificate 2 (CN=root) did not issue the one before it, which names CN=middle`, "leaf first"},
		{"something behind it", certPEM(leaf, middle, other), key, "", nil, `certificate 3 (CN=other) did not issue`, "remove"},
		{"same name, another key", certPEM(leaf, imposter), key, "", nil, `cannot have signed it`, ""},
		{"expired", certPEM(late, middle), key, "", nil, `certificate 1 (CN=late) expired at `, "renew"},
		{"not yet valid", certPEM(early, middle), key, "", nil, `not valid before`, "clock"},
		{"required without verify", chain, key, "", func(o *Options) { o.RequirePeer, o.VerifyPeer = true, false }, `fail_if_no_peer_cert = true needs verify = verify_peer`, ""},
		{"verify without authorities", chain, key, "", nil, `needs cacertfile`, ""},
		{"authorities missing", chain, key, certPEM(root), func(o *Options) { o.CACertfile += ".no" }, `cannot read cacertfile "`, ""},
		{"authorities garbage", chain, key, "garbage", nil, `cacertfile "`, "not PEM"},
		{"a client among authorities", chain, key, certPEM(root, leaf), nil, `certificate 2 (CN=leaf) is not an authority`, ""},
		{"no root", chain, key, certPEM(middle), nil, `holds no usable authority`, "no root above it"},
		{"all expired", chain, key, certPEM(old), nil, `holds no usable authority`, "expired"},
		{"unknown version", chain, key, certPEM(root), func(o *Options) { o.Versions = []string{"sslv3"} }, `"sslv3" is not known`, "tlsv1.2"},
		{"version gap", chain, key, certPEM(root), func(o *Options) { o.Versions = []string{"tlsv1.3", "tlsv1.1"} }, `has a gap at TLS 1.2`, "list that too"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := Options{Files: files(t, tt.chain, tt.key, tt.cas), VerifyPeer: true}
			if tt.change != nil {
				tt.change(&o)
			}
			_, _, err := ServerConfig(o)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range []string{tt.want, tt.wantRemedy} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	leaf := issue(t, "leaf", nil, nil, forLocalhost)
	f := files(t, certPEM(leaf), keyPEM(t, leaf.key), "")
	if err := os.Chmod(f.Keyfile, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ServerConfig(Options{Files: f}); err == nil || !strings.Contains(err.Error(), "let the broker's user read it") {
		t.Errorf("%v", err)
	}
}

// All key types and encodings, and the chains that are in order.
func TestLoadAccepts(t *testing.T) {
	sec1 := func(k crypto.Signer) string {
		der, err := x509.MarshalECPrivateKey(k.(*ecdsa.PrivateKey))
		if err != nil {
			t.Fatal(err)
		}
		return "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" +
			string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	}
	pkcs1 := func(k crypto.Signer) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k.(*rsa.PrivateKey))}))
	}
	pkcs8 := func(k crypto.Signer) string { return keyPEM(t, k) }
	for _, tt := range []struct {
		name   string
		key    crypto.Signer
		encode func(crypto.Signer) string
	}{
		{"RSA PKCS#1", rsaKey(), pkcs1},
		{"RSA PKCS#8", rsaKey(), pkcs8},
		{"P-256 SEC 1", newKey(t), sec1},
		{"P-256 PKCS#8", newKey(t), pkcs8},
		{"Ed25519", ed25519Key(), pkcs8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := issue(t, "root", nil, nil, ca)
			middle := issue(t, "middle", nil, root, ca)
			leaf := issue(t, "localhost", tt.key, middle, forLocalhost)
			for _, chain := range []string{
				certPEM(leaf), certPEM(leaf, middle), certPEM(leaf, middle, root),
				"Some text before\n" + strings.ReplaceAll(certPEM(leaf, middle), "\n", "\r\n"),
				tt.encode(tt.key) + certPEM(leaf, middle),
			} {
				cfg, b, err := ServerConfig(Options{Files: files(t, chain, tt.encode(tt.key), "")})
				if err != nil {
					t.Fatal(err)
				}
				if sent, inFile := len(b.Chain()), strings.Count(chain, "BEGIN CERTIFICATE"); sent != inFile {
					t.Errorf("%d certificates sent, %d in the file", sent, inFile)
				}
				pool := x509.NewCertPool()
				pool.AddCert(root.cert)
				pool.AddCert(middle.cert)
				for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
					_, serverErr, clientErr := shake(t, cfg, &tls.Config{RootCAs: pool, ServerName: "localhost", MaxVersion: v})
					if serverErr != nil || clientErr != nil {
						t.Errorf("%s: server %v, client %v", tls.VersionName(v), serverErr, clientErr)
					}
				}
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	leaf := issue(t, "bare", key, nil, nil)
	root, old := issue(t, "root", nil, nil, ca), issue(t, "old", nil, nil, func(c *x509.Certificate) { ca(c); expired(c) })
	orphan := issue(t, "orphan", nil, issue(t, "absent", nil, nil, ca), ca)
	f := files(t, certPEM(leaf), keyPEM(t, key), certPEM(root, old, orphan))
	if err := os.Chmod(f.Keyfile, 0o644); err != nil {
		t.Fatal(err)
	}
	_, b, err := ServerConfig(Options{Files: f, VerifyPeer: true})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(b.Warnings(), "\n")
	for _, want := range []string{"no subject alternative name", "only 1024 bits", "chmod 600", "(CN=old) expired", "(CN=orphan) is not used"} {
		if !strings.Contains(all, want) {
			t.Errorf("no warning says %q:\n%s", want, all)
		}
	}
}

// Who is let in, and the alert and reason for who is not: TLS-02 to TLS-04,
// TLS-16 to TLS-20, MAP-08.
func TestClientVerification(t *testing.T) {
	root := issue(t, "root", nil, nil, ca)
	middle := issue(t, "middle", nil, root, ca)
	server := issue(t, "localhost", nil, root, forLocalhost)
	stranger := issue(t, "stranger's root", nil, nil, ca)
	usage := func(u x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{u} }
	}
	var (
		none  []tls.Certificate
		one   = func(e *entity) []tls.Certificate { return []tls.Certificate{e.tls()} }
		good  = issue(t, "client", nil, root, nil)
		below = issue(t, "below", nil, middle, nil)
		late  = issue(t, "late", nil, root, expired)
		never = issue(t, "never", nil, root, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })
	)
	tests := []struct {
		name     string
		client   []tls.Certificate
		require  bool
		accepted bool
		alert    string // in TLS 1.3
		alert12  string // in TLS 1.2, where different
		reason   Reason
		subject  string
	}{
		{"none required", none, false, true, "", "", "", ""},
		{"none given", none, true, false, "certificate required", "handshake failure", ReasonNoCert, ""},
		{"good", one(good), true, true, "", "", "", ""},
		{"good, optional", one(good), false, true, "", "", "", ""},
		{"intermediate from our file", one(below), true, true, "", "", "", ""},
		{"clientAuth", one(issue(t, "c", nil, root, usage(x509.ExtKeyUsageClientAuth))), true, true, "", "", "", ""},
		{"serverAuth only", one(issue(t, "s", nil, root, usage(x509.ExtKeyUsageServerAuth))), true, false, "bad certificate", "", ReasonBadUsage, "CN=s"},
		{"foreign", one(issue(t, "f", nil, stranger, nil)), true, false, "unknown certificate authority", "", ReasonUnknownCA, "CN=f"},
		{"foreign, optional", one(issue(t, "f", nil, stranger, nil)), false, false, "unknown certificate authority", "", ReasonUnknownCA, "CN=f"},
		{"self-signed", one(issue(t, "self", nil, nil, nil)), true, false, "unknown certificate authority", "", ReasonUnknownCA, "CN=self"},
		{"expired", one(late), true, false, "expired certificate", "", ReasonExpired, "CN=late"},
		{"not yet valid", one(never), true, false, "expired certificate", "", ReasonExpired, "CN=never"},
		{"control characters", one(issue(t, "a\r\nb", nil, root, nil)), true, false, "bad certificate", "", ReasonBadName, `CN=a\0D\0Ab`},
		{"control characters in a SAN", one(issue(t, "c", nil, root, func(c *x509.Certificate) { c.EmailAddresses = []string{"a\x01@b"} })), true, false, "bad certificate", "", ReasonBadName, "CN=c"},
	}
	f := files(t, certPEM(server), keyPEM(t, server.key), certPEM(root, middle))
	pool := x509.NewCertPool()
	pool.AddCert(root.cert)
	for _, tt := range tests {
		for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(tt.name+" "+tls.VersionName(v), func(t *testing.T) {
				cfg, _, err := ServerConfig(Options{Files: f, VerifyPeer: true, RequirePeer: tt.require, Depth: 10})
				if err != nil {
					t.Fatal(err)
				}
				client := &tls.Config{RootCAs: pool, ServerName: "localhost", MaxVersion: v}
				client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					if len(tt.client) == 0 {
						return new(tls.Certificate), nil
					}
					return &tt.client[0], nil // whatever the server asks for
				}
				state, serverErr, clientErr := shake(t, cfg, client)
				if tt.accepted {
					if serverErr != nil || clientErr != nil {
						t.Fatalf("server %v, client %v", serverErr, clientErr)
					}
					if len(state.PeerCertificates) != len(tt.client) || len(state.VerifiedChains) < len(tt.client) {
						t.Errorf("%d certificates, %d chains", len(state.PeerCertificates), len(state.VerifiedChains))
					}
					return
				}
				var failed *HandshakeError
				if !errors.As(Explain(serverErr), &failed) {
					t.Fatalf("server %v", serverErr)
				}
				if failed.Reason != tt.reason || failed.Subject != tt.subject || (failed.Serial != "") != (tt.subject != "") {
					t.Errorf("%+v; want %s, %q", failed, tt.reason, tt.subject)
				}
				alert := tt.alert
				if v == tls.VersionTLS12 && tt.alert12 != "" {
					alert = tt.alert12
				}
				if clientErr == nil || clientErr.Error() != "remote error: tls: "+alert {
					t.Errorf("client %v, want alert %q", clientErr, alert)
				}
			})
		}
	}
}

func TestOneWayAsksForNothing(t *testing.T) {
	server := issue(t, "localhost", nil, nil, forLocalhost)
	cfg, _, err := ServerConfig(Options{Files: files(t, certPEM(server), keyPEM(t, server.key), "")})
	if err != nil {
		t.Fatal(err)
	}
	asked := false
	state, serverErr, clientErr := shake(t, cfg, &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		return new(tls.Certificate), nil
	}})
	if serverErr != nil || clientErr != nil || asked || len(state.PeerCertificates) != 0 {
		t.Errorf("server %v, client %v, asked %v", serverErr, clientErr, asked)
	}
}

func TestPartialChain(t *testing.T) {
	root := issue(t, "root", nil, nil, ca)
	middle := issue(t, "middle", nil, root, ca)
	server := issue(t, "localhost", nil, root, forLocalhost)
	o := Options{Files: files(t, certPEM(server), keyPEM(t, server.key), certPEM(middle)), VerifyPeer: true, PartialChain: 1}
	cfg, _, err := ServerConfig(o)
	if err != nil {
		t.Fatal(err)
	}
	_, serverErr, clientErr := shake(t, cfg, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{issue(t, "c", nil, middle, nil).tls()}})
	if serverErr != nil || clientErr != nil {
		t.Errorf("server %v, client %v", serverErr, clientErr)
	}
}

func TestPrepareAndSwap(t *testing.T) {
	first := issue(t, "first", nil, nil, forLocalhost)
	second := issue(t, "second", nil, nil, func(c *x509.Certificate) { forLocalhost(c); c.NotAfter = c.NotAfter.Add(time.Hour) })
	f := files(t, certPEM(first), keyPEM(t, first.key), "")
	cfg, b, err := ServerConfig(Options{Files: f})
	if err != nil {
		t.Fatal(err)
	}
	serves := func(want *entity) {
		t.Helper()
		var got string
		_, serverErr, clientErr := shake(t, cfg, &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
			got = s.PeerCertificates[0].Subject.CommonName
			return nil
		}})
		if serverErr != nil || clientErr != nil || got != want.cert.Subject.CommonName {
			t.Errorf("served %q, want %q; server %v, client %v", got, want.cert.Subject.CommonName, serverErr, clientErr)
		}
		if !b.NotAfter().Equal(want.cert.NotAfter) {
			t.Errorf("expiry %v, want %v", b.NotAfter(), want.cert.NotAfter)
		}
	}
	serves(first)
	if err := os.WriteFile(f.Certfile, []byte(certPEM(second)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Prepare(Options{Files: f}); err == nil { // the key is still the first one's
		t.Error("half a pair was loaded")
	}
	serves(first)
	if err := os.WriteFile(f.Keyfile, []byte(keyPEM(t, second.key)), 0o600); err != nil {
		t.Fatal(err)
	}
	swap, err := b.Prepare(Options{Files: f})
	if err != nil {
		t.Fatal(err)
	}
	serves(first) // until it is swapped
	swap()
	serves(second)
}

// The reasons that come from elsewhere than certificates.
func TestClassify(t *testing.T) {
	server := issue(t, "localhost", nil, nil, forLocalhost)
	f := files(t, certPEM(server), keyPEM(t, server.key), "")
	tests := []struct {
		name     string
		versions []string
		client   *tls.Config
		want     Reason
	}{
		{"version", []string{"tlsv1.3"}, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}, ReasonVersion},
		{"cipher", []string{"tlsv1.2"}, &tls.Config{InsecureSkipVerify: true, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}, ReasonCipher},
		{"no trust in us", nil, &tls.Config{ServerName: "localhost"}, ReasonRefused},
		{"control characters in SNI", nil, &tls.Config{InsecureSkipVerify: true, ServerName: "a\nb"}, ReasonBadName},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, _, err := ServerConfig(Options{Files: f, Versions: tt.versions})
			if err != nil {
				t.Fatal(err)
			}
			_, serverErr, _ := shake(t, cfg, tt.client)
			if got := Classify(serverErr); got != tt.want {
				t.Errorf("%v is %q, want %q", serverErr, got, tt.want)
			}
		})
	}
	if Classify(nil) != "" || Explain(nil) != nil {
		t.Error("no error has a reason")
	}
}

func TestLongSubjectIsCutForTheLog(t *testing.T) {
	long := issue(t, "", nil, nil, func(c *x509.Certificate) {
		c.Subject = pkix.Name{Organization: []string{strings.Repeat("o", 5000)}}
	})
	var e *HandshakeError
	err := Explain(&tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{long.cert}, Err: x509.UnknownAuthorityError{}})
	if !errors.As(err, &e) || len(e.Subject) > maxLogged+3 || e.Reason != ReasonUnknownCA {
		t.Errorf("%d bytes, %v", len(e.Subject), e.Reason)
	}
}
