package wasm

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// Caps on a Decision. An answer beyond them is malformed.
const (
	maxDecision   = 4 << 20 // bytes
	maxRules      = 10_000
	maxAttributes = 256
	maxProperties = 64
	maxCodes      = 1024
	maxString     = 65535 // an MQTT string [MQTT-1.5.4]
	maxReasonText = 1024
)

var (
	errMessage     = errors.New("message is malformed")
	errUnsupported = errors.New("decision uses a feature this host does not have")
)

// fields reads the fields of one message. Strings are cut from the text
// without copying.
type fields struct {
	text string
	err  error

	field int
	wire  int
	num   uint64
	str   string
}

// next reads one field, or returns false at the end or on an error.
func (f *fields) next() bool {
	if f.err != nil || f.text == "" {
		return false
	}
	key := f.varint()
	f.field, f.wire = int(key>>3), int(key&7)
	if f.err == nil && (f.field == 0 || key>>3 > 1<<29-1) {
		f.err = errMessage
	}
	switch f.wire {
	case wireVarint:
		f.num = f.varint()
	case wireBytes:
		n := f.varint()
		if f.err == nil && n > uint64(len(f.text)) {
			f.err = errMessage
		}
		if f.err == nil {
			f.str, f.text = f.text[:n], f.text[n:]
		}
	case wireFixed64:
		f.skip(8)
	case wireFixed32:
		f.skip(4)
	default:
		f.err = errMessage
	}
	return f.err == nil
}

// skip passes over a field of a wire type that no known field has.
func (f *fields) skip(n int) {
	if len(f.text) < n {
		f.err = errMessage
		return
	}
	f.text = f.text[n:]
}

func (f *fields) varint() uint64 {
	var v uint64
	for i := 0; i < len(f.text) && i < 10; i++ {
		c := f.text[i]
		if i == 9 && c > 1 {
			break
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			f.text = f.text[i+1:]
			return v
		}
	}
	f.err, f.text = errMessage, ""
	return 0
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

// uint returns the number of the field, which must be at most limit.
func (f *fields) uint(limit uint64) uint64 {
	if f.wire != wireVarint {
		f.err = errMessage
		return 0
	}
	if f.num > limit {
		f.fail("field %d is %d; the limit is %d", f.field, f.num, limit)
		return 0
	}
	return f.num
}

func (f *fields) bool() bool { return f.uint(math.MaxUint64) != 0 }

// string returns the text of the field: UTF-8 without NUL, as MQTT wants it
// [MQTT-1.5.4-1], [MQTT-1.5.4-2].
func (f *fields) string(limit int) string {
	s := f.bytes(limit)
	if f.err == nil && (!utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0) {
		f.fail("field %d is not clean UTF-8", f.field)
		return ""
	}
	return s
}

func (f *fields) bytes(limit int) string {
	if f.wire != wireBytes {
		f.err = errMessage
		return ""
	}
	if len(f.str) > limit {
		f.fail("field %d has %d bytes; the limit is %d", f.field, len(f.str), limit)
		return ""
	}
	return f.str
}

// message returns a reader of a nested message.
func (f *fields) message() fields {
	if f.wire != wireBytes {
		f.err = errMessage
		return fields{}
	}
	return fields{text: f.str}
}

// join takes over the error of a nested reader.
func (f *fields) join(n *fields) {
	if f.err == nil {
		f.err = n.err
	}
}

func (f *fields) property() auth.Property {
	var p auth.Property
	n := f.message()
	for n.next() {
		switch n.field {
		case 1:
			p.Key = n.string(maxString)
		case 2:
			p.Value = n.string(maxString)
		}
	}
	f.join(&n)
	return p
}

// decodeDecision reads a Decision that accompanies the given code. items is
// the number of topics asked about, 0 for an Authenticate. The text must not
// change afterwards; the verdict refers to it.
func decodeDecision(code int32, text string, items int) (auth.Verdict, error) {
	v := auth.Verdict{Decision: auth.Decision(code)}
	f := fields{text: text}
	for f.next() {
		f.decision(&v)
	}
	if items == 0 {
		v.Items = nil // codes mean nothing to an Authenticate
	}
	if f.err == nil && len(v.Items) > 0 && len(v.Items) != items {
		f.fail("decision has %d codes for %d topics", len(v.Items), items)
	}
	if f.err != nil {
		return auth.Verdict{}, f.err
	}
	if v.Reason < 0x80 { // not a denial: the host chooses
		v.Reason = 0
	}
	switch {
	case code == codeContinue:
		return auth.Verdict{Decision: v.Decision, AuthData: v.AuthData}, nil
	case code == codeNext && items == 0: // says who the client is, and no more
		return auth.Verdict{Decision: v.Decision, Username: v.Username, ClientID: v.ClientID, Attributes: v.Attributes}, nil
	}
	return v, nil
}

func (f *fields) decision(v *auth.Verdict) {
	switch f.field {
	case 1:
		v.Reason = mqtt.Reason(f.uint(math.MaxUint8))
	case 2:
		v.ReasonText = f.string(maxReasonText)
	case 3:
		v.Superuser = f.bool()
	case 4:
		v.Rules = appendCapped(f, v.Rules, f.rule(), maxRules)
	case 5:
		v.Default = auth.Decision(f.uint(uint64(auth.Next)))
	case 6:
		v.TTL = milliseconds(int64(f.uint(math.MaxUint64)))
	case 7:
		v.ExpireAt = unixTime(f.uint(math.MaxUint64))
	case 8:
		f.attribute(v)
	case 9:
		v.Username = f.string(maxString)
	case 10:
		v.ClientID = f.string(maxString)
	case 11:
		v.UserProperties = appendCapped(f, v.UserProperties, f.property(), maxProperties)
	case 12:
		v.AuthData = []byte(f.bytes(maxString))
	case 13:
		v.Limits = f.limits()
	case 14: // to ignore it would put the client into other people's topics
		if f.string(maxString) != "" && f.err == nil {
			f.err = fmt.Errorf("mountpoint: %w", errUnsupported)
		}
	case 15:
		v.Items = appendCapped(f, v.Items, auth.Decision(f.uint(uint64(auth.Next))), maxCodes)
	}
}

func appendCapped[T any](f *fields, list []T, item T, limit int) []T {
	if len(list) == limit {
		f.fail("field %d comes more than %d times", f.field, limit)
		return list
	}
	return append(list, item)
}

func (f *fields) attribute(v *auth.Verdict) {
	p := f.property()
	if v.Attributes == nil {
		v.Attributes = map[string]string{}
	}
	v.Attributes[p.Key] = p.Value
	if len(v.Attributes) > maxAttributes {
		f.fail("field %d comes more than %d times", f.field, maxAttributes)
	}
}

func (f *fields) rule() auth.Rule {
	var r auth.Rule
	n := f.message()
	for n.next() {
		switch n.field {
		case 1:
			r.Permit = n.bool()
		case 2:
			r.Actions = auth.Action(n.uint(uint64(auth.Publish | auth.Subscribe)))
		case 3:
			r.Filter = n.string(maxString)
		case 4:
			r.QoS = uint8(n.uint(7))
		case 5:
			r.Retain = auth.Retain(n.uint(uint64(auth.RetainNever)))
		case 6:
			r.Exact = n.bool()
		}
	}
	if r.Actions == 0 {
		r.Actions = auth.Publish | auth.Subscribe
	}
	f.join(&n)
	return r
}

func (f *fields) limits() auth.Limits {
	var l auth.Limits
	n := f.message()
	for n.next() {
		switch n.field {
		case 1:
			l.MaxPacketSize = uint32(n.uint(math.MaxUint32))
		case 2:
			l.MaxInflight = uint16(min(n.uint(math.MaxUint32), math.MaxUint16))
		case 3:
			l.MaxSubscriptions = uint32(n.uint(math.MaxUint32))
		}
	}
	f.join(&n)
	return l
}

// decodePasswordVerify reads a PasswordVerify. The password is a copy.
func decodePasswordVerify(text string) (hash string, password []byte, err error) {
	f := fields{text: text}
	for f.next() {
		switch f.field {
		case 1:
			hash = strings.Clone(f.string(maxHash))
		case 2:
			password = []byte(f.bytes(maxString))
		}
	}
	if f.err == nil && hash == "" {
		f.err = errMessage
	}
	return hash, password, f.err
}

// maxHash bounds the text of a password hash.
const maxHash = 1024

// milliseconds converts without overflow.
func milliseconds(ms int64) time.Duration {
	const most = math.MaxInt64 / int64(time.Millisecond)
	return time.Duration(min(max(ms, -1), most)) * time.Millisecond
}

// unixTime converts Unix seconds; 0 and anything beyond the year 9999 mean
// never.
func unixTime(sec uint64) time.Time {
	const year10000 = 253402300800
	if sec == 0 || sec >= year10000 {
		return time.Time{}
	}
	return time.Unix(int64(sec), 0)
}
