package crl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// reasonRemove is removeFromCRL (RFC 5280 section 5.3.1): not revoked after all.
const reasonRemove = 8

// The extensions of an entry (RFC 5280 section 5.3), without 2.5.29.
var (
	oidReason            = []byte{0x55, 0x1d, 21}
	oidInvalidityDate    = []byte{0x55, 0x1d, 24}
	oidCertificateIssuer = []byte{0x55, 0x1d, 29}
)

var errEntry = errors.New("an entry is malformed")

// compact turns revokedCertificates (RFC 5280 section 5.1.2.6) into runs. It
// goes over it twice, first to count, so that it allocates what it returns and
// little more.
func compact(revoked cryptobyte.String) ([]run, int, error) {
	counts := make(map[int]int)
	for rest := revoked; !rest.Empty(); {
		_, serial, err := readSerial(&rest)
		if err != nil {
			return nil, 0, err
		}
		counts[len(serial)]++
	}
	runs := make([]run, 0, len(counts))
	place := make(map[int]int, len(counts))
	for _, width := range slices.Sorted(maps.Keys(counts)) {
		place[width] = len(runs)
		runs = append(runs, run{width, make([]byte, 0, counts[width]*(width+meta))})
	}
	entries := 0
	for rest := revoked; !rest.Empty(); {
		entry, serial, err := readSerial(&rest)
		if err != nil {
			return nil, 0, err
		}
		reason, at, err := readMeta(entry)
		if err != nil {
			return nil, 0, err
		}
		if reason == reasonRemove || serial == nil {
			continue
		}
		r := &runs[place[len(serial)]]
		r.data = append(r.data, serial...)
		r.data = appendMeta(r.data, reason, at)
		entries++
	}
	for _, r := range runs {
		r.sort()
	}
	return runs, entries, nil
}

// readSerial takes the next entry off a sequence and the serial number off the
// entry, as an unsigned number without leading zeros. A negative one is nil:
// no certificate that gets here has one.
func readSerial(rest *cryptobyte.String) (entry cryptobyte.String, serial []byte, err error) {
	var number cryptobyte.String
	if !rest.ReadASN1(&entry, asn1.SEQUENCE) || !entry.ReadASN1(&number, asn1.INTEGER) || len(number) == 0 {
		return nil, nil, errEntry
	}
	if len(number) > 1 && (number[0] == 0 && number[1] < 0x80 || number[0] == 0xff && number[1] >= 0x80) {
		return nil, nil, fmt.Errorf("%w: its serial number has superfluous bytes", errEntry)
	}
	if number[0] >= 0x80 {
		return entry, nil, nil
	}
	if number[0] == 0 {
		number = number[1:]
	}
	return entry, number[:len(number):len(number)], nil
}

// readMeta reads what follows the serial number of an entry.
func readMeta(entry cryptobyte.String) (reason int, at time.Time, err error) {
	if !readTime(&entry, &at) {
		return 0, at, fmt.Errorf("%w: its date cannot be read", errEntry)
	}
	var extensions cryptobyte.String
	var present bool
	if !entry.ReadOptionalASN1(&extensions, &present, asn1.SEQUENCE) {
		return 0, at, errEntry
	}
	for !extensions.Empty() {
		e, ok := readExtension(&extensions)
		if !ok {
			return 0, at, errEntry
		}
		switch {
		case e.is(oidReason):
			if !e.value.ReadASN1Enum(&reason) {
				return 0, at, fmt.Errorf("%w: its reason cannot be read", errEntry)
			}
		case e.is(oidCertificateIssuer):
			return 0, at, errors.New("it is an indirect list: an entry names another certificate issuer")
		case e.is(oidInvalidityDate):
		case e.critical:
			return 0, at, fmt.Errorf("an entry has an unknown critical extension (%x)", []byte(e.id))
		}
	}
	return reason, at, nil
}

func readTime(s *cryptobyte.String, out *time.Time) bool {
	if s.PeekASN1Tag(asn1.UTCTime) {
		return s.ReadASN1UTCTime(out)
	}
	return s.ReadASN1GeneralizedTime(out)
}

// extension is an Extension (RFC 5280 section 4.1), not copied.
type extension struct {
	id       cryptobyte.String // the contents of the OBJECT IDENTIFIER
	critical bool
	value    cryptobyte.String
}

func (e *extension) is(id []byte) bool { return string(e.id) == string(id) }

func readExtension(s *cryptobyte.String) (e extension, ok bool) {
	var body cryptobyte.String
	ok = s.ReadASN1(&body, asn1.SEQUENCE) &&
		body.ReadASN1(&e.id, asn1.OBJECT_IDENTIFIER) &&
		(!body.PeekASN1Tag(asn1.BOOLEAN) || body.ReadASN1Boolean(&e.critical)) &&
		body.ReadASN1(&e.value, asn1.OCTET_STRING)
	return e, ok
}

func appendMeta(b []byte, reason int, at time.Time) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(min(max(at.Unix(), 0), math.MaxUint32)))
	return append(b, byte(min(max(reason, 0), math.MaxUint8)))
}

func decodeMeta(b []byte) (reason int, at time.Time) {
	return int(b[4]), time.Unix(int64(binary.BigEndian.Uint32(b)), 0).UTC()
}
