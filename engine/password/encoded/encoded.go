// Package encoded reads the texts that password hashes are stored as. It does
// no cryptography, so that a guest module can check a users file without
// carrying the hash functions; package password does the work.
//
// The parser accepts, and refuses everything else:
//
//	$argon2id$v=19$m=19456,t=2,p=1$SALT$KEY     PHC string, also mosquitto 2.1
//	$2b$12$SALTKEY                              bcrypt; $2a$ and $2y$ too
//	$pbkdf2-sha256$600000$SALT$KEY              passlib; PHC's i=600000 and -sha512 too
//	$7$101$SALT$KEY                             mosquitto: PBKDF2 with HMAC-SHA-512
//	$6$SALT$KEY                                 mosquitto: SHA-512 of password and salt
//	SCRAM-SHA-256$4096:SALT$STORED:SERVER       RFC 5803; SCRAM-SHA-512 too
//	$emqx-sha256-suffix$SALT$KEY                EMQX's digests and PBKDF2, see emqx
//
// Costs are bounded: a hash is data from outside, and verifying it must not
// take the host down.
package encoded

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// Algorithm names a way of hashing.
type Algorithm uint8

// The algorithms.
const (
	Argon2id Algorithm = iota + 1
	Bcrypt
	PBKDF2SHA256
	PBKDF2SHA512
	MosquittoPBKDF2 // $7$
	MosquittoSHA512 // $6$
	SCRAMSHA256     // SCRAM-SHA-256, RFC 7677
	SCRAMSHA512
)

// The bounds of what a hash may cost to verify. The most expensive one takes a
// few seconds of one core.
const (
	MaxMemory     = 256 << 10 // argon2id m, KiB
	MaxTime       = 16        // argon2id t
	MaxWork       = 1 << 20   // argon2id m×t, KiB
	MaxThreads    = 16        // argon2id p
	MaxCost       = 16        // bcrypt, log2 of rounds
	MaxIterations = 4_000_000 // PBKDF2
	maxText       = 512
	maxKey        = 64
	maxSalt       = 64
)

// Hash is a stored password hash taken apart. For bcrypt only Algorithm, Text
// and Cost are set.
type Hash struct {
	Algorithm  Algorithm
	Text       string // as it was stored
	Memory     uint32 // argon2id m, KiB
	Time       uint32 // argon2id t
	Threads    uint8  // argon2id p
	Cost       int    // bcrypt
	Iterations int    // PBKDF2
	SaltFirst  bool   // digests of EMQX: the salt stands before the password
	Salt, Key  []byte // for SCRAM Key is the StoredKey
	ServerKey  []byte // SCRAM
}

// The errors of Parse. None of them carries the hash.
var (
	ErrFormat      = errors.New("password hash is malformed")
	ErrUnsupported = errors.New("password hash is of an unknown kind (argon2id, bcrypt, pbkdf2-sha256, pbkdf2-sha512, SCRAM-SHA-256, SCRAM-SHA-512, mosquitto's $6$ and $7$, and EMQX's are known)")
	ErrCrypt       = errors.New("password hash is of the crypt(3) kind, which only looks like mosquitto's $6$")
	ErrCost        = errors.New("password hash costs more to verify than is allowed")
)

// Parse takes a stored hash apart.
func Parse(text string) (Hash, error) {
	if len(text) > maxText {
		return Hash{}, ErrFormat
	}
	h := Hash{Text: text}
	kind, rest, ok := cut(text)
	if !ok {
		return h.scram()
	}
	var err error
	switch kind {
	case "argon2id":
		h.Algorithm = Argon2id
		err = h.argon2id(rest)
	case "2a", "2b", "2y":
		h.Algorithm = Bcrypt
		err = h.bcrypt(rest)
	case "pbkdf2-sha256":
		h.Algorithm = PBKDF2SHA256
		err = h.pbkdf2(rest, phc)
	case "pbkdf2-sha512":
		h.Algorithm = PBKDF2SHA512
		err = h.pbkdf2(rest, phc)
	case "7":
		h.Algorithm = MosquittoPBKDF2
		err = h.pbkdf2(rest, base64.StdEncoding)
	case "6":
		h.Algorithm = MosquittoSHA512
		err = h.sha512(rest)
	default:
		err = ErrUnsupported
		if name, ok := strings.CutPrefix(kind, "emqx-"); ok {
			err = h.emqx(name, rest)
		}
	}
	if err != nil {
		return Hash{}, err
	}
	return h, nil
}

// cut splits "$head$tail".
func cut(text string) (head, tail string, ok bool) {
	if text == "" || text[0] != '$' {
		return "", "", false
	}
	return strings.Cut(text[1:], "$")
}

// phc is the Base64 of PHC strings. It is strict: stray trailing bits are an
// error.
var phc = base64.RawStdEncoding.Strict()

// saltAndKey reads "SALT$KEY".
func (h *Hash) saltAndKey(text string, enc *base64.Encoding) error {
	salt, key, ok := strings.Cut(text, "$")
	if !ok {
		return ErrFormat
	}
	var err1, err2 error
	h.Salt, err1 = enc.DecodeString(salt)
	h.Key, err2 = enc.DecodeString(key)
	if err1 != nil || err2 != nil || len(h.Salt) == 0 || len(h.Salt) > maxSalt ||
		len(h.Key) < 16 || len(h.Key) > maxKey || strings.ContainsAny(text, "\r\n") {
		return ErrFormat
	}
	return nil
}

func (h *Hash) argon2id(text string) error {
	params, ok := strings.CutPrefix(text, "v=19$")
	if !ok {
		return ErrFormat
	}
	params, rest, ok := strings.Cut(params, "$")
	m, params, ok1 := number(params, "m=")
	t, params, ok2 := number(params, ",t=")
	p, params, ok3 := number(params, ",p=")
	if !ok || !ok1 || !ok2 || !ok3 || params != "" || m < 8*p || t < 1 || p < 1 {
		return ErrFormat
	}
	if m > MaxMemory || t > MaxTime || m*t > MaxWork || p > MaxThreads {
		return ErrCost
	}
	h.Memory, h.Time, h.Threads = uint32(m), uint32(t), uint8(p)
	if err := h.saltAndKey(rest, phc); err != nil {
		return err
	}
	if len(h.Salt) < 8 { // RFC 9106 section 3.1
		return ErrFormat
	}
	return nil
}

// number reads a decimal number after prefix and returns what follows it.
func number(text, prefix string) (n int, rest string, ok bool) {
	text, ok = strings.CutPrefix(text, prefix)
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	if !ok || end == 0 || end > 9 || text[0] == '0' && end > 1 {
		return 0, "", false
	}
	n, err := strconv.Atoi(text[:end])
	return n, text[end:], err == nil
}

const bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func (h *Hash) bcrypt(text string) error {
	const saltAndKey = 22 + 31
	cost, rest, ok := strings.Cut(text, "$")
	if !ok || len(cost) != 2 || len(rest) != saltAndKey || strings.Trim(rest, bcryptAlphabet) != "" {
		return ErrFormat
	}
	n, err := strconv.ParseUint(cost, 10, 8)
	if err != nil || n < 4 || n > 31 {
		return ErrFormat
	}
	if n > MaxCost {
		return ErrCost
	}
	h.Cost = int(n)
	return nil
}

func (h *Hash) pbkdf2(text string, enc *base64.Encoding) error {
	iterations, rest, ok := strings.Cut(text, "$")
	if !ok {
		return ErrFormat
	}
	length := 0
	if enc == phc {
		if iterations, length, ok = pbkdf2Params(iterations); !ok {
			return ErrFormat
		}
		rest = strings.ReplaceAll(rest, ".", "+") // passlib's Base64
	}
	n, after, ok := number(iterations, "")
	if !ok || after != "" || n < 1 {
		return ErrFormat
	}
	if n > MaxIterations {
		return ErrCost
	}
	h.Iterations = n
	if err := h.saltAndKey(rest, enc); err != nil {
		return err
	}
	if length != 0 && length != len(h.Key) {
		return ErrFormat
	}
	return nil
}

// pbkdf2Params reads PHC's "i=N" and "i=N,l=N"; passlib writes just N.
func pbkdf2Params(text string) (iterations string, length int, ok bool) {
	text, named := strings.CutPrefix(text, "i=")
	iterations, l, has := strings.Cut(text, ",")
	if !has {
		return iterations, 0, true
	}
	length, rest, ok := number(l, "l=")
	return iterations, length, ok && named && rest == "" && length > 0
}

func (h *Hash) sha512(text string) error {
	if strings.HasPrefix(text, "rounds=") {
		return ErrCrypt
	}
	err := h.saltAndKey(text, base64.StdEncoding)
	if _, key, _ := strings.Cut(text, "$"); len(key) == 86 && !strings.Contains(key, "=") {
		return ErrCrypt
	}
	if err == nil && len(h.Key) != 64 {
		return ErrFormat
	}
	return err
}

// scram reads "MECHANISM$ITERATIONS:SALT$STOREDKEY:SERVERKEY".
func (h *Hash) scram() (Hash, error) {
	mechanism, rest, ok := strings.Cut(h.Text, "$")
	size := 32
	switch mechanism {
	case "SCRAM-SHA-256":
		h.Algorithm = SCRAMSHA256
	case "SCRAM-SHA-512":
		h.Algorithm, size = SCRAMSHA512, 64
	default:
		return Hash{}, ErrUnsupported
	}
	n, rest, ok1 := number(rest, "")
	salt, keys, ok2 := strings.Cut(rest, "$")
	stored, server, ok3 := strings.Cut(keys, ":")
	salt, ok4 := strings.CutPrefix(salt, ":")
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 || n < 1 || strings.ContainsAny(rest, "\r\n") {
		return Hash{}, ErrFormat
	}
	if n > MaxIterations {
		return Hash{}, ErrCost
	}
	var errs [3]error
	h.Iterations = n
	h.Salt, errs[0] = standard.DecodeString(salt)
	h.Key, errs[1] = standard.DecodeString(stored)
	h.ServerKey, errs[2] = standard.DecodeString(server)
	if errs != [3]error{} || len(h.Salt) == 0 || len(h.Salt) > maxSalt || len(h.Key) != size || len(h.ServerKey) != size {
		return Hash{}, ErrFormat
	}
	return *h, nil
}

var standard = base64.StdEncoding.Strict()

// IsSCRAM says whether the hash serves SCRAM (RFC 5802).
func (h *Hash) IsSCRAM() bool { return h.Algorithm == SCRAMSHA256 || h.Algorithm == SCRAMSHA512 }

// Kind returns the part of the text before the salt: the algorithm with its
// costs. Hashes of one kind take the same time to verify.
func (h *Hash) Kind() string {
	if h.IsSCRAM() {
		return h.Text[:strings.IndexByte(h.Text, ':')]
	}
	kind := h.Text[:strings.LastIndexByte(h.Text, '$')]
	if h.Algorithm == Bcrypt {
		return kind
	}
	return kind[:strings.LastIndexByte(kind, '$')]
}

// Decoy returns a hash that costs as much to verify as h does and that no
// password has: its key is all zeros. A verifier is given it for an unknown
// user, so that the time taken does not tell who exists.
func (h *Hash) Decoy() string {
	start := strings.LastIndexByte(h.Text, '$') + 1
	zero := byte('A')
	if h.Algorithm == Bcrypt {
		start += 22
		zero = '.'
	}
	b := []byte(h.Text)
	for i := start; i < len(b); i++ {
		if b[i] != '=' && b[i] != ':' {
			b[i] = zero
		}
	}
	return string(b)
}
