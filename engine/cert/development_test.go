package cert

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestDevelopment(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "tls")
	p, err := Development(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
	before := make(map[string]string)
	for _, path := range []string{p.CA, p.CAKey, p.Cert, p.Key, p.ClientCert, p.ClientKey} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, ".key") && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", path, info.Mode())
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before[path] = string(b)
	}
	if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) != 1 {
		t.Errorf("something was left beside the directory: %v", left)
	}
	if again, err := Development(dir); err != nil || again != p {
		t.Errorf("the second time: %v", err)
	}
	for path, want := range before {
		if b, err := os.ReadFile(path); err != nil || string(b) != want {
			t.Errorf("%s changed: %v", path, err)
		}
	}

	cfg, b, err := ServerConfig(Options{Files: Files{Certfile: p.Cert, Keyfile: p.Key, CACertfile: p.CA}, VerifyPeer: true, RequirePeer: true})
	if err != nil || len(b.Warnings()) > 0 {
		t.Fatal(err, b.Warnings())
	}
	client, err := tls.LoadX509KeyPair(p.ClientCert, p.ClientKey)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(before[p.CA]))
	for _, host := range developmentHosts {
		state, serverErr, clientErr := shake(t, cfg, &tls.Config{RootCAs: pool, ServerName: host, Certificates: []tls.Certificate{client}})
		if serverErr != nil || clientErr != nil || state.PeerCertificates[0].Subject.CommonName != "client" {
			t.Errorf("%s: server %v, client %v", host, serverErr, clientErr)
		}
	}
}

// The authority's key lies about unprotected; what it signs for other hosts
// must be worth nothing.
func TestDevelopmentAuthorityIsConstrained(t *testing.T) {
	p, err := Development(filepath.Join(t.TempDir(), "tls"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := LoadAuthority(p.CA, p.CAKey, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	for host, want := range map[string]bool{"localhost": true, "bank.example": false, "10.0.0.1": false} {
		issued, err := a.Server([]string{host})
		if err != nil {
			t.Fatal(err)
		}
		cs, err := parseCertificates("certfile", host, issued.Cert)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cs[0].Verify(x509.VerifyOptions{Roots: pool, DNSName: host}); (err == nil) != want {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := LoadAuthority(p.Cert, p.Key, time.Now); err == nil {
		t.Error("a server certificate was taken for an authority")
	}
}

func TestDevelopmentRefuses(t *testing.T) {
	tests := []struct {
		name   string
		break_ func(t *testing.T, p Paths)
		want   string
	}{
		{"incomplete", func(t *testing.T, p Paths) { remove(t, p.Key) }, "[server.key] missing; remove the directory"},
		{"exchanged", func(t *testing.T, p Paths) {
			if err := os.Rename(p.ClientKey, p.Key); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p.ClientKey, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "does not belong to certfile"},
		{"somebody's files", func(t *testing.T, p Paths) {
			remove(t, p.CA, p.CAKey, p.Cert, p.Key, p.ClientCert, p.ClientKey)
			if err := os.WriteFile(filepath.Join(p.directory, "mine"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "incomplete"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "tls")
			p, err := Development(dir)
			if err != nil {
				t.Fatal(err)
			}
			tt.break_(t, p)
			if _, err := Development(dir); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	t.Run("expired", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "tls")
		if _, err := Development(dir); err != nil {
			t.Fatal(err)
		}
		later := func() time.Time { return time.Now().Add(leafLifetime + time.Hour) }
		if _, err := development(dir, later); err == nil || !strings.Contains(err.Error(), "expired") || !strings.Contains(err.Error(), "remove the directory") {
			t.Errorf("%v", err)
		}
	})
}

// Two brokers that start at once agree on one authority.
func TestDevelopmentRace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := Development(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestNothingIsOverwritten(t *testing.T) {
	a, issued, err := NewAuthority("test", nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certfile, keyfile := filepath.Join(dir, "c.pem"), filepath.Join(dir, "c.key")
	if err := issued.Write(certfile, keyfile); err != nil {
		t.Fatal(err)
	}
	if err := issued.Write(filepath.Join(dir, "other.pem"), keyfile); err == nil || !strings.Contains(err.Error(), "nothing is overwritten") {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "other.pem")); err == nil {
		t.Error("half a pair was written")
	}
	if _, err := a.Server(nil); err == nil {
		t.Error("a server certificate without a host was issued")
	}
	if _, err := a.Client("a\nb"); err == nil {
		t.Error("a client certificate with a newline in its name was issued")
	}
}

func remove(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
