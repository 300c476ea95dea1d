package crl

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/cert"
)

const opensslConfig = `
[ca]
default_ca = here
[here]
dir = DIR
database = DIR/index.txt
new_certs_dir = DIR
serial = DIR/serial
crlnumber = DIR/crlnumber
certificate = DIR/ca.crt
private_key = DIR/ca.key
default_md = sha256
default_days = 30
default_crl_days = 7
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[v3_ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[device]
basicConstraints = CA:false
crlDistributionPoints = URI:ldap://127.0.0.1/cn=x, URI:URL
[plain]
authorityKeyIdentifier = keyid:always
[point]
authorityKeyIdentifier = keyid:always
issuingDistributionPoint = critical, @idp
[idp]
fullname = URI:URL
onlyuser = TRUE
`

// shop is an authority kept by openssl ca, as the tutorials have it.
type shop struct {
	*testing.T
	dir string
}

func (s *shop) file(name string) string { return filepath.Join(s.dir, name) }

func (s *shop) run(line string) {
	s.Helper()
	cmd := exec.Command("openssl", strings.Fields(line)...)
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("openssl %s: %v\n%s", line, err, out)
	}
}

func (s *shop) read(name string) []byte {
	s.Helper()
	b, err := os.ReadFile(s.file(name))
	if err != nil {
		s.Fatal(err)
	}
	return b
}

func (s *shop) certificate(name string) *x509.Certificate {
	s.Helper()
	block, _ := pem.Decode(s.read(name))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

func newShop(t *testing.T, url, keyType string) *shop {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl here")
	}
	s := &shop{t, t.TempDir()}
	for name, text := range map[string]string{
		"openssl.cnf": strings.NewReplacer("DIR", s.dir, "URL", url).Replace(opensslConfig),
		"index.txt":   "", "serial": "7FFFFFFFFFFFFFFFFF01", "crlnumber": "0A",
	} {
		if err := os.WriteFile(s.file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.run("req -x509 -config openssl.cnf -extensions v3_ca -newkey " + keyType + " -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=Shop")
	for _, name := range []string{"one", "two"} {
		s.run("req -config openssl.cnf -newkey " + keyType + " -nodes -keyout " + name + ".key -out " + name + ".csr -subj /CN=" + name)
		s.run("ca -config openssl.cnf -batch -notext -extensions device -in " + name + ".csr -out " + name + ".crt")
	}
	return s
}

// J5.1, J5.3, J5.8 with lists that openssl ca makes, DER and PEM, with and
// without an issuing distribution point, from the web and from a file.
func TestOpenSSL(t *testing.T) {
	for _, keyType := range []string{"rsa:2048", "ed25519"} {
		t.Run(keyType, func(t *testing.T) {
			w := newWeb(t)
			s := newShop(t, w.URL+"/ca.crl", keyType)
			root := s.certificate("ca.crt")
			one, two := []*x509.Certificate{s.certificate("one.crt"), root}, []*x509.Certificate{s.certificate("two.crt"), root}
			s.run("ca -config openssl.cnf -gencrl -crlexts plain -out before.pem")
			s.run("ca -config openssl.cnf -revoke two.crt -crl_reason keyCompromise")
			s.run("ca -config openssl.cnf -gencrl -crlexts plain -out plain.pem")
			s.run("ca -config openssl.cnf -gencrl -crlexts point -out point.pem")
			s.run("crl -in point.pem -outform DER -out point.der")

			c := newCache(t, Options{})
			k := newChecker(t, c, CheckerOptions{})
			w.put("/ca.crl", s.read("before.pem"))
			wants(t, k.Check(t.Context(), one), "")
			wants(t, k.Check(t.Context(), two), "")
			for _, name := range []string{"plain.pem", "point.pem", "point.der"} {
				w.put("/ca.crl", s.read(name))
				if err := c.Refresh(t.Context()); err != nil {
					t.Error(err)
				}
				wants(t, k.Check(t.Context(), one), "")
				err := k.Known(two)
				if r, ok := errors.AsType[*cert.RevokedError](err); !ok || r.Reason != 1 || r.Serial != "7fffffffffffffffff02" {
					t.Errorf("%s: %v", name, err)
				}
				local := newChecker(t, newCache(t, Options{}), CheckerOptions{Path: s.file(name)})
				wants(t, local.Check(t.Context(), one), "")
				wants(t, local.Check(t.Context(), two), "revoked")
			}
			if state := c.State()[0]; state.Issuer != "CN=Shop" || state.Number != "12" || state.Entries != 1 || state.Bytes != 15 {
				t.Errorf("%+v", state)
			}
		})
	}
}
