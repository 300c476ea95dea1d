package reactor

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/broker"
)

// renewer writes TLS 1.3 records with the keys of a client that has completed
// its handshake, among them KeyUpdates, which crypto/tls's client never sends
// (RFC 8446 sections 4.6.3, 5.2, 7.2, 7.3).
type renewer struct {
	t      testing.TB
	secret []byte
	seq    uint64
	aead   cipher.AEAD
	iv     []byte
}

func newRenewer(t testing.TB, c net.Conn, cfg *tls.Config) *renewer {
	t.Helper()
	var log bytes.Buffer
	cfg = cfg.Clone()
	cfg.KeyLogWriter, cfg.MinVersion = &log, tls.VersionTLS13
	client := tls.Client(c, cfg)
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if client.ConnectionState().CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skip("this processor has no fast AES")
	}
	r := &renewer{t: t}
	for line := range strings.Lines(log.String()) {
		if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(f[2])
			if err != nil {
				t.Fatal(err)
			}
			r.rekey(secret)
		}
	}
	return r
}

func (r *renewer) expand(label string, n int) []byte {
	label = "tls13 " + label
	info := append(binary.BigEndian.AppendUint16(nil, uint16(n)), byte(len(label)))
	out, err := hkdf.Expand(sha256.New, r.secret, string(append(append(info, label...), 0)), n)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *renewer) rekey(secret []byte) {
	r.secret, r.seq = secret, 0
	block, err := aes.NewCipher(r.expand("key", 16))
	if err != nil {
		r.t.Fatal(err)
	}
	if r.aead, err = cipher.NewGCM(block); err != nil {
		r.t.Fatal(err)
	}
	r.iv = r.expand("iv", 12)
}

func (r *renewer) record(out []byte, typ byte, body ...byte) []byte {
	nonce := bytes.Clone(r.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(r.seq >> (56 - 8*i))
	}
	r.seq++
	head := []byte{23, 3, 3, 0, 0}
	binary.BigEndian.PutUint16(head[3:], uint16(len(body)+1+r.aead.Overhead()))
	return r.aead.Seal(append(out, head...), nonce, append(bytes.Clone(body), typ), head)
}

// keyUpdate asks for one in return.
func (r *renewer) keyUpdate(out []byte) []byte {
	out = r.record(out, 22, 24, 0, 0, 1, 1)
	r.rekey(r.expand("traffic upd", len(r.secret)))
	return out
}

// Reliability items 7 and 30: a peer that wants a KeyUpdate for each of its own
// and reads none of them, in the middle of a packet that never ends, is a slow
// reader like any other: no more than outbound.max is kept for it.
func TestKeyUpdatesNobodyReads(t *testing.T) {
	const high, most = 64 << 10, 160 << 10
	w := newWorld(t, func(o *Options) {
		gate, err := auth.NewGate(auth.Options{Anonymous: auth.AnonymousAllow, NoMatch: auth.Allow})
		if err != nil {
			t.Fatal(err)
		}
		o.Broker = broker.New(broker.Options{
			Gate: func() *auth.Gate { return gate }, Shards: o.Loops, Log: o.Log, OutboundHighWater: high, OutboundMax: most,
		})
	})
	c := w.raw(1)
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	r := newRenewer(t, c, w.tls)
	write := func(b []byte) bool {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, err := c.Write(b)
		return err == nil
	}
	write(r.record(nil, 23, connectPacket("greedy")...))
	write(r.record(nil, 23, []byte("\x82\x06\x00\x01\x00\x01a\x00")...))
	publish := append([]byte("\x30\x83\x80\x01\x00\x01a"), make([]byte, 16<<10)...)
	eventually(t, "its own messages fill what the kernel keeps for it", func() bool {
		if !write(r.record(nil, 23, publish[:16<<10]...)) || !write(r.record(nil, 23, publish[16<<10:]...)) {
			t.Fatal("closed already")
		}
		return w.unsent() >= high
	})
	write(r.record(nil, 23, 0x30, 0x80, 0x80, 0x20))
	for range 100 {
		var out []byte
		for range 100 {
			out = r.keyUpdate(r.record(out, 23, 0))
		}
		if !write(out) {
			return
		}
	}
	eventually(t, "it is disconnected", func() bool { return w.unsent() == 0 })
}

// unsent is the most that is kept for a connection.
func (w *world) unsent() (most int) {
	for _, l := range *w.r.loops.Load() {
		w.r.on(l, func() {
			for _, c := range l.conns {
				most = max(most, c.Unsent())
			}
		})
	}
	return most
}
