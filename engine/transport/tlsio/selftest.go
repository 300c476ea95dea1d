package tlsio

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"time"
)

// SelfTest makes a connection in memory for each TLS version and checks what
// this package asks of crypto/tls beyond its documentation: that the end of a
// window is no end of the connection, at every byte of a record. The engine
// calls it at start and refuses to serve TLS when it fails. It takes a few
// milliseconds.
func SelfTest() error {
	certificate, err := selfSigned()
	if err != nil {
		return fmt.Errorf("cannot test TLS: %w", err)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if err := selfTest(certificate, version); err != nil {
			return fmt.Errorf("%s does not work on an event loop with this build of crypto/tls: %w", tls.VersionName(version), err)
		}
	}
	return nil
}

func selfTest(certificate tls.Certificate, version uint16) error {
	server, client, peer, err := inMemory(
		&tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: version, MaxVersion: version, SessionTicketsDisabled: true},
		&tls.Config{InsecureSkipVerify: true}, // our own key, made a moment ago, never on a network
	)
	if err != nil {
		return err
	}
	want := []byte("every byte of this record is a place to stop")
	for range 3 {
		if _, err := client.Write(want); err != nil {
			return err
		}
	}
	want = bytes.Repeat(want, 3)
	got, err := drip(server, peer.written())
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("read %q, want %q", got, want)
	}
	out, err := server.Write(want, nil)
	if err != nil {
		return err
	}
	peer.feed(out)
	got = make([]byte, len(want))
	if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, want) {
		return fmt.Errorf("peer read %q, error %v; want %q", got, err, want)
	}
	if err := client.CloseWrite(); err != nil {
		return err
	}
	if _, err := drip(server, peer.written()); err != io.EOF {
		return fmt.Errorf("close_notify was read as %v, want EOF", err)
	}
	return nil
}

// drip gives ciphertext to server in windows that grow by one byte.
func drip(server *Conn, ciphertext []byte) (plain []byte, err error) {
	var dst [256]byte
	var scratch Scratch
	start := 0
	for end := 1; end <= len(ciphertext); end++ {
		n, consumed, err := server.Read(ciphertext[start:end], dst[:], &scratch)
		plain = append(plain, dst[:n]...)
		start += consumed
		if err != nil {
			return plain, err
		}
	}
	if start != len(ciphertext) {
		return plain, errors.New("a whole record was not read")
	}
	if raw := buffer(server.tls, rawInput); raw != nil && raw.Cap() > 0 {
		return plain, errors.New("the record's memory was not given back")
	}
	return plain, nil
}

// inMemory connects a server Conn, open, and a client.
func inMemory(server, client *tls.Config) (*Conn, *tls.Conn, *peer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	p := newPeer()
	c := Server(server, p, p, p.feed)
	p.sink = c.FeedHandshake
	failed := make(chan error, 1)
	tc := tls.Client(p, client)
	go func() {
		err := tc.HandshakeContext(ctx)
		if err != nil {
			c.Abort()
		}
		failed <- err
	}()
	err := c.Handshake(ctx)
	if err != nil {
		p.Close()
	}
	if err := errors.Join(err, <-failed); err != nil {
		return nil, nil, nil, err
	}
	p.collect()
	return c, tc, p, c.Open()
}

// peer is the client's end of a connection in memory.
type peer struct {
	mu      sync.Mutex
	arrived sync.Cond
	in, out []byte
	closed  bool
	sink    func([]byte) error // takes what the client writes; nil collects it in out
}

func newPeer() *peer {
	p := new(peer)
	p.arrived.L = &p.mu
	return p
}

// feed gives the client bytes to read.
func (p *peer) feed(b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.in = append(p.in, b...)
	p.arrived.Signal()
	return nil
}

// collect keeps what the client writes from now on, for written.
func (p *peer) collect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sink = nil
}

func (p *peer) written() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.out
	p.out = nil
	return b
}

func (p *peer) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.in) == 0 {
		if p.closed {
			return 0, io.EOF
		}
		p.arrived.Wait()
	}
	n := copy(b, p.in)
	p.in = p.in[n:]
	return n, nil
}

func (p *peer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sink != nil {
		return len(b), p.sink(b)
	}
	p.out = append(p.out, b...)
	return len(b), nil
}

func (p *peer) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.arrived.Signal()
	return nil
}

func (p *peer) LocalAddr() net.Addr            { return p }
func (p *peer) RemoteAddr() net.Addr           { return p }
func (*peer) SetDeadline(time.Time) error      { return nil }
func (*peer) SetReadDeadline(time.Time) error  { return nil }
func (*peer) SetWriteDeadline(time.Time) error { return nil }
func (*peer) Network() string                  { return "memory" }
func (*peer) String() string                   { return "memory" }

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(time.Hour),
		DNSNames:     []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
