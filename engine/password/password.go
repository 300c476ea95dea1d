// Package password hashes and verifies passwords for the broker, and keeps
// users files. Everything here is slow on purpose: call it from a worker,
// never from an event loop. Functions may be called from any goroutine and
// keep no reference to their arguments. Errors carry neither hash nor
// password.
package password

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/wicketmq/wicket/engine/password/encoded"
)

// Verify says whether password has the given hash, in one of the forms that
// package encoded reads. It returns an error, and false, for a hash that is
// malformed, of an unknown kind, or too expensive (encoded.ErrFormat,
// ErrUnsupported, ErrCrypt, ErrCost). The comparison takes the same time
// whether and where the results differ.
func Verify(stored string, password []byte) (bool, error) {
	h, err := encoded.Parse(stored)
	if err != nil {
		return false, fmt.Errorf("cannot verify password: %w", err)
	}
	key, err := derive(&h, password)
	if err != nil {
		return false, fmt.Errorf("cannot verify password: %w", err)
	}
	if h.Algorithm == encoded.Bcrypt {
		return key != nil, nil
	}
	return subtle.ConstantTimeCompare(key, h.Key) == 1, nil
}

// derive computes the key that password has under the parameters of h. For
// bcrypt, which compares by itself, it is not nil exactly when they match.
func derive(h *encoded.Hash, password []byte) ([]byte, error) {
	switch h.Algorithm {
	case encoded.Argon2id:
		return argon2.IDKey(password, h.Salt, h.Time, h.Memory, h.Threads, uint32(len(h.Key))), nil
	case encoded.Bcrypt:
		err := bcrypt.CompareHashAndPassword([]byte(h.Text), password)
		if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			return nil, nil
		}
		if err != nil {
			return nil, encoded.ErrFormat // its own text may quote the hash
		}
		return []byte{}, nil
	case encoded.PBKDF2SHA256:
		return pbkdf2Key(sha256.New, h, password)
	case encoded.PBKDF2SHA512, encoded.MosquittoPBKDF2:
		return pbkdf2Key(sha512.New, h, password)
	case encoded.SCRAMSHA256:
		return scramStoredKey(sha256.New, h, password)
	case encoded.SCRAMSHA512:
		return scramStoredKey(sha512.New, h, password)
	case encoded.MosquittoSHA512:
		d := sha512.New()
		d.Write(password)
		d.Write(h.Salt)
		return d.Sum(nil), nil
	}
	return emqxDigest(h, password)
}

func pbkdf2Key[H hash.Hash](f func() H, h *encoded.Hash, password []byte) ([]byte, error) {
	return pbkdf2.Key(f, string(password), h.Salt, h.Iterations, len(h.Key))
}

// Algorithms are the names that Hash takes, the default first.
var Algorithms = []string{"argon2id", "bcrypt", "pbkdf2", "scram-sha-256", "scram-sha-512"}

// The costs of new hashes: the minimum that OWASP's password storage page
// names for argon2id (19 MiB, 2 passes, 1 thread) and for PBKDF2 with
// HMAC-SHA-256 (600,000 iterations), and its minimum cost for bcrypt.
const (
	argon2Memory     = 19456
	argon2Time       = 2
	argon2Threads    = 1
	bcryptCost       = 10
	pbkdf2Iterations = 600_000
	saltSize         = 16
	keySize          = 32
)

// ErrEmpty refuses to hash an empty password.
var ErrEmpty = errors.New("the password is empty")

// Hash makes a storable hash of password with a new random salt. The empty
// algorithm means argon2id. bcrypt takes passwords of up to 72 bytes.
func Hash(algorithm string, password []byte) (string, error) {
	if len(password) == 0 {
		return "", ErrEmpty
	}
	salt := make([]byte, saltSize)
	rand.Read(salt)
	b64 := base64.RawStdEncoding.EncodeToString
	switch algorithm {
	case "argon2id", "":
		key := argon2.IDKey(password, salt, argon2Time, argon2Memory, argon2Threads, keySize)
		return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
			argon2.Version, argon2Memory, argon2Time, argon2Threads, b64(salt), b64(key)), nil
	case "bcrypt":
		h, err := bcrypt.GenerateFromPassword(password, bcryptCost)
		if err != nil {
			return "", fmt.Errorf("cannot hash with bcrypt: %w", err)
		}
		return string(h), nil
	case "pbkdf2":
		key, err := pbkdf2.Key(sha256.New, string(password), salt, pbkdf2Iterations, keySize)
		if err != nil {
			return "", fmt.Errorf("cannot hash with pbkdf2: %w", err)
		}
		return fmt.Sprintf("$pbkdf2-sha256$i=%d$%s$%s", pbkdf2Iterations, b64(salt), b64(key)), nil
	case "scram-sha-256":
		return scramHash(sha256.New, "SCRAM-SHA-256", password, salt)
	case "scram-sha-512":
		return scramHash(sha512.New, "SCRAM-SHA-512", password, salt)
	}
	return "", fmt.Errorf("unknown algorithm %q (want one of %s)", algorithm, strings.Join(Algorithms, ", "))
}
