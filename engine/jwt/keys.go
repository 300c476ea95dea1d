package jwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Bounds of a set of keys.
const (
	MaxKeys   = 64
	MaxSource = 256 << 10
)

// Bounds of an RSA modulus: RFC 7518 §3.3, and what a verification may cost.
const (
	minRSA = 2048
	maxRSA = 8192
)

// Algorithms are the names of those that there are, in the order of RFC 7518 §3.1
// and RFC 8037 §3.1.
var Algorithms = []string{
	"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA",
}

// hmacSize is the length of a secret that each HMAC algorithm needs at least, in
// bytes (RFC 7518 §3.2).
var hmacSize = map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}

// Source is what a set of keys is made of.
type Source struct {
	Algorithms []string // to be accepted; at least one
	JWKS       []byte   // a JSON Web Key Set (RFC 7517 §5)
	PEM        []byte   // public keys and certificates, of which only the key counts
	Secret     []byte   // of HMAC
}

// Keys is a set of keys. It does not change.
type Keys struct {
	keys     []key
	accepted []jose.SignatureAlgorithm
}

// key is one of them.
type key struct {
	id         string // RFC 7517 §4.5; empty: any token may have been signed with it
	algorithms []string
	material   any // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// New reads a set of keys. A key of a JWKS that cannot be used, because its type
// is not known, it is too short or meant for something else, is passed over (RFC
// 7517 §5); a PEM block or a secret of that sort is an error, as is a source
// without any key that can be used.
func New(s Source) (*Keys, error) {
	k := &Keys{}
	if len(s.Algorithms) == 0 {
		return nil, errors.New("no algorithm is accepted")
	}
	for _, name := range s.Algorithms {
		if !slices.Contains(Algorithms, name) {
			return nil, fmt.Errorf("unknown algorithm %q; there are %s", name, strings.Join(Algorithms, ", "))
		}
		k.accepted = append(k.accepted, jose.SignatureAlgorithm(name))
	}
	if n := len(s.JWKS) + len(s.PEM) + len(s.Secret); n > MaxSource {
		return nil, fmt.Errorf("keys of %d bytes; at most %d are read", n, MaxSource)
	}
	if err := k.addSecret(s.Secret); err != nil {
		return nil, err
	}
	if err := k.addPEM(s.PEM); err != nil {
		return nil, err
	}
	if err := k.addSet(s.JWKS); err != nil {
		return nil, err
	}
	if len(k.keys) == 0 {
		return nil, errors.New("no key")
	}
	return k, nil
}

// add puts in a key that is for some of the accepted algorithms.
func (k *Keys) add(id, only string, material any) error {
	usable, err := suits(material)
	if err != nil {
		return err
	}
	n := key{id: id, material: material}
	for _, name := range usable {
		if slices.Contains(k.accepted, jose.SignatureAlgorithm(name)) && (only == "" || only == name) {
			n.algorithms = append(n.algorithms, name)
		}
	}
	switch {
	case len(n.algorithms) > 0:
	case only != "":
		return fmt.Errorf("it is for %.32q, which is not accepted or not of its type", only)
	default:
		return fmt.Errorf("it is for %s, of which none is accepted", strings.Join(usable, ", "))
	}
	if len(k.keys) == MaxKeys {
		return fmt.Errorf("more than %d keys", MaxKeys)
	}
	k.keys = append(k.keys, n)
	return nil
}

// suits lists the algorithms of a key's type and size: an algorithm never meets
// a key of another (RFC 8725 §3.1).
func suits(material any) ([]string, error) {
	switch m := material.(type) {
	case []byte:
		return suitsHMAC(m)
	case *rsa.PublicKey:
		bits := m.N.BitLen()
		if bits < minRSA || bits > maxRSA {
			return nil, fmt.Errorf("RSA key of %d bits; want %d to %d (RFC 7518 section 3.3)", bits, minRSA, maxRSA)
		}
		if m.E < 3 || m.E&1 == 0 || int64(m.E) > 1<<31-1 {
			return nil, errors.New("RSA key with an exponent that no key has")
		}
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, nil
	case *ecdsa.PublicKey: // RFC 7518 §3.4: a curve for each
		switch m.Curve {
		case elliptic.P256():
			return []string{"ES256"}, nil
		case elliptic.P384():
			return []string{"ES384"}, nil
		case elliptic.P521():
			return []string{"ES512"}, nil
		}
		return nil, fmt.Errorf("key on the curve %s; want P-256, P-384 or P-521", m.Curve.Params().Name)
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	}
	return nil, errors.New("key of a type that is not known; want RSA, EC or Ed25519")
}

func suitsHMAC(secret []byte) (names []string, err error) {
	for _, name := range Algorithms {
		if n, ok := hmacSize[name]; ok && len(secret) >= n {
			names = append(names, name)
		}
	}
	if names == nil {
		return nil, fmt.Errorf("secret of %d bytes; want 32 for HS256, 48 for HS384, 64 for HS512 (RFC 7518 section 3.2)", len(secret))
	}
	return names, nil
}

func (k *Keys) addSecret(secret []byte) error {
	if len(secret) == 0 {
		return nil
	}
	if err := k.add("", "", slices.Clone(secret)); err != nil {
		return fmt.Errorf("cannot use the secret: %w", err)
	}
	return nil
}

func (k *Keys) addPEM(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	n := 0
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		n++
		material, err := publicKey(block)
		if err == nil {
			err = k.add("", "", material)
		}
		if err != nil {
			return fmt.Errorf("cannot use PEM block %d: %w", n, err)
		}
	}
	if n == 0 {
		return errors.New("no PEM block; want -----BEGIN PUBLIC KEY----- or -----BEGIN CERTIFICATE-----")
	}
	return nil
}

func publicKey(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
	}
	if strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return nil, errors.New("it is a private key; who verifies needs the public one only")
	}
	return nil, fmt.Errorf("it is %.32q; want PUBLIC KEY or CERTIFICATE", block.Type)
}

// webKey has the members of a JSON Web Key that count here (RFC 7517 §4, RFC 7518
// §6, RFC 8037 §2).
type webKey struct {
	Type       string   `json:"kty"`
	Use        string   `json:"use,omitempty"`
	Operations []string `json:"key_ops,omitempty"`
	Algorithm  string   `json:"alg,omitempty"`
	ID         string   `json:"kid,omitempty"`

	Curve    string `json:"crv,omitempty"`
	X        string `json:"x,omitempty"`
	Y        string `json:"y,omitempty"`
	Modulus  string `json:"n,omitempty"`
	Exponent string `json:"e,omitempty"`
	Secret   string `json:"k,omitempty"`

	Private string `json:"d,omitempty"` // of RSA, EC and OKP
}

func (k *Keys) addSet(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return errors.New(`no JSON Web Key Set; want {"keys": [...]}`)
	}
	if len(set.Keys) > MaxKeys {
		return fmt.Errorf("a JSON Web Key Set with %d keys; at most %d are read", len(set.Keys), MaxKeys)
	}
	before := len(k.keys)
	var unusable error
	for i, raw := range set.Keys {
		if err := k.addWebKey(raw); err != nil && unusable == nil {
			unusable = fmt.Errorf("cannot use key %d of the JSON Web Key Set: %w", i+1, err)
		}
	}
	switch {
	case len(k.keys) > before:
		return nil
	case unusable != nil:
		return unusable
	}
	return errors.New("a JSON Web Key Set without a key")
}

func (k *Keys) addWebKey(text []byte) error {
	var w webKey
	if err := json.Unmarshal(text, &w); err != nil {
		return errors.New("it is no JSON Web Key")
	}
	switch {
	case w.Use != "" && w.Use != "sig": // RFC 7517 §4.2
		return fmt.Errorf("its use is %.32q; want sig", w.Use)
	case w.Operations != nil && !slices.Contains(w.Operations, "verify"): // RFC 7517 §4.3
		return errors.New("its key_ops have no verify")
	case w.Private != "":
		return errors.New("it is a private key, which must not be published")
	}
	only := w.Algorithm
	w.Use, w.Operations, w.Algorithm = "", nil, ""
	plain, err := json.Marshal(&w)
	if err != nil {
		return err
	}
	var read jose.JSONWebKey
	if err := read.UnmarshalJSON(plain); err != nil {
		if errors.Is(err, jose.ErrUnsupportedKeyType) {
			return fmt.Errorf("its type %.32q is not known; want RSA, EC, OKP with Ed25519, or oct", w.Type)
		}
		return fmt.Errorf("it is no key of type %.32q", w.Type)
	}
	return k.add(w.ID, only, read.Key)
}
