package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// transport is how clients reach the broker.
type transport string

// dialer opens connections that do nothing: a session, one subscription, and
// no goroutine once they stand.
type dialer struct {
	addr      string
	transport transport
	roots     *x509.CertPool
	authority *tls.Certificate // issues one certificate per client; mutual only
}

// open connects client number n.
func (d *dialer) open(n int) (net.Conn, error) {
	c, err := net.DialTimeout("tcp", d.addr, 30*time.Second)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(60 * time.Second))
	if d.transport != plain {
		if c, err = d.secure(c, n); err != nil {
			return nil, err
		}
	}
	if err := greet(c, n); err != nil {
		c.Close()
		return nil, err
	}
	return c, c.SetDeadline(time.Time{})
}

func (d *dialer) secure(c net.Conn, n int) (net.Conn, error) {
	cfg := &tls.Config{RootCAs: d.roots, ServerName: "localhost", MinVersion: tls.VersionTLS13}
	if d.transport == mutual {
		own, err := d.issue(n)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{own}
	}
	return tls.Client(c, cfg), nil
}

// issue makes a certificate of its own for client n, so that the broker's
// copies cannot be one.
func (d *dialer) issue(n int) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(n) + 1000),
		Subject:      pkix.Name{CommonName: fmt.Sprintf("device-%06d", n), Organization: []string{"Wicket"}},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, d.authority.Leaf, key.Public(), d.authority.PrivateKey)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// greet makes the session and its subscription.
func greet(c net.Conn, n int) error {
	connect := mqtt.Connect{Version: mqtt.V311, CleanStart: true, ClientID: fmt.Appendf(nil, "device-%06d", n)}
	if err := ask(c, connect.Append(nil, mqtt.V311), []byte{0x20, 2, 0, 0}); err != nil {
		return fmt.Errorf("cannot connect client %d: %w", n, err)
	}
	subscribe := mqtt.Subscribe{PacketID: 1, Filters: []mqtt.Subscription{{Filter: fmt.Appendf(nil, "device/%06d/cmd", n)}}}
	if err := ask(c, subscribe.Append(nil, mqtt.V311), []byte{0x90, 3, 0, 1, 0}); err != nil {
		return fmt.Errorf("cannot subscribe client %d: %w", n, err)
	}
	return nil
}

// ask sends a packet and expects its answer.
func ask(c net.Conn, packet, want []byte) error {
	if _, err := c.Write(packet); err != nil {
		return err
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("the broker answered % x, not % x", got, want)
	}
	return nil
}

// openTo opens connections until there are total, several at a time.
func (d *dialer) openTo(conns []net.Conn, total int) ([]net.Conn, error) {
	const parallel = 16
	first := len(conns)
	conns = append(conns, make([]net.Conn, total-first)...)
	var wg sync.WaitGroup
	var once sync.Once
	var failed error
	for p := range parallel {
		wg.Go(func() {
			for n := first + p; n < total; n += parallel {
				c, err := d.open(n)
				if err != nil {
					once.Do(func() { failed = err })
					return
				}
				conns[n] = c
			}
		})
	}
	wg.Wait()
	return conns, failed
}
