package reactor

import (
	"crypto/tls"
	"io"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
)

// A connection that answers an ACME challenge has shown no client certificate:
// it ends with its handshake, whatever is sent on it (RFC 8737 section 3).
func TestChallengeIsNoClient(t *testing.T) {
	server := &tls.Config{
		Certificates: newAuthority(t).client("broker", time.Now().Add(time.Hour)).Certificates,
		NextProtos:   []string{cert.ChallengeProtocol, "mqtt"},
	}
	w := newWorld(t, func(o *Options) { o.Listeners[1].TLS = server })
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for protocol, served := range map[string]bool{cert.ChallengeProtocol: false, "mqtt": true} {
			w.tls = &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}, MaxVersion: version}
			c := w.dial(1).(*tls.Conn)
			if err := c.Handshake(); err != nil {
				t.Fatalf("%s, %s: %v", tls.VersionName(version), protocol, err)
			}
			_, _ = c.Write(connectPacket("visitor"))
			_, err := io.ReadFull(c, make([]byte, 4))
			if (err == nil) != served {
				t.Errorf("%s, %s: served %v, want %v (%v)", tls.VersionName(version), protocol, err == nil, served, err)
			}
			c.Close()
		}
	}
}
