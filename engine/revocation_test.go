package engine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/alarm"
	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/crl"
)

// A source with several lists is well when all of them are, in whatever order
// they are heard of.
func TestAlarmOfASourceWithSeveralLists(t *testing.T) {
	alarms := alarm.New(slog.New(slog.DiscardHandler), time.Now)
	r := newRevocation(config.CRLCache{}, slog.New(slog.DiscardHandler), alarms, func() {})
	defer r.close()
	tell := func(id string, h crl.Health, want alarm.Level) {
		t.Helper()
		r.listChanged(crl.State{Source: "/crl.pem", Issuer: "CN=" + id, ID: id, Health: h})
		var got alarm.Level
		for _, a := range alarms.List() {
			got = a.Level
		}
		if got != want || len(alarms.List()) > 1 {
			t.Errorf("%s is %s: %v, want one that is %q", id, h, alarms.List(), want)
		}
	}
	tell("root", crl.Stale, alarm.Critical)
	tell("sub", crl.Current, alarm.Critical)
	tell("sub", crl.Expiring, alarm.Critical)
	tell("root", crl.Current, alarm.Warning)
	tell("other", crl.Missing, alarm.Critical)
	tell("other", crl.Gone, alarm.Warning)
	tell("sub", crl.Current, "")
	if len(r.unwell) != 0 {
		t.Errorf("%v is kept", r.unwell)
	}
}

// issued is a client certificate with a responder that is down, its authority,
// and a revocation list of that authority which is out of date.
func issued(t *testing.T) (path []*x509.Certificate, list string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	l.Close()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte{1},
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "device"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, OCSPServer: []string{nobody},
	}
	for _, c := range []*x509.Certificate{leaf, ca} {
		der, err := x509.CreateCertificate(rand.Reader, c, ca, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		if c, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		path = append(path, c)
	}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now().Add(-2 * time.Hour), NextUpdate: time.Now().Add(-time.Hour),
	}, path[1], key)
	if err != nil {
		t.Fatal(err)
	}
	list = filepath.Join(t.TempDir(), "ca.crl")
	if err := os.WriteFile(list, der, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, list
}

// crl_unavailable: allow is about those of whom nothing can be learned. A
// responder that is silent, or was made so, lets in nobody whom crl_stale: deny
// keeps out; and who comes in unknown is counted, whoever was asked.
func TestStaleListAndSilentResponder(t *testing.T) {
	path, list := issued(t)
	for _, c := range []struct {
		name     string
		section  config.TLS
		admitted bool
		counted  uint64
	}{
		{"stale list", config.TLS{CRLCheck: true, CRLFile: list, CRLStale: config.Deny, CRLUnavailable: config.Allow}, false, 0},
		{"stale list and silent responder", config.TLS{CRLCheck: true, CRLFile: list, OCSPCheck: true, CRLStale: config.Deny, CRLUnavailable: config.Allow}, false, 0},
		{"no list and silent responder", config.TLS{CRLCheck: true, OCSPCheck: true, CRLStale: config.Deny, CRLUnavailable: config.Allow}, true, 1},
		{"silent responder", config.TLS{OCSPCheck: true, CRLUnavailable: config.Allow}, true, 1},
		{"silent responder, deny", config.TLS{OCSPCheck: true, CRLUnavailable: config.Deny}, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := slog.New(slog.DiscardHandler)
			r := newRevocation(config.CRLCache{HTTPTimeout: time.Second}, log, alarm.New(log, time.Now), func() {})
			k, err := r.checker(c.section)
			if err != nil {
				t.Fatal(err)
			}
			r.settle(true)
			if err := k.Check(t.Context(), path); (err == nil) != c.admitted {
				t.Errorf("%v, want admitted %v", err, c.admitted)
			}
			r.close()
			if r.admittedBefore != c.counted {
				t.Errorf("%d counted, want %d", r.admittedBefore, c.counted)
			}
		})
	}
}
