package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// authorityConf is what "openssl ca" needs to keep an authority with its
// database, with the extensions of the pages on revocation lists and OCSP.
const authorityConf = `
[ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
serial = serial
crlnumber = crlnumber
certificate = ca.pem
private_key = ca.key
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
[server]
basicConstraints = CA:false
subjectAltName = DNS:localhost, IP:127.0.0.1
[client]
basicConstraints = CA:false
[aware]
basicConstraints = CA:false
subjectAltName = DNS:localhost, IP:127.0.0.1
authorityInfoAccess = OCSP;URI:$ENV::POINT
[listed]
basicConstraints = CA:false
crlDistributionPoints = URI:$ENV::POINT
[plain]
authorityKeyIdentifier = keyid:always
[point]
authorityKeyIdentifier = keyid:always
issuingDistributionPoint = critical, @idp
[idp]
fullname = URI:$ENV::POINT
`

// authority is kept by "openssl ca" in a directory of its own, where it also
// leaves NAME.pem for everybody it has issued a certificate to. All of them
// have the same key.
type authority struct {
	t     *testing.T
	dir   string
	point string // of distribution: what the next certificate or list names
}

// newAuthority opens one that has issued the certificate of a broker already.
func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	need(t, "openssl")
	a := &authority{t: t, dir: t.TempDir()}
	for file, text := range map[string]string{"openssl.cnf": authorityConf, "index.txt": "", "serial": "1000", "crlnumber": "01"} {
		write(t, a.path(file), text)
	}
	const key = " -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
	a.openssl("req -x509 -config openssl.cnf -extensions v3_ca -days 30 -out ca.pem -subj /CN=" + name + key + "ca.key")
	a.openssl("req -config openssl.cnf -out any.csr -subj /CN=any" + key + "key.pem")
	a.issue("server", "server")
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// openssl runs a command line in the authority's directory and returns what
// it prints.
func (a *authority) openssl(line string) string {
	a.t.Helper()
	c := exec.Command("openssl", strings.Fields(line)...)
	c.Dir = a.dir
	c.Env = append(os.Environ(), "POINT="+a.point)
	out, err := c.CombinedOutput()
	if err != nil {
		a.t.Fatalf("openssl %s: %v\n%s", line, err, out)
	}
	return string(out)
}

// issue writes NAME.pem, with the extensions of a section.
func (a *authority) issue(name, extensions string) {
	a.t.Helper()
	a.openssl("ca -config openssl.cnf -batch -notext -in any.csr -subj /CN=" + name + " -extensions " + extensions + " -out " + name + ".pem")
}

// client issues a certificate that names a distribution point, or none.
func (a *authority) client(name, point string) {
	a.t.Helper()
	if a.point = point; point == "" {
		a.issue(name, "client")
		return
	}
	a.issue(name, "listed")
}

func (a *authority) revoke(name string) {
	a.t.Helper()
	a.openssl("ca -config openssl.cnf -revoke " + name + ".pem -crl_reason keyCompromise")
}

// list makes a revocation list in PEM, of a week unless the flags say
// otherwise.
func (a *authority) list(flags ...string) string {
	a.t.Helper()
	if !strings.Contains(strings.Join(flags, " "), "-crlexts") {
		flags = append(flags, "-crlexts plain")
	}
	a.openssl("ca -config openssl.cnf -gencrl -out list.pem " + strings.Join(flags, " "))
	return read(a.t, a.path("list.pem"))
}

// der is the last list in DER.
func (a *authority) der() string {
	a.t.Helper()
	a.openssl("crl -in list.pem -outform DER -out list.der")
	return read(a.t, a.path("list.der"))
}

// serial is a certificate's serial number as the broker writes it.
func (a *authority) serial(name string) string {
	a.t.Helper()
	_, hex, _ := strings.Cut(strings.TrimSpace(a.openssl("x509 -noout -serial -in "+name+".pem")), "=")
	return strings.ToLower(hex)
}

// identity is flags for mosquitto's clients.
func (a *authority) identity(name string) []string {
	return append([]string{"--cafile", a.path("ca.pem")}, identity(a.dir, name+".pem", "key.pem")...)
}

// presents is the same for openssl s_client.
func (a *authority) presents(name string) []string {
	return []string{"-CAfile", a.path("ca.pem"), "-cert", a.path(name + ".pem"), "-key", a.path("key.pem")}
}

// trusting is the configuration of a client that believes the authority, and
// shows a certificate of it unless the name is empty.
func (a *authority) trusting(name string) *tls.Config {
	a.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(read(a.t, a.path("ca.pem"))))
	c := &tls.Config{RootCAs: roots, ServerName: "localhost"}
	if name != "" {
		pair, err := tls.LoadX509KeyPair(a.path(name+".pem"), a.path("key.pem"))
		if err != nil {
			a.t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c
}

// listenerYAML is a TLS listener with the certificate of the authority's
// server, and more options.
func listenerYAML(name, more string) string {
	return fmt.Sprintf("    %s: { bind: \"127.0.0.1:0\", tls: { certfile: server.pem, keyfile: key.pem%s } }\n", name, more)
}

// mutually are the options of two-way TLS with the authority's certificates.
const mutually = ", cacertfile: ca.pem, verify: verify_peer, fail_if_no_peer_cert: true"

// checked are those of two-way TLS with a look into revocation lists.
const checked = mutually + ", enable_crl_check: true"

// config writes a configuration beside the authority's files and returns its
// path.
func (a *authority) config(global string, listeners ...string) string {
	a.t.Helper()
	return write(a.t, a.path("wicket.yaml"),
		"data_dir: data\nauth: { anonymous: allow }\n"+global+"\nlisteners:\n  tls:\n"+strings.Join(listeners, ""))
}

// broker starts wicket with such a configuration.
func (a *authority) broker(global string, listeners ...string) *process {
	a.t.Helper()
	return start(a.t, "-c", a.config(global, listeners...))
}

// web is an HTTP server with files, which remembers what it was asked for.
type web struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string]string
	asked map[string]int
	mute  chan struct{} // while it is there, answers wait until it is closed
}

func newWeb(t *testing.T) *web {
	w := &web{files: make(map[string]string), asked: make(map[string]int)}
	w.Server = httptest.NewServer(w)
	t.Cleanup(func() { w.speak(); w.Close() })
	return w
}

// ServeHTTP implements http.Handler.
func (w *web) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.asked[r.URL.Path]++
	mute := w.mute
	w.mu.Unlock()
	if mute != nil {
		select {
		case <-mute:
		case <-r.Context().Done():
			return
		}
	}
	w.mu.Lock()
	text, ok := w.files[r.URL.Path]
	w.mu.Unlock()
	if !ok {
		http.NotFound(out, r)
		return
	}
	_, _ = out.Write([]byte(text))
}

func (w *web) put(path, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files[path] = text
}

// times is how often a path was asked for.
func (w *web) times(path string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[path]
}

// hush makes the server keep its answers to itself, until speak.
func (w *web) hush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mute = make(chan struct{})
}

func (w *web) speak() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mute != nil {
		close(w.mute)
	}
	w.mute = nil
}

// native makes a certificate like client's without openssl, for crowds of
// them, and returns the configuration of who has it.
func (a *authority) native(point string) *tls.Config {
	a.t.Helper()
	ca, err := tls.LoadX509KeyPair(a.path("ca.pem"), a.path("ca.key"))
	if err != nil {
		a.t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		a.t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "native"}, CRLDistributionPoints: []string{point},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, ca.Leaf, &key.PublicKey, ca.PrivateKey)
	if err != nil {
		a.t.Fatal(err)
	}
	c := a.trusting("")
	c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	return c
}

// ctl looks into the broker or steers it by command, and returns what that
// prints.
func (a *authority) ctl(args ...string) string {
	a.t.Helper()
	return must(a.t, a.dir, binary, append([]string{"ctl", "--data", "data"}, args...)...).out
}

// certificate reads a PEM file.
func (a *authority) certificate(name string) *x509.Certificate {
	a.t.Helper()
	block, _ := pem.Decode([]byte(read(a.t, a.path(name))))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}
