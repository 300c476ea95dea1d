package cert

import (
	"crypto"
	"encoding/asn1"
	"encoding/pem"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/youmark/pkcs8"
)

const secret = "correct horse"

// openssl runs a command in a directory and fails the test when it fails.
func openssl(t testing.TB, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl on this machine")
	}
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Every kind of encrypted key that OpenSSL makes, with the right password, a
// wrong one and none (TLS-09).
func TestEncryptedKeys(t *testing.T) {
	to := func(args ...string) []string {
		return append([]string{"pkcs8", "-topk8", "-in", "plain.pem", "-out", "key.pem", "-passout", "pass:" + secret}, args...)
	}
	tests := []struct {
		name        string
		make        []string
		unsupported bool
	}{
		{"genpkey -aes256", []string{"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256", "-pass", "pass:" + secret, "-out", "key.pem"}, false},
		{"genrsa -aes128", []string{"genrsa", "-aes128", "-passout", "pass:" + secret, "-out", "key.pem", "1024"}, false},
		{"genrsa -des3 -traditional", []string{"genrsa", "-des3", "-traditional", "-passout", "pass:" + secret, "-out", "key.pem", "1024"}, false},
		{"ec -aes256, the old form", []string{"ec", "-in", "plain.pem", "-aes256", "-passout", "pass:" + secret, "-out", "key.pem"}, false},
		{"genpkey Ed25519", []string{"genpkey", "-algorithm", "ED25519", "-aes256", "-pass", "pass:" + secret, "-out", "key.pem"}, false},
		{"PBKDF2 with SHA-1", to("-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA1"), false},
		{"3DES", to("-v2", "des3"), false},
		{"many rounds", to("-iter", "20000"), false},
		{"scrypt", to("-scrypt"), false},
		{"PBKDF2 with SHA-512", to("-v2prf", "hmacWithSHA512"), true},
		{"PBES1", to("-v1", "PBE-SHA1-3DES"), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			openssl(t, dir, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "plain.pem")
			openssl(t, dir, tt.make...)
			if !tt.unsupported {
				openssl(t, dir, "req", "-x509", "-new", "-key", "key.pem", "-passin", "pass:"+secret, "-out", "cert.pem", "-days", "1", "-subj", "/CN=localhost")
			} else {
				openssl(t, dir, "req", "-x509", "-new", "-key", "plain.pem", "-out", "cert.pem", "-days", "1", "-subj", "/CN=localhost")
			}
			f := Files{Certfile: filepath.Join(dir, "cert.pem"), Keyfile: filepath.Join(dir, "key.pem")}
			for password, want := range map[string]string{
				secret:     "",
				"wrong":    "cannot be decrypted: the password is wrong",
				"":         "is encrypted; set its password",
				secret[1:]: "cannot be decrypted: the password is wrong",
			} {
				if tt.unsupported && password != "" {
					want = "openssl pkcs8 -topk8 -v2 aes-256-cbc"
				}
				f.Password = password
				p, err := loadPair(f, time.Now())
				switch {
				case want == "" && err != nil:
					t.Errorf("password %q: %v", password, err)
				case want == "" && !owns(p.key, p.chain[0]):
					t.Error("another key came out")
				case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), f.Keyfile)):
					t.Errorf("password %q: %v", password, err)
				case err != nil && password != "" && strings.Contains(err.Error(), password+"\""):
					t.Errorf("the password is shown: %v", err)
				}
			}
		})
	}
}

func TestPasswordNotNeeded(t *testing.T) {
	leaf := issue(t, "leaf", nil, nil, forLocalhost)
	f := files(t, certPEM(leaf), keyPEM(t, leaf.key), "")
	f.Password = secret
	_, b, err := ServerConfig(Options{Files: f})
	if err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(b.Warnings(), "\n"); !strings.Contains(all, "its password is not used") || strings.Contains(all, secret) {
		t.Errorf("%q", all)
	}
}

// A file whose parameters would cost minutes or gigabytes is refused at once.
func TestCostOfKeyFile(t *testing.T) {
	type scrypt struct {
		Salt                []byte
		Cost, Block, Degree int
	}
	type pbkdf2 struct {
		Salt   []byte
		Rounds int
	}
	for _, tt := range []struct {
		id   asn1.ObjectIdentifier
		kdf  any
		want string
	}{
		{oidPBKDF2, pbkdf2{nil, 2048}, ""},
		{oidPBKDF2, pbkdf2{nil, maxRounds + 1}, "rounds of PBKDF2"},
		{oidPBKDF2, pbkdf2{nil, -1}, "rounds of PBKDF2"},
		{oidScrypt, scrypt{nil, 16384, 8, 1}, ""},
		{oidScrypt, scrypt{nil, 1 << 30, 8, 1}, "scrypt with N"},
		{oidScrypt, scrypt{nil, 1 << 20, 1 << 20, 1}, "scrypt with N"},
		{oidScrypt, scrypt{nil, 1 << 14, 8, 1 << 30}, "scrypt with N"},
		{oidScrypt, scrypt{nil, 0, 0, 0}, "scrypt with N"},
	} {
		raw := func(v any) asn1.RawValue {
			der, err := asn1.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return asn1.RawValue{FullBytes: der}
		}
		der := raw(struct {
			Algorithm algorithm
			Data      []byte
		}{algorithm{oidPBES2, raw(struct{ KDF, Cipher algorithm }{algorithm{tt.id, raw(tt.kdf)}, algorithm{ID: oidPBES2}})}, []byte("data")})
		err := checkCost(der.FullBytes)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: %v", tt.kdf, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	leaf := issue(f, "leaf", ed25519Key(), nil, forLocalhost)
	f.Add([]byte(certPEM(leaf)), []byte(keyPEM(f, leaf.key)), "")
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n"), []byte("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----\n"), "x")
	f.Add([]byte{}, []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,0011223344556677\n\nAAAAAAAAAAA=\n-----END RSA PRIVATE KEY-----\n"), "x")
	der, err := pkcs8.MarshalPrivateKey(leaf.key, []byte(secret), &pkcs8.Opts{
		Cipher: pkcs8.AES128CBC, KDFOpts: pkcs8.PBKDF2Opts{SaltSize: 8, IterationCount: 2, HMACHash: crypto.SHA256}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{}, pem.EncodeToMemory(&pem.Block{Type: encryptedType, Bytes: der}), secret)
	f.Fuzz(func(t *testing.T, certs, key []byte, password string) {
		if len(certs) > 0 {
			if cs, err := parseCertificates("certfile", "f", certs); err == nil && len(cs) == 0 {
				t.Fatal("nothing parsed and no error")
			}
		}
		if k, _, err := parseKey("f", key, password); err == nil && k == nil {
			t.Fatal("no key and no error")
		}
	})
}
