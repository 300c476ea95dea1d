package crl

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/wicketmq/wicket/engine/cert"
)

// maxLists is the most lists that one file or answer may hold.
const maxLists = 1000

const pemType = "X509 CRL"

var pemBegin = []byte("-----BEGIN " + pemType + "-----")

// draft is a list that nobody has verified. crypto/x509 would make a few
// hundred bytes of each entry, before the signature is checked; so it is given
// the list without its entries, which are compacted when somebody asks for
// them, and the signature is checked over all of it.
type draft struct {
	outline *x509.RevocationList
	revoked cryptobyte.String // the contents of revokedCertificates
	scope   scope
}

// split returns the lists of a file or an answer in DER. It may be PEM with
// any number of them, text between, or one in DER (CRL-07).
func split(data []byte) ([][]byte, error) {
	begins := bytes.Count(data, pemBegin)
	if begins == 0 {
		return splitDER(data)
	}
	if begins > maxLists {
		return nil, fmt.Errorf("it holds %d lists, more than %d", begins, maxLists)
	}
	var out [][]byte
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == pemType {
			out = append(out, block.Bytes)
		}
	}
	if len(out) != begins {
		return nil, fmt.Errorf("%d of its %d lists in PEM are damaged or cut off", begins-len(out), begins)
	}
	return out, nil
}

var errForeign = errors.New("it holds no revocation list")

func splitDER(data []byte) ([][]byte, error) {
	text := bytes.TrimSpace(data)
	switch {
	case len(text) == 0:
		return nil, errors.New("it is empty")
	case data[0] == 0x30:
		return [][]byte{data}, nil
	case text[0] == '<':
		return nil, errors.New("it is no revocation list but a web page")
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return nil, fmt.Errorf("%w: it is PEM of another kind", errForeign)
	}
	return nil, errors.New("it is neither PEM nor DER")
}

// parse reads a list without its entries and refuses what this package cannot
// honour.
func parse(der []byte) (*draft, error) {
	short, tbs, revoked, err := cut(der)
	if err != nil {
		return nil, err
	}
	rl, err := x509.ParseRevocationList(short)
	if err != nil {
		return nil, fmt.Errorf("it cannot be parsed: %w", err)
	}
	rl.RawTBSRevocationList = tbs
	d := &draft{outline: rl, revoked: revoked}
	if d.scope, err = readScope(rl.Extensions); err != nil {
		return nil, err
	}
	return d, nil
}

var errTruncated = errors.New("it is no revocation list in DER, or cut off")

// cut takes the entries out of a CertificateList (RFC 5280 section 5.1).
func cut(der []byte) (short, tbs []byte, revoked cryptobyte.String, err error) {
	var whole, element, body, head, field, tail cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&whole, asn1.SEQUENCE) || !whole.ReadASN1Element(&element, asn1.SEQUENCE) {
		return nil, nil, nil, errTruncated
	}
	tbs = element
	if !element.ReadASN1(&body, asn1.SEQUENCE) {
		return nil, nil, nil, errTruncated
	}
	tail = body
	// version, signature, issuer, thisUpdate, nextUpdate; the first and the
	// last are optional here, for crypto/x509 to judge
	tail.SkipOptionalASN1(asn1.INTEGER)
	for range 2 {
		if !tail.ReadASN1Element(&field, asn1.SEQUENCE) {
			return nil, nil, nil, errTruncated
		}
	}
	for range 2 {
		if !skipTime(&tail) {
			return nil, nil, nil, errTruncated
		}
	}
	head = body[:len(body)-len(tail)]
	if !tail.ReadOptionalASN1(&revoked, nil, asn1.SEQUENCE) {
		return nil, nil, nil, errTruncated
	}
	if extensions := tail; !extensions.SkipOptionalASN1(constructed(0)) || !extensions.Empty() {
		return nil, nil, nil, errTruncated
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(head)
			b.AddBytes(tail)
		})
		b.AddBytes(whole)
	})
	short, err = b.Bytes()
	return short, tbs, revoked, err
}

// skipTime passes over a time, or over none.
func skipTime(s *cryptobyte.String) bool {
	if s.PeekASN1Tag(asn1.UTCTime) {
		return s.SkipASN1(asn1.UTCTime)
	}
	return s.SkipOptionalASN1(asn1.GeneralizedTime)
}

// verify reports why a certificate cannot have issued the list, or nil: name,
// basicConstraints, cRLSign and signature (RFC 5280 section 6.3.3 (f), (g)).
func (d *draft) verify(issuer *x509.Certificate) error {
	if !bytes.Equal(d.outline.RawIssuer, issuer.RawSubject) {
		return fmt.Errorf("its issuer is %q, not %q", cert.Subject(d.outline.RawIssuer), cert.Subject(issuer.RawSubject))
	}
	if err := d.outline.CheckSignatureFrom(issuer); err != nil {
		if _, forbidden := errors.AsType[x509.ConstraintViolationError](err); forbidden {
			return fmt.Errorf("%q may not sign revocation lists: its certificate lacks cA or cRLSign", cert.Subject(issuer.RawSubject))
		}
		return fmt.Errorf("it is not signed by %q: %w", cert.Subject(issuer.RawSubject), err)
	}
	return nil
}

// list compacts the entries.
func (d *draft) list() (*list, error) {
	runs, entries, err := compact(d.revoked)
	if err != nil {
		return nil, err
	}
	l := &list{
		issuer:     bytes.Clone(d.outline.RawIssuer),
		keyID:      bytes.Clone(d.outline.AuthorityKeyId),
		thisUpdate: d.outline.ThisUpdate,
		nextUpdate: d.outline.NextUpdate,
		scope:      d.scope,
		runs:       runs,
		entries:    entries,
	}
	if n := d.outline.Number; n != nil && n.BitLen() <= 160 { // RFC 5280 section 5.2.3
		l.number = n.String()
	}
	return l, nil
}

// load returns the newest list of an issuer that a fetched answer holds.
func load(data []byte, issuer *x509.Certificate, now time.Time) (*list, error) {
	ders, err := split(data)
	if err != nil {
		return nil, err
	}
	var best *draft
	var first error
	for _, der := range ders {
		d, err := usable(der, issuer, now)
		if err == nil && (best == nil || d.outline.ThisUpdate.After(best.outline.ThisUpdate)) {
			best = d
		} else if first == nil {
			first = err
		}
	}
	if best == nil {
		return nil, first
	}
	return best.list()
}

func usable(der []byte, issuer *x509.Certificate, now time.Time) (*draft, error) {
	d, err := parse(der)
	if err != nil {
		return nil, err
	}
	if err := d.verify(issuer); err != nil {
		return nil, err
	}
	if d.outline.ThisUpdate.After(now) {
		return nil, fmt.Errorf("its thisUpdate is %s, in the future; compare the clocks", stamp(d.outline.ThisUpdate))
	}
	return d, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// issuerID tells issuers apart by name and key: a cross-signed authority is
// one issuer, a renamed or rekeyed one is another.
type issuerID [sha256.Size]byte

func idOf(issuer *x509.Certificate) issuerID {
	var room [1024]byte
	b := append(room[:0], issuer.RawSubject...)
	return sha256.Sum256(append(b, issuer.RawSubjectPublicKeyInfo...))
}
