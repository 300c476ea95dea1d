package format

import (
	"encoding/binary"
	"errors"
	"testing"
)

func TestU32(t *testing.T) {
	for _, v := range []uint32{0, 1, 127, 128, 1<<14 - 1, 1 << 14, 1 << 28, 1<<32 - 1} {
		r := Reader{B: append(binary.AppendUvarint(nil, uint64(v)), 7)}
		if got := r.U32(); got != v || r.Byte() != 7 || r.Done() != nil {
			t.Errorf("%d: %d, %v", v, got, r.Err)
		}
	}
	for name, tc := range map[string]struct {
		bytes []byte
		value uint32
		err   error
	}{
		"longer than need be": {[]byte{0x80, 0x80, 0x80, 0x80, 0}, 0, nil},
		"none":                {nil, 0, ErrTruncated},
		"cut":                 {[]byte{0x80}, 0, ErrTruncated},
		"six bytes":           {[]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0}, 0, ErrNumber},
		"33 bits":             {[]byte{0xff, 0xff, 0xff, 0xff, 0x1f}, 0, ErrNumber},
	} {
		r := Reader{B: tc.bytes}
		if got := r.U32(); got != tc.value || !errors.Is(r.Done(), tc.err) {
			t.Errorf("%s: %d, %v", name, got, r.Err)
		}
	}
}

// TestAfterAnError: nothing is read any more, and the first error stays.
func TestAfterAnError(t *testing.T) {
	r := Reader{B: []byte{1, 2, 3}}
	if r.Take(4) != nil || r.More() || r.Byte() != 0 || r.U32() != 0 || r.Take(0) != nil {
		t.Error("it reads on")
	}
	if r.Failf("other"); !errors.Is(r.Done(), ErrTruncated) {
		t.Error(r.Err)
	}
	r = Reader{B: []byte{1}}
	if !r.More() || !errors.Is(r.Done(), ErrTrailing) {
		t.Error(r.Err)
	}
}
