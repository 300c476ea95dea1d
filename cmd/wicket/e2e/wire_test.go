package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// wire is a bare connection, for what no client library would send or show.
type wire struct {
	t *testing.T
	net.Conn
}

// dial opens a TCP connection; with a cafile it goes on to TLS.
func dial(t *testing.T, addr, cafile string) *wire {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if cafile != "" {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(read(t, cafile)))
		conn = tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: "localhost"})
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return &wire{t, conn}
}

// says sends bytes written as hexadecimal digits and quoted text, as in
// `10 0d 00 04 "MQTT" 05`.
func (w *wire) says(text string) {
	w.t.Helper()
	if _, err := w.Write(bytesOf(w.t, text)); err != nil {
		w.t.Fatalf("cannot send: %v", err)
	}
}

// hears fails the test unless exactly these bytes come next.
func (w *wire) hears(text string) {
	w.t.Helper()
	want := bytesOf(w.t, text)
	got := make([]byte, len(want))
	n, err := io.ReadFull(w, got)
	if err != nil || string(got) != string(want) {
		w.t.Fatalf("got % x (%v), want % x", got[:n], err, want)
	}
}

// packet reads one packet whole.
func (w *wire) packet() []byte {
	w.t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(w, head); err != nil {
		w.t.Fatalf("cannot read a packet: %v", err)
	}
	if head[1] >= 0x80 {
		w.t.Fatalf("a packet of 128 bytes or more: % x", head)
	}
	body := make([]byte, head[1])
	if _, err := io.ReadFull(w, body); err != nil {
		w.t.Fatalf("cannot read the rest of packet % x: %v", head, err)
	}
	return append(head, body...)
}

// closed waits until the broker has closed the connection; what it says
// before is returned.
func (w *wire) closed() []byte {
	w.t.Helper()
	last, err := io.ReadAll(w)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		w.t.Fatalf("the connection is still open; it has said % x", last)
	}
	return last
}

// bytesOf reads the notation of says.
func bytesOf(t *testing.T, text string) []byte {
	t.Helper()
	var out []byte
	for i, part := range strings.Split(text, `"`) {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.Join(strings.Fields(part), ""))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		out = append(out, b...)
	}
	return out
}

// read returns the content of a file.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// write puts a file into a directory and returns its path.
func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
