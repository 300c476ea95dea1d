package tlsio

import (
	"crypto/tls"
	"crypto/x509"
	"runtime"
	"testing"
)

// heapPerConn measures the live heap of an idle open connection: the whole of
// tlsio's and crypto/tls's state, nothing of the client.
func heapPerConn(t testing.TB, server, client *tls.Config, prepare func(*Conn)) int {
	const n = 400
	conns := make([]*Conn, n)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	if _, _, _, err := inMemory(server, client); err != nil { // warm what is shared
		t.Fatal(err)
	}
	before := heap()
	for i := range conns {
		c, _, _, err := inMemory(server, client)
		if err != nil {
			t.Fatal(err)
		}
		if prepare != nil {
			prepare(c)
		}
		conns[i] = c
	}
	after := heap()
	runtime.KeepAlive(conns)
	return int(after-before) / n
}

func TestHeapTmp(t *testing.T) {
	cert, _ := selfSigned()
	pool := x509.NewCertPool()
	leaf, _ := x509.ParseCertificate(cert.Certificate[0])
	pool.AddCert(leaf)
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: v, MaxVersion: v, SessionTicketsDisabled: true}
		m := s.Clone()
		m.ClientAuth = tls.RequireAnyClientCert
		cl := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{cert}}
		t.Log(tls.VersionName(v), heapPerConn(t, s, cl, nil), "mtls", heapPerConn(t, m, cl, nil), "mtls, forgotten", heapPerConn(t, m, cl, (*Conn).Forget))
	}
}
func TestSelfTest(t *testing.T) {
	if err := SelfTest(); err != nil {
		t.Fatal(err)
	}
}
