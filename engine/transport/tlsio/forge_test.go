package tlsio

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strings"
	"testing"
)

const typeApplicationData = 23

// forger writes TLS 1.3 records of a client that crypto/tls's client would
// not, with that client's keys (RFC 8446 sections 5.2, 7.2, 7.3).
type forger struct {
	t      testing.TB
	hash   func() hash.Hash
	keyLen int
	secret []byte
	seq    uint64
	aead   cipher.AEAD
	iv     []byte
}

// forged connects and takes over the client's writing.
func forged(t testing.TB) (*Conn, *tls.Conn, *peer, *forger) {
	t.Helper()
	var log bytes.Buffer
	client := clientConfig()
	client.KeyLogWriter = &log
	c, tc, p := open(t, serverConfig(tls.VersionTLS13), client)
	f := &forger{t: t}
	switch suite := tc.ConnectionState().CipherSuite; suite {
	case tls.TLS_AES_128_GCM_SHA256:
		f.hash, f.keyLen = sha256.New, 16
	case tls.TLS_AES_256_GCM_SHA384:
		f.hash, f.keyLen = sha512.New384, 32
	default:
		t.Skipf("%s: this processor has no fast AES", tls.CipherSuiteName(suite))
	}
	for line := range strings.Lines(log.String()) {
		if fields := strings.Fields(line); fields[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(fields[2])
			if err != nil {
				t.Fatal(err)
			}
			f.rekey(secret)
		}
	}
	return c, tc, p, f
}

func (f *forger) expand(label string, n int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	label = "tls13 " + label
	info = append(append(append(info, byte(len(label))), label...), 0)
	out, err := hkdf.Expand(f.hash, f.secret, string(info), n)
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

func (f *forger) rekey(secret []byte) {
	f.secret, f.seq = secret, 0
	block, err := aes.NewCipher(f.expand("key", f.keyLen))
	if err != nil {
		f.t.Fatal(err)
	}
	if f.aead, err = cipher.NewGCM(block); err != nil {
		f.t.Fatal(err)
	}
	f.iv = f.expand("iv", 12)
}

// record encrypts one record.
func (f *forger) record(typ byte, body []byte) []byte {
	nonce := bytes.Clone(f.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(f.seq >> (56 - 8*i))
	}
	f.seq++
	inner := append(bytes.Clone(body), typ)
	head := []byte{typeApplicationData, 3, 3, 0, 0}
	binary.BigEndian.PutUint16(head[3:], uint16(len(inner)+f.aead.Overhead()))
	return f.aead.Seal(head, nonce, inner, head)
}

// keyUpdate sends KeyUpdate and goes on with the next key.
func (f *forger) keyUpdate(request bool) []byte {
	body := []byte{24, 0, 0, 1, 0}
	if request {
		body[4] = 1
	}
	r := f.record(typeHandshake, body)
	f.rekey(f.expand("traffic upd", len(f.secret)))
	return r
}
