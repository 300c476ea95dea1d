package hello

import (
	"encoding/binary"
	"slices"
	"strings"
)

// Hello is what a ClientHello says: lists in the order of the wire, numbers and
// protocols without those of GREASE (RFC 8701).
type Hello struct {
	// ServerName is the host name of RFC 6066 section 3; empty when there is
	// none. As in ALPN (RFC 7301), bytes that are not printable ASCII, and the
	// backslash, are written as \xNN.
	ServerName string
	ALPN       []string

	Versions         []uint16 // supported_versions, or legacy_version without it
	Suites           []uint16
	Extensions       []uint16
	Groups           []uint16
	SignatureSchemes []uint16

	first string // protocol of ALPN, raw; empty: as it is in ALPN
}

// The extensions that are looked into (RFC 8446 section 4.2).
const (
	extServerName        = 0
	extGroups            = 10
	extSignatureSchemes  = 13
	extALPN              = 16
	extSupportedVersions = 43
)

// maxListed is how many entries the lists of a hello may have together. All
// that IANA has ever registered is fewer, and each costs time here and in
// plugins.
const maxListed = 1024

// Parse reads a ClientHello that [Cut] has found. An error is an [*Error].
func Parse(msg []byte) (*Hello, error) {
	if len(msg) < messageHeader {
		return nil, errMalformed
	}
	p := parser{h: new(Hello)}
	r := reader{b: msg[messageHeader:]}
	version := r.uint16()
	r.take(32)               // random
	r.take(int(r.byte()))    // legacy_session_id
	suites := r.prefixed16() // cipher_suites
	r.take(int(r.byte()))    // legacy_compression_methods
	p.h.Suites = p.numbers(&suites)
	if len(r.b) > 0 && !r.bad {
		list := r.prefixed16()
		if len(r.b) > 0 {
			r.bad = true
		}
		p.extensions(&list)
	}
	if p.h.Versions == nil {
		p.h.Versions = []uint16{version}
	}
	switch {
	case p.listed > maxListed:
		return nil, errTooMany
	case r.bad || p.bad:
		return nil, errMalformed
	}
	return p.h, nil
}

// parser fills in a Hello.
type parser struct {
	h      *Hello
	seen   uint64 // extensions below 64
	listed int
	bad    bool
}

func (p *parser) extensions(list *reader) {
	for len(list.b) > 0 && !list.bad && p.count() {
		number := list.uint16()
		body := list.prefixed16()
		if list.bad {
			break
		}
		if number < 64 { // all that are looked into
			if p.seen&(1<<number) != 0 { // RFC 8446 section 4.2
				p.bad = true
			}
			p.seen |= 1 << number
		}
		if !grease(number) {
			p.h.Extensions = append(p.h.Extensions, number)
		}
		p.extension(number, &body)
	}
	p.bad = p.bad || list.bad
}

func (p *parser) extension(number uint16, body *reader) {
	switch number {
	case extServerName:
		p.serverName(body)
	case extALPN:
		p.protocols(body)
	case extGroups:
		list := body.prefixed16()
		p.h.Groups = p.extensionNumbers(&list, body)
	case extSignatureSchemes:
		list := body.prefixed16()
		p.h.SignatureSchemes = p.extensionNumbers(&list, body)
	case extSupportedVersions:
		list := reader{b: body.take(int(body.byte()))}
		p.h.Versions = p.extensionNumbers(&list, body)
	}
}

// serverName reads a ServerNameList, of which only host names are defined, one
// at most (RFC 6066 section 3).
func (p *parser) serverName(body *reader) {
	list := body.prefixed16()
	if len(list.b) == 0 || len(body.b) > 0 {
		p.bad = true
	}
	for len(list.b) > 0 && !list.bad {
		typ, name := list.byte(), list.prefixed16()
		if len(name.b) == 0 {
			p.bad = true
		}
		if typ != 0 {
			continue
		}
		if p.h.ServerName != "" || strings.HasSuffix(string(name.b), ".") {
			p.bad = true
		}
		p.h.ServerName = text(name.b)
	}
	p.bad = p.bad || list.bad || body.bad
}

func (p *parser) protocols(body *reader) {
	list := body.prefixed16()
	if len(list.b) == 0 || len(body.b) > 0 {
		p.bad = true
	}
	for len(list.b) > 0 && !list.bad && p.count() {
		name := list.take(int(list.byte()))
		switch {
		case len(name) == 0:
			p.bad = true
		case len(name) == 2 && grease(binary.BigEndian.Uint16(name)): // RFC 8701 section 2
		default:
			if len(p.h.ALPN) == 0 {
				p.h.first = string(name)
			}
			p.h.ALPN = append(p.h.ALPN, text(name))
		}
	}
	p.bad = p.bad || list.bad || body.bad
}

// extensionNumbers reads the list that is all of an extension's body.
func (p *parser) extensionNumbers(list, body *reader) []uint16 {
	if len(list.b) == 0 || len(body.b) > 0 || body.bad {
		p.bad = true
	}
	return p.numbers(list)
}

func (p *parser) numbers(list *reader) (out []uint16) {
	if n := min(len(list.b)/2, maxListed-p.listed); n > 0 {
		out = make([]uint16, 0, n)
	}
	for len(list.b) > 0 && !list.bad && p.count() {
		if n := list.uint16(); !grease(n) && !list.bad {
			out = append(out, n)
		}
	}
	p.bad = p.bad || list.bad
	return out
}

// count counts an entry of a list; it reports false when there are too many.
func (p *parser) count() bool {
	p.listed++
	return p.listed <= maxListed
}

// grease reports whether n is one of the sixteen values that mean nothing (RFC
// 8701 section 2).
func grease(n uint16) bool { return n&0x0F0F == 0x0A0A && n>>8 == n&0xFF }

const hexadecimal = "0123456789abcdef"

// text makes bytes printable.
func text(b []byte) string {
	odd := func(c byte) bool { return c <= ' ' || c >= 0x7F || c == '\\' }
	if !slices.ContainsFunc(b, odd) {
		return string(b)
	}
	var out strings.Builder
	for _, c := range b {
		if odd(c) {
			out.WriteString(`\x`)
			out.WriteByte(hexadecimal[c>>4])
			out.WriteByte(hexadecimal[c&15])
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}

// reader cuts fields off a slice. At its end it is bad and returns zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.b, r.bad = nil, true
	}
	if r.bad {
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) prefixed16() reader { return reader{b: r.take(int(r.uint16())), bad: r.bad} }
