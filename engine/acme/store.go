package acme

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
)

// Dir is where the files of an authority lie below dir: each has its own
// account, and the certificates of a trial are not taken for those of another.
func Dir(dir, directory string) string {
	name := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, strings.TrimPrefix(directory, "https://"))
	return filepath.Join(dir, name)
}

// File is the file of the certificate whose first name is given, in a directory of
// [Dir]: the key and the chain in one, so that no half of a pair is ever there.
func File(dir, name string) string { return filepath.Join(dir, strings.ToLower(name)+".pem") }

// accountKey reads the key of the account in dir, and makes it, and dir, when
// they are not there.
func accountKey(dir string) (crypto.Signer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the directory of the ACME account: %w", err)
	}
	path := filepath.Join(dir, "account.key")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newAccountKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the key of the ACME account: %w", err)
	}
	if block, _ := pem.Decode(data); block != nil {
		key, _ := x509.ParsePKCS8PrivateKey(block.Bytes) // the error might quote it
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
	}
	return nil, fmt.Errorf("%q holds no key of an ACME account; restore it, or remove it to begin a new account", path)
}

func newAccountKey(path string) (crypto.Signer, error) {
	key, err := newKey(P256)
	if err != nil {
		return nil, err
	}
	text, err := keyPEM(key)
	if err != nil {
		return nil, err
	}
	if err := replace(path, text, func(string) error { return nil }); err != nil {
		return nil, fmt.Errorf("cannot keep the key of the ACME account: %w", err)
	}
	return key, nil
}

func keyPEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// save puts a certificate that was issued into its file, once it is known to be
// what was asked for, and returns its leaf.
func save(path string, names []string, chain [][]byte, key crypto.Signer, now time.Time) (leaf *x509.Certificate, err error) {
	text, err := keyPEM(key)
	if err != nil {
		return nil, err
	}
	for _, der := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	err = replace(path, text, func(temporary string) error {
		leaf, err = read(temporary, names, now)
		return err
	})
	return leaf, err
}

// read returns the leaf of a file that can be served for names now.
func read(path string, names []string, now time.Time) (*x509.Certificate, error) {
	pair, err := cert.ClientPair(cert.Files{Certfile: path, Keyfile: path}, now)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := pair.Leaf.VerifyHostname(name); err != nil {
			return nil, fmt.Errorf("the certificate in %q is not for %q", path, name)
		}
	}
	return pair.Leaf, nil
}

// replace writes a file for its owner only, as a whole or not at all, after
// check has seen it under another name.
func replace(path string, data []byte, check func(temporary string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone after the rename
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := check(f.Name()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
