package crl

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A file may hold lists of one issuer for several distribution points. Each has
// a health of its own, which is told once and not again at every look.
func TestListsOfOneIssuerInAFile(t *testing.T) {
	root := issue(t, "root", nil, ca)
	stale := root.publish(t, func(l *x509.RevocationList) {
		idp(fullName("http://ca.test/a"))(l)
		l.ThisUpdate, l.NextUpdate = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	})
	fresh := root.publish(t, idp(fullName("http://ca.test/b")))
	file := filepath.Join(t.TempDir(), "crl.pem")
	if err := os.WriteFile(file, inPEM(stale, fresh), 0o600); err != nil {
		t.Fatal(err)
	}
	told := map[Health]int{}
	c := NewCache(Options{OnState: func(s State) { told[s.Health]++ }})
	defer c.Close()
	k := newChecker(t, c, CheckerOptions{Path: file})
	for range 20 { // the order in which a file's lists are looked at is random
		if err := c.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if told[Current] != 1 || told[Stale] != 1 || len(told) != 2 {
		t.Errorf("told %v, want current and stale once each", told)
	}
	k.Close()
	if told[Gone] != 2 {
		t.Errorf("told %v, want both gone", told)
	}
}
