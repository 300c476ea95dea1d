package crl

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/wicketmq/wicket/engine/cert/certtest"
)

// entity is a certificate of the tests with its key.
type entity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// issue makes a certificate: by parent, or self-signed without one.
func issue(t testing.TB, name string, parent *entity, change func(*x509.Certificate)) *entity {
	t.Helper()
	return issueWith(t, name, certtest.NewKey(t), parent, change)
}

func issueWith(t testing.TB, name string, key crypto.Signer, parent *entity, change func(*x509.Certificate)) *entity {
	t.Helper()
	by := new(entity)
	if parent != nil {
		by = parent
	}
	long := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(1000 * time.Hour) }
	return &entity{certtest.Issue(t, name, key, by.cert, by.key, long, change), key}
}

func ca(c *x509.Certificate) {
	certtest.CA(c)
	c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
}

// at makes a certificate name distribution points.
func at(urls ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.CRLDistributionPoints = urls }
}

// path is the path of a leaf.
func path(es ...*entity) (out []*x509.Certificate) {
	for _, e := range es {
		out = append(out, e.cert)
	}
	return out
}

var nextNumber int64

// publish makes a list in DER that revokes certificates. It is valid from now
// on for a day, unless change says otherwise.
func (e *entity) publish(t testing.TB, change func(*x509.RevocationList), revoked ...*entity) []byte {
	t.Helper()
	nextNumber++
	l := &x509.RevocationList{
		Number:     big.NewInt(nextNumber),
		ThisUpdate: time.Now(),
		NextUpdate: time.Now().Add(24 * time.Hour),
	}
	for _, r := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: r.cert.SerialNumber, RevocationTime: time.Now().Add(-time.Minute), ReasonCode: 1,
		})
	}
	if change != nil {
		change(l)
	}
	issuer := *e.cert
	issuer.KeyUsage |= x509.KeyUsageCRLSign // CreateRevocationList would refuse
	if issuer.SubjectKeyId == nil {
		issuer.SubjectKeyId = []byte{1}
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, &issuer, e.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func validity(from, until time.Duration) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		l.ThisUpdate, l.NextUpdate = time.Now().Add(from), time.Now().Add(until)
	}
}

func extra(id []int, critical bool, value []byte) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		l.ExtraExtensions = append(l.ExtraExtensions, pkix.Extension{Id: id, Critical: critical, Value: value})
	}
}

// idp makes a list with an issuing distribution point.
func idp(build func(*cryptobyte.Builder)) func(*x509.RevocationList) {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, build)
	return extra(oidIssuingPoint, true, b.BytesOrPanic())
}

func fullName(urls ...string) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) {
		b.AddASN1(constructed(0), func(b *cryptobyte.Builder) {
			b.AddASN1(constructed(0), func(b *cryptobyte.Builder) {
				for _, u := range urls {
					b.AddASN1(primitive(6), func(b *cryptobyte.Builder) { b.AddBytes([]byte(u)) })
				}
			})
		})
	}
}

// flag is a BOOLEAN field of an issuing distribution point.
func flag(n uint8) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) {
		b.AddASN1(primitive(n), func(b *cryptobyte.Builder) { b.AddUint8(0xff) })
	}
}

func inPEM(ders ...[]byte) (out []byte) {
	for _, der := range ders {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})...)
	}
	return out
}

// pkixExtension is the extension of a certificate with distribution points.
func pkixExtension(value []byte) pkix.Extension {
	return pkix.Extension{Id: oidDistributionPoints, Value: value}
}
