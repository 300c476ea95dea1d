package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// serverConf is the openssl.cnf of the tutorial for a server certificate; NAME
// is IP.1 or DNS.1 with the broker's address (T-04: one of them, not both).
const serverConf = `[req]
default_bits = 2048
distinguished_name = req_distinguished_name
req_extensions = req_ext
x509_extensions = v3_req
prompt = no
[req_distinguished_name]
countryName = CN
stateOrProvinceName = Zhejiang
localityName = Hangzhou
organizationName = EMQX
commonName = CA
[req_ext]
subjectAltName = @alt_names
[v3_req]
subjectAltName = @alt_names
[alt_names]
NAME
`

// tutorial is what people type who follow EMQX's tutorial on two-way TLS: an
// authority, a server certificate and a client certificate, which is X.509 v1
// (TLS-20). Only the subject of the authority differs from the server's (T-05).
const tutorial = `
openssl genrsa -out ca.key 2048
openssl req -x509 -new -nodes -key ca.key -sha256 -days 3650 -out ca.pem -subj "/C=CN/ST=Zhejiang/L=Hangzhou/O=EMQX/CN=Root"

openssl genrsa -out emqx.key 2048
openssl req -new -key ./emqx.key -config openssl.cnf -out emqx.csr
openssl x509 -req -in ./emqx.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out emqx.pem -days 3650 -sha256 -extensions v3_req -extfile openssl.cnf

openssl genrsa -out client.key 2048
openssl req -new -key client.key -out client.csr -subj "/C=CN/ST=Zhejiang/L=Hangzhou/O=EMQX/CN=client"
openssl x509 -req -days 3650 -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out client.pem
`

// variations are certificates beside those of the tutorial, from the same
// authority unless they say otherwise.
const variations = `
sed s/IP.1.*/DNS.1=localhost/ openssl.cnf > dns.cnf
openssl x509 -req -in emqx.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out dns.pem -days 3650 -sha256 -extensions v3_req -extfile dns.cnf

openssl rsa -in emqx.key -traditional -out pkcs1.key
openssl ecparam -name prime256v1 -genkey -noout -out p256.key
openssl genpkey -algorithm ed25519 -out ed25519.key
for kind in p256 ed25519; do
	openssl req -new -key $kind.key -config openssl.cnf -out $kind.csr
	openssl x509 -req -in $kind.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $kind.pem -days 30 -extensions v3_req -extfile openssl.cnf
	openssl req -new -key $kind.key -subj "/CN=client" -out client-$kind.csr
	openssl x509 -req -in client-$kind.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out client-$kind.pem -days 30
done

openssl ecparam -name prime256v1 -genkey -noout -out inter.key
openssl req -new -key inter.key -subj "/CN=Intermediate" -out inter.csr
printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n' > inter.cnf
openssl x509 -req -in inter.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out inter.pem -days 30 -extfile inter.cnf
openssl x509 -req -in emqx.csr -CA inter.pem -CAkey inter.key -CAcreateserial -out leaf.pem -days 30 -extensions v3_req -extfile openssl.cnf
cat leaf.pem inter.pem > chain.pem
cat inter.pem leaf.pem > wrong-order.pem
openssl x509 -req -in client.csr -CA inter.pem -CAkey inter.key -CAcreateserial -days 30 -out below.pem
cat below.pem inter.pem > client-chain.pem

openssl req -x509 -new -nodes -key inter.key -days 30 -out same-name-ca.pem -subj "/C=CN/ST=Zhejiang/L=Hangzhou/O=EMQX/CN=CA"
openssl x509 -req -in emqx.csr -CA same-name-ca.pem -CAkey inter.key -CAcreateserial -out same-name.pem -days 30 -extensions v3_req -extfile openssl.cnf

openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days -1 -out expired.pem

openssl ecparam -name prime256v1 -genkey -noout -out foreign-ca.key
openssl req -x509 -new -nodes -key foreign-ca.key -days 30 -out foreign-ca.pem -subj "/CN=Somebody else"
openssl x509 -req -in client.csr -CA foreign-ca.pem -CAkey foreign-ca.key -CAcreateserial -days 30 -out foreign.pem
`

var pkiOnce sync.Once
var pkiError error

// pki returns the directory that holds the certificates of the tutorial and
// its variations, made once.
func pki(t *testing.T) string {
	t.Helper()
	need(t, "openssl")
	dir := filepath.Join(filepath.Dir(binary), "pki")
	pkiOnce.Do(func() {
		if pkiError = os.Mkdir(dir, 0o700); pkiError != nil {
			return
		}
		conf := strings.Replace(serverConf, "NAME", "IP.1 = 127.0.0.1", 1)
		if pkiError = os.WriteFile(filepath.Join(dir, "openssl.cnf"), []byte(conf), 0o600); pkiError != nil {
			return
		}
		c := exec.Command("sh", "-e", "-c", tutorial+variations)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			pkiError = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if pkiError != nil {
		t.Fatalf("cannot make the certificates: %v", pkiError)
	}
	return dir
}

// tlsYAML writes a TLS listener with the option names of EMQX.
func tlsYAML(name, certfile, keyfile, more string) string {
	return fmt.Sprintf("    %s:\n      bind: 127.0.0.1:0\n      tls: { certfile: certs/%s, keyfile: certs/%s%s }\n", name, certfile, keyfile, more)
}

// mutual are the options of two-way TLS.
const mutual = ", cacertfile: certs/ca.pem, verify: verify_peer, fail_if_no_peer_cert: true"

// configured writes a configuration with TLS listeners beside the certificates
// and returns its path.
func configured(t *testing.T, listeners ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(pki(t), filepath.Join(dir, "certs")); err != nil {
		t.Fatal(err)
	}
	return write(t, filepath.Join(dir, "wicket.yaml"),
		"data_dir: data\nauth: { anonymous: allow }\nlisteners:\n  tls:\n"+strings.Join(listeners, ""))
}

// identity is the flags for a client certificate of mosquitto's clients.
func identity(dir, name, key string) []string {
	return []string{"--cert", filepath.Join(dir, name), "--key", filepath.Join(dir, key)}
}

// chat lets mosquitto_sub subscribe to t/1 and mosquitto_pub publish there.
func chat(t *testing.T, addr string, more ...string) {
	t.Helper()
	host, port := hostPort(t, addr)
	args := append([]string{"-h", host, "-p", port, "-t", "t/1"}, more...)
	s := startSub(t, args...)
	s.hear("received CONNACK (0)")
	s.hear("received SUBACK")
	must(t, "", "mosquitto_pub", append(args, "-m", "hello")...)
	s.expect(message{Topic: "t/1", Payload: "hello"})
	s.kill()
}

// shut is a mosquitto_pub that has to fail; what it says is returned.
func shut(t *testing.T, addr string, more ...string) string {
	t.Helper()
	host, port := hostPort(t, addr)
	r := tool(t, "", "", "mosquitto_pub", append([]string{"-h", host, "-p", port, "-t", "t/1", "-m", "hello"}, more...)...)
	if r.code == 0 {
		t.Errorf("mosquitto_pub %s: succeeded", strings.Join(more, " "))
	}
	return r.out + r.errOut
}

// handshake is what openssl s_client says until the broker closes, which it
// does at the end of bytes that are no MQTT, or at once.
func handshake(t *testing.T, addr string, args ...string) string {
	t.Helper()
	r := tool(t, "", "not MQTT\n", "openssl", append([]string{"s_client", "-connect", addr, "-ign_eof"}, args...)...)
	return r.out + r.errOut
}

// refusal waits for the one line about a refused handshake on a listener with
// a reason.
func (p *process) refusal(listener, reason string) line {
	p.t.Helper()
	return p.waitFor("TLS handshake refused", patience, func(l line) bool {
		return l.text("listener") == listener && l.text("reason") == reason
	})
}
