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

// Journey J2: the page of EMQX on obtaining certificates, with the names of its
// files: an authority whose key is under a password, a server certificate
// without names, and one with them.

const certificatePage = `
openssl genrsa -des3 -passout pass:of-the-root -out rootCA.key 2048
openssl req -x509 -new -key rootCA.key -passin pass:of-the-root -sha256 -days 3650 -out rootCA.crt -subj "/C=CN/O=Page/CN=Page Root"
sign="openssl x509 -req -CA rootCA.crt -CAkey rootCA.key -passin pass:of-the-root -CAcreateserial -days 365 -sha256"

openssl genrsa -out server.key 2048
openssl req -new -key server.key -out server.csr -subj "/C=CN/O=Page/CN=broker"
$sign -in server.csr -out server.crt
printf 'subjectAltName=DNS:localhost\n' > names
$sign -in server.csr -extfile names -out named.crt

openssl genrsa -out client.key 2048
openssl req -new -key client.key -out client.csr -subj "/C=CN/O=Page/CN=device-17"
$sign -in client.csr -out client.crt

openssl genpkey -aes256 -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pass pass:pass-phrase-17 -out pbes2.key
openssl req -new -key pbes2.key -passin pass:pass-phrase-17 -subj /CN=broker -out pbes2.csr
$sign -in pbes2.csr -extfile names -out pbes2.crt
openssl pkcs8 -topk8 -scrypt -in server.key -passout pass:pass-phrase-17 -out scrypt.key
openssl rsa -in server.key -aes256 -traditional -passout pass:pass-phrase-17 -out legacy.key
openssl rsa -in server.key -des3 -traditional -passout pass:pass-phrase-17 -out legacy-des3.key
cp named.crt scrypt.crt; cp named.crt legacy.crt; cp named.crt legacy-des3.crt
`

// passPhrase is the password of the server keys.
const passPhrase = "pass-phrase-17"

// pageOnce follows it once; page copies what came of it.
var pageOnce = sync.OnceValues(func() (dir string, err error) {
	dir = filepath.Join(filepath.Dir(binary), "page")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	c := exec.Command("sh", "-e", "-c", certificatePage)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return dir, nil
})

func page(t *testing.T) (dir string) {
	t.Helper()
	need(t, "openssl")
	from, err := pageOnce()
	if err != nil {
		t.Fatalf("cannot make the certificates: %v", err)
	}
	dir = t.TempDir()
	must(t, dir, "sh", "-c", "cp "+from+"/* .")
	return dir
}

// pageYAML is a listener of that page.
func pageYAML(name, cert, key, more string) string {
	return "    " + name + ": { bind: \"127.0.0.1:0\", tls: { certfile: " + cert + ", keyfile: " + key + more + " } }\n"
}

func TestCertificatePage(t *testing.T) {
	t.Parallel()
	dir := page(t)
	for _, name := range []string{"rootCA.crt", "rootCA.key", "rootCA.srl", "server.crt", "server.csr", "server.key"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if key := read(t, filepath.Join(dir, "rootCA.key")); !strings.Contains(key, "ENCRYPTED") {
		t.Errorf("the key of the authority is not under a password:\n%s", key)
	}
	const both = ", cacertfile: rootCA.crt, verify: verify_peer, fail_if_no_peer_cert: true"
	write(t, filepath.Join(dir, "phrase"), passPhrase+"\n")
	listeners := pageYAML("oneway", "server.crt", "server.key", "") + pageYAML("oneway-named", "named.crt", "server.key", "") +
		pageYAML("twoway", "server.crt", "server.key", both) + pageYAML("twoway-named", "named.crt", "server.key", both)
	encrypted := []string{"pbes2", "scrypt", "legacy", "legacy-des3"}
	for _, name := range encrypted {
		listeners += pageYAML(name, name+".crt", name+".key", ", password: "+passPhrase)
	}
	listeners += pageYAML("file", "pbes2.crt", "pbes2.key", `, password: "file://`+filepath.Join(dir, "phrase")+`"`)
	p := launchIn(t, dir, "-c", write(t, filepath.Join(dir, "wicket.yaml"), "data_dir: data\nauth: { anonymous: allow }\nlisteners:\n  tls:\n"+listeners))
	p.waitFor("certfile", patience, func(l line) bool {
		return isWarning(l) && strings.Contains(l.text("msg"), "server.crt") && strings.Contains(l.text("msg"), "no subject alternative name")
	})
	at := func(listener string) string {
		_, port := hostPort(t, p.addr("tls:"+listener))
		return "localhost:" + port
	}
	ca := []string{"--cafile", filepath.Join(dir, "rootCA.crt")}
	device := append(ca[:2:2], identity(dir, "client.crt", "client.key")...)

	// Steps 2 and 3.
	for _, c := range []struct {
		listener string
		flags    []string
	}{{"oneway", ca}, {"twoway", device}} {
		if said := shut(t, at(c.listener), append(c.flags, "-d")...); !strings.Contains(said, "host name verification failed") {
			t.Errorf("%s: a certificate without names: the client says %q", c.listener, said)
		}
		chat(t, at(c.listener), append(c.flags, "--insecure")...)
		chat(t, at(c.listener+"-named"), c.flags...)
		chat(t, at(c.listener+"-named"), append(c.flags, "--insecure")...)
	}
	for _, more := range [][]string{nil, {"--insecure"}} {
		shut(t, at("twoway-named"), append(ca[:2:2], more...)...)
		p.refusal("tls:twoway-named", "no_cert")
	}
	// Step 4.
	for _, name := range append(encrypted, "file") {
		chat(t, at(name), ca...)
	}
	if strings.Contains(p.transcript()+p.out.String(), passPhrase) {
		t.Errorf("the log holds the password:\n%s", p.transcript())
	}
}

// Step 4: without the password of the server's key there is no start, and
// nothing of the wrong one is printed either (TLS-09).
func TestPasswordOfServerKey(t *testing.T) {
	t.Parallel()
	dir := page(t)
	write(t, filepath.Join(dir, "wrong-phrase"), "in-a-file-but-wrong")
	const wrong = "cannot be decrypted: the password is wrong, or the file is damaged"
	const missing, guess = "", ", password: guess-8000"
	sentences := map[string]string{
		missing:                      "is encrypted; set its password, as password: file:///path",
		guess:                        wrong,
		", password: pass-phrase-1":  wrong, // not all of it
		", password: pass-phrase-18": wrong,
		`, password: "file://` + filepath.Join(dir, "wrong-phrase") + `"`: wrong,
		`, password: "file://` + filepath.Join(dir, "none") + `"`:         "no such file",
	}
	refused := func(name, option, sentence string) {
		t.Helper()
		p := launchIn(t, dir, "--data", t.TempDir(), "-c",
			write(t, filepath.Join(dir, "wicket.yaml"), "listeners:\n  tls:\n"+pageYAML("default", name+".crt", name+".key", option)))
		code := p.exit(patience)
		said := p.transcript() + p.out.String()
		if code == 0 || !strings.Contains(said, sentence) {
			t.Errorf("%s%s: exit code %d, no %q in\n%s", name, option, code, sentence, said)
		}
		if !strings.Contains(said, name+".key") && !strings.Contains(option, "none") {
			t.Errorf("%s%s: the file is not named:\n%s", name, option, said)
		}
		for _, secret := range []string{"pass-phrase-1", "guess-8000", "in-a-file-but-wrong"} {
			if strings.Contains(said, secret) {
				t.Errorf("%s%s: %q is printed:\n%s", name, option, secret, said)
			}
		}
	}
	for option, sentence := range sentences {
		refused("pbes2", option, sentence)
	}
	for _, name := range []string{"scrypt", "legacy", "legacy-des3"} {
		refused(name, missing, sentences[missing])
		refused(name, guess, wrong)
	}
}
