package signer

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"math"
)

// One message is one request or one reply. Numbers are big-endian.
//
//	request: sequence(4) fingerprint(32) scheme(1) hash(1) salt(2) length(1) digest(length) key(rest)
//	reply:   sequence(4) status(1) signature or text(rest)
const (
	requestHeader = 4 + sha256.Size + 1 + 1 + 2 + 1
	replyHeader   = 4 + 1

	maxKey     = 16 << 10 // of PKCS #8; one of 16,384 bits has 9 KB
	maxDigest  = 64
	maxRequest = requestHeader + maxDigest + maxKey
	maxReply   = replyHeader + 2<<10 // a signature is as long as the modulus
)

// fingerprint names a key: SHA-256 of the public one.
type fingerprint [sha256.Size]byte

func fingerprintOf(k *rsa.PublicKey) fingerprint {
	return sha256.Sum256(x509.MarshalPKCS1PublicKey(k))
}

// scheme is how the digest is padded (RFC 8017).
type scheme byte

const (
	pkcs1v15 scheme = 1 // TLS 1.2 and before (RFC 5246 section 7.4.1.4.1)
	pss      scheme = 2 // TLS 1.3, and 1.2 when both know it (RFC 8446 section 4.2.3)
)

// request asks for one signature.
type request struct {
	sequence uint32
	key      fingerprint
	scheme   scheme
	hash     crypto.Hash
	salt     int16 // of pss: bytes, or rsa.PSSSaltLengthAuto or rsa.PSSSaltLengthEqualsHash
	digest   []byte
	der      []byte // the key in PKCS #8, for who does not know it; else empty
}

// signable are the hashes of crypto/tls: SHA-1 beside MD5 up to TLS 1.1.
func signable(h crypto.Hash) bool {
	switch h {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA1, crypto.MD5SHA1:
		return true
	}
	return false
}

// describe fills in what the options of a [crypto.Signer] say, and reports
// whether a request can carry it.
func (r *request) describe(digest []byte, opts crypto.SignerOpts) bool {
	r.digest, r.scheme, r.salt = digest, pkcs1v15, 0
	if p, ok := opts.(*rsa.PSSOptions); ok {
		if p.SaltLength < rsa.PSSSaltLengthEqualsHash || p.SaltLength > math.MaxInt16 {
			return false
		}
		r.scheme, r.salt = pss, int16(p.SaltLength)
	}
	r.hash = opts.HashFunc()
	return signable(r.hash) && len(digest) == r.hash.Size() && (r.scheme == pkcs1v15 || r.hash != crypto.MD5SHA1)
}

// options are the reverse of describe.
func (r *request) options() crypto.SignerOpts {
	if r.scheme == pss {
		return &rsa.PSSOptions{SaltLength: int(r.salt), Hash: r.hash}
	}
	return r.hash
}

// append appends the message.
func (r *request) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, r.sequence)
	b = append(b, r.key[:]...)
	b = append(b, byte(r.scheme), byte(r.hash))
	b = binary.BigEndian.AppendUint16(b, uint16(r.salt))
	b = append(b, byte(len(r.digest)))
	b = append(b, r.digest...)
	return append(b, r.der...)
}

var errMalformed = errors.New("malformed message")

// parse reads a message, whose bytes the request then refers to. It accepts
// what append makes of a request that describe has accepted, and nothing else.
func (r *request) parse(b []byte) error {
	if len(b) < requestHeader || len(b) > maxRequest {
		return errMalformed
	}
	r.sequence, b = binary.BigEndian.Uint32(b), b[4:]
	b = b[copy(r.key[:], b):]
	r.scheme, r.hash, r.salt = scheme(b[0]), crypto.Hash(b[1]), int16(binary.BigEndian.Uint16(b[2:]))
	n := int(b[4])
	if b = b[5:]; n > maxDigest || n > len(b) {
		return errMalformed
	}
	r.digest, r.der = b[:n], b[n:]
	var again request
	switch {
	case r.scheme != pkcs1v15 && r.scheme != pss, r.scheme == pkcs1v15 && r.salt != 0,
		len(r.der) > maxKey, !again.describe(r.digest, r.options()):
		return errMalformed
	}
	return nil
}

// status is what came of a request.
type status byte

const (
	signed  status = 1
	unknown status = 2 // ask again, with the key
	failed  status = 3
	ready   status = 4 // not a reply: the process can be asked from now on
)

// reply answers the request of the same sequence.
type reply struct {
	sequence uint32
	status   status
	body     []byte // the signature, or why there is none
}

func (r *reply) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, r.sequence)
	b = append(b, byte(r.status))
	return append(b, r.body...)
}

// parse reads a message, whose bytes the reply then refers to.
func (r *reply) parse(b []byte) error {
	if len(b) < replyHeader || len(b) > maxReply {
		return errMalformed
	}
	r.sequence, r.status, r.body = binary.BigEndian.Uint32(b), status(b[4]), b[replyHeader:]
	bare := len(r.body) == 0
	switch r.status {
	case signed:
		if bare {
			return errMalformed
		}
	case unknown, ready:
		if !bare {
			return errMalformed
		}
	case failed:
	default:
		return errMalformed
	}
	return nil
}
