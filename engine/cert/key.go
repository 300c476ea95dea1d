package cert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/youmark/pkcs8"
)

// parseKey returns the private key of a PEM file: PKCS #1, PKCS #8 or SEC 1,
// plain or under a password (TLS-08, TLS-09), and whether the password was
// needed. Neither the password nor the key is in any error.
func parseKey(path string, data []byte, password string) (key crypto.Signer, encrypted bool, err error) {
	rest := data
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		parse := parsers[block.Type]
		if parse == nil {
			continue // EC PARAMETERS, or the certificate in the same file
		}
		if legacy := legacyEncrypted(block); legacy || block.Type == encryptedType {
			if password == "" {
				return nil, true, fmt.Errorf("keyfile %q is encrypted; set its password, as password: file:///path", path)
			}
			key, err := decrypt(path, block, legacy, password)
			return key, true, err
		}
		key, err := parse(block.Bytes)
		if err != nil {
			return nil, false, fmt.Errorf("keyfile %q: the private key cannot be parsed", path) // err might quote the key
		}
		signer, err := usableKey(path, key)
		return signer, false, err
	}
	if bytes.Contains(data, []byte("-----BEGIN CERTIFICATE-----")) {
		return nil, false, fmt.Errorf("keyfile %q holds no private key but a certificate; are certfile and keyfile exchanged?", path)
	}
	return nil, false, fmt.Errorf("keyfile %q holds no private key in PEM (PKCS#1, PKCS#8 or SEC 1), or a damaged one", path)
}

// encryptedType is the PEM label of an encrypted PKCS #8 key (RFC 7468 section
// 11), what OpenSSL 3 writes.
const encryptedType = "ENCRYPTED PRIVATE KEY"

// parsers are what the blocks of a key file hold, by their labels.
var parsers = map[string]func([]byte) (any, error){
	"PRIVATE KEY":     x509.ParsePKCS8PrivateKey,
	encryptedType:     x509.ParsePKCS8PrivateKey,
	"RSA PRIVATE KEY": func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
	"EC PRIVATE KEY":  func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) },
}

// legacyEncrypted reports whether a block is encrypted in the way of RFC 1421,
// what OpenSSL writes with -traditional.
func legacyEncrypted(b *pem.Block) bool {
	return strings.HasPrefix(b.Headers["Proc-Type"], "4,ENCRYPTED")
}

func decrypt(path string, block *pem.Block, legacy bool, password string) (crypto.Signer, error) {
	var key any
	var err error
	if legacy {
		key, err = decryptLegacy(block, password)
	} else {
		key, err = decryptPKCS8(block.Bytes, password)
	}
	if e, ok := errors.AsType[unsupported](err); ok {
		return nil, fmt.Errorf("keyfile %q is encrypted in a way that cannot be read here (%w); convert it with openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out FILE.new", path, e)
	}
	if err != nil {
		return nil, fmt.Errorf("keyfile %q cannot be decrypted: the password is wrong, or the file is damaged", path)
	}
	return usableKey(path, key)
}

// unsupported is a way of encryption that is not understood.
type unsupported string

func (u unsupported) Error() string { return string(u) }

var errPassword = errors.New("wrong password")

func decryptLegacy(block *pem.Block, password string) (any, error) {
	if !strings.Contains(block.Headers["DEK-Info"], ",") {
		return nil, unsupported("no DEK-Info")
	}
	//lint:ignore SA1019 the form is weak, but the file is the operator's own and stays on this machine
	der, err := x509.DecryptPEMBlock(block, []byte(password))
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, errPassword
	case err != nil:
		return nil, unsupported(strings.TrimPrefix(err.Error(), "x509: "))
	}
	return parsers[block.Type](der)
}

// decryptPKCS8 opens PBES2 (RFC 8018 section 6.2) with PBKDF2 or scrypt (RFC
// 7914). The library takes damaged parameters at their word, so their cost is
// checked before and a panic is an error.
func decryptPKCS8(der []byte, password string) (key any, err error) {
	defer func() {
		if recover() != nil {
			key, err = nil, errPassword
		}
	}()
	if err := checkCost(der); err != nil {
		return nil, err
	}
	key, _, err = pkcs8.ParsePrivateKey(der, []byte(password))
	if err != nil && strings.Contains(err.Error(), "unsupported") {
		return nil, unsupported(strings.TrimPrefix(err.Error(), "pkcs8: "))
	}
	return key, err
}

// Bounds of what the parameters in a file may cost: OpenSSL's default is 2,048
// rounds of PBKDF2, and 16 MB for scrypt.
const (
	maxRounds = 10_000_000
	maxScrypt = 1 << 30 // bytes, and blocks of 128 bytes computed
)

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidScrypt = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
)

// algorithm is an AlgorithmIdentifier.
type algorithm struct {
	ID         asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

// checkCost refuses what is not PBES2, and parameters that would keep a reload
// busy for minutes.
func checkCost(der []byte) error {
	var info struct {
		Algorithm algorithm
		Data      []byte
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return err
	}
	if !info.Algorithm.ID.Equal(oidPBES2) {
		return unsupported("PKCS#8 version 1.5, algorithm " + info.Algorithm.ID.String())
	}
	var scheme struct{ KDF, Cipher algorithm }
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &scheme); err != nil {
		return err
	}
	switch p := scheme.KDF.Parameters.FullBytes; {
	case scheme.KDF.ID.Equal(oidPBKDF2):
		var kdf struct {
			Salt   asn1.RawValue
			Rounds int
		}
		if _, err := asn1.Unmarshal(p, &kdf); err != nil {
			return err
		}
		if kdf.Rounds < 1 || kdf.Rounds > maxRounds {
			return unsupported(fmt.Sprintf("%d rounds of PBKDF2", kdf.Rounds))
		}
	case scheme.KDF.ID.Equal(oidScrypt):
		var kdf struct {
			Salt                []byte
			Cost, Block, Degree int
		}
		if _, err := asn1.Unmarshal(p, &kdf); err != nil {
			return err
		}
		if kdf.Cost < 2 || kdf.Block < 1 || kdf.Degree < 1 ||
			kdf.Cost > maxScrypt/128 || kdf.Block > maxScrypt/128/kdf.Cost || kdf.Degree > maxScrypt/128/kdf.Cost/kdf.Block {
			return unsupported(fmt.Sprintf("scrypt with N = %d, r = %d, p = %d", kdf.Cost, kdf.Block, kdf.Degree))
		}
	}
	return nil
}

// usableKey accepts the keys that crypto/tls can sign with.
func usableKey(path string, key any) (crypto.Signer, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < 1024 {
			return nil, fmt.Errorf("keyfile %q: an RSA key of %d bits is too short; make one of 2048 bits or more", path, bits)
		}
		return k, nil
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P224() {
			return nil, fmt.Errorf("keyfile %q: TLS 1.3 has no use for curve P-224; make a key on P-256", path)
		}
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, fmt.Errorf("keyfile %q: a key of type %T cannot be used for TLS; make an ECDSA P-256, Ed25519 or RSA key", path, key)
}
