package crl

import (
	"bytes"
	"math/big"
	"sort"
	"time"
)

// list is a revocation list whose entries have been compacted. It never
// changes and keeps nothing of the bytes that it was made from.
type list struct {
	issuer     []byte // DER name
	keyID      []byte // authority key identifier, or none
	number     string // decimal, or none
	thisUpdate time.Time
	nextUpdate time.Time // zero: it does not say
	scope      scope
	runs       []run // by ascending width
	entries    int
}

// run holds the entries whose serial numbers have the same length, sorted, in
// one slice: 10^6 entries are one object to the garbage collector.
type run struct {
	width int // bytes of a serial number, without leading zeros
	data  []byte
}

// meta is what follows the serial number of an entry: when it was revoked, in
// seconds since 1970 as a big-endian uint32, and its CRLReason.
const meta = 5

func (r *run) size() int           { return r.width + meta }
func (r *run) len() int            { return len(r.data) / r.size() }
func (r *run) record(i int) []byte { return r.data[i*r.size() : (i+1)*r.size()] }
func (r *run) serial(i int) []byte { return r.record(i)[:r.width] }

// find returns the entry of a serial number of the run's width.
func (r *run) find(serial []byte) (record []byte, ok bool) {
	low, high := 0, r.len()
	for low < high {
		mid := int(uint(low+high) >> 1)
		switch bytes.Compare(r.serial(mid), serial) {
		case -1:
			low = mid + 1
		case 1:
			high = mid
		default:
			return r.record(mid), true
		}
	}
	return nil, false
}

// sortable sorts a run in place.
type sortable struct {
	run
	spare []byte // one record
}

func (s *sortable) Len() int           { return s.len() }
func (s *sortable) Less(i, j int) bool { return bytes.Compare(s.serial(i), s.serial(j)) < 0 }
func (s *sortable) Swap(i, j int) {
	a, b := s.record(i), s.record(j)
	copy(s.spare, a)
	copy(a, b)
	copy(b, s.spare)
}

func (r run) sort() {
	s := &sortable{r, make([]byte, r.size())}
	if !sort.IsSorted(s) {
		sort.Sort(s)
	}
}

// find looks a serial number up, without allocating.
func (l *list) find(serial *big.Int) (reason int, at time.Time, ok bool) {
	if serial == nil || serial.Sign() < 0 {
		return 0, time.Time{}, false
	}
	var room [64]byte // RFC 5280 section 4.1.2.2 allows 20
	width := (serial.BitLen() + 7) / 8
	bytes := room[:]
	if width > len(room) {
		bytes = make([]byte, width)
	}
	record, ok := l.record(serial.FillBytes(bytes[:width]))
	if !ok {
		return 0, time.Time{}, false
	}
	reason, at = decodeMeta(record[width:])
	return reason, at, true
}

func (l *list) record(serial []byte) ([]byte, bool) {
	i := sort.Search(len(l.runs), func(i int) bool { return l.runs[i].width >= len(serial) })
	if i == len(l.runs) || l.runs[i].width != len(serial) {
		return nil, false
	}
	return l.runs[i].find(serial)
}

// adds reports whether the list revokes what an older one, which may be nil,
// does not.
func (l *list) adds(old *list) bool {
	if old == nil {
		return l.entries > 0
	}
	for i := range l.runs {
		r := &l.runs[i]
		if old.has(r) {
			continue
		}
		for n := range r.len() {
			if _, ok := old.record(r.serial(n)); !ok {
				return true
			}
		}
	}
	return false
}

// has reports whether a list has the very same run: most fetches bring
// nothing new.
func (l *list) has(r *run) bool {
	for i := range l.runs {
		if l.runs[i].width == r.width {
			return bytes.Equal(l.runs[i].data, r.data)
		}
	}
	return false
}

// bytes is the memory that the entries take.
func (l *list) bytes() int {
	n := 0
	for i := range l.runs {
		n += cap(l.runs[i].data)
	}
	return n
}

func (l *list) stale(now time.Time) bool {
	return !l.nextUpdate.IsZero() && now.After(l.nextUpdate)
}

// alarmAt is when too little of the list's validity is left to wait on
// quietly: a tenth of it or an hour, but of short ones not more than a quarter.
func (l *list) alarmAt() time.Time {
	if l.nextUpdate.IsZero() {
		return time.Time{}
	}
	validity := l.nextUpdate.Sub(l.thisUpdate)
	return l.nextUpdate.Add(-max(validity/10, min(time.Hour, validity/4), 0))
}
