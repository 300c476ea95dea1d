package wasm

import (
	"bytes"
	"encoding/hex"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/upstream"
)

func fullRequest() *auth.Request {
	return &auth.Request{
		ClientID: "c1", Username: "u", HasUsername: true, Password: []byte("pw"), HasPassword: true,
		Version: mqtt.V50, CleanStart: true, KeepAlive: 300, SessionExpiry: math.MaxUint32,
		Listener: "tls:default", Transport: "tls", Peer: netip.MustParseAddrPort("192.0.2.7:51234"),
		TLS:        &auth.TLS{Version: "TLS 1.3", Suite: "S", ServerName: "sni", ALPN: "mqtt", Resumed: true},
		AuthMethod: "m", AuthData: []byte{0}, Will: &auth.Will{Topic: "w/t", QoS: 2, Retain: true},
		UserProperties: []auth.Property{{Key: "k", Value: "v"}, {}},
	}
}

func fullHello() *auth.ClientHello {
	return &auth.ClientHello{
		Listener: "tls:default", Peer: netip.MustParseAddrPort("192.0.2.7:51234"), ServerName: "read", ALPN: []string{"mqtt", "h2"},
		Proxy:    &auth.Proxy{Version: 2, Via: netip.MustParseAddrPort("10.0.0.1:2")},
		Versions: []uint16{0x0304}, Suites: []uint16{0, 0x1301, 0xC02F}, Extensions: []uint16{0}, Groups: []uint16{29},
		SignatureSchemes: []uint16{0x0403}, JA4: "t13d",
	}
}

// TestEncode compares with messages written by hand from sdk/wicket.proto.
func TestEncode(t *testing.T) {
	for _, tc := range []struct {
		name string
		got  []byte
		want string // hex, spaces ignored
	}{
		{"empty connect", appendAuthenticate(nil, &auth.Request{}), ""},
		{"connect", appendAuthenticate(nil, fullRequest()),
			"0a02 6331" + "1201 75" + "1a02 7077" + "2005" + "2801" + "30ac02" + "38ffffffff0f" +
				"420b 746c733a64656661756c74" + "4a03 746c73" + "520f 3139322e302e322e373a3531323334" +
				"6219" + "0a07 544c5320312e33" + "1201 53" + "1a03 736e69" + "2204 6d717474" + "2801" +
				"7201 6d" + "7a01 00" + "820109" + "0a03 772f74" + "1002" + "1801" +
				"8a0106" + "0a01 6b" + "1201 76" + "8a0100" + "900101" + "980101"},
		{"access", appendAuthorize(nil, &auth.Access{
			ClientID: "c", Username: "u", Attributes: map[string]string{"b": "2", "a": "1"},
			Action: auth.Subscribe, Listener: "l", Peer: netip.MustParseAddrPort("[2001:db8::1]:1"),
			Items: []auth.Item{{Topic: "t/#", QoS: 1, Share: "g"}, {Topic: "x", Retain: true}},
		}),
			"0a01 63" + "1201 75" + "1a06 0a0161 120131" + "1a06 0a0162 120132" + "2002" +
				"2a0a 0a03 742f23 1001 2201 67" + "2a05 0a01 78 1801" + "3201 6c" +
				"3a0f 5b323030313a6462383a3a315d3a31"},
		{"hello", appendHello(nil, fullHello()),
			"0a0b 746c733a64656661756c74" + "120f 3139322e302e322e373a3531323334" +
				"1a1f 0802 120f 3139322e302e322e373a3531323334 320a 31302e302e302e313a32" +
				"2204 72656164" + "2a04 6d717474" + "2a02 6832" + "308406" + "3800" + "388126" + "38af8003" + "4000" + "481d" + "508308" +
				"5a04 74313364"},
		{"load", appendLoad(nil, &Plugin{name: "p", config: []byte("{}"), files: []File{{"k", "f", []byte("c")}, {}}, features: 3,
			upstreams: map[string]Sender{"b": nil, "a": nil}}),
			"0a01 70" + "1202 7b7d" + "1a09 0a016b 120166 1a0163" + "1a00" + "2003" + "2803" + "3201 61" + "3201 62"},
		{"response", appendHTTPResponse(nil, &upstream.Response{Status: 200, Header: []upstream.Header{{Name: "k", Value: "v"}, {}}, Body: []byte("b")}),
			"08c801" + "1206 0a016b 120176" + "1200" + "1a01 62"},
		{"connect through a proxy, named by a plugin", appendAuthenticate(nil, &auth.Request{
			Username: "cn", HasUsername: true, ConnectUsername: "u", ConnectClientID: "c", Peer: netip.MustParseAddrPort("192.0.2.7:1"),
			Attributes: map[string]string{"b": "2", "a": "1"},
			Proxy: &auth.Proxy{Version: 2, Via: netip.MustParseAddrPort("10.0.0.1:2"), Destination: netip.MustParseAddrPort("10.0.0.3:4"),
				ServerName: "sni", ALPN: "m", TLSVersion: "T", Cipher: "C", CommonName: "cn"},
		}),
			"1202 636e" + "520b 3139322e302e322e373a31" +
				"5a3b 0802 120b 3139322e302e322e373a31 1a0a 31302e302e302e333a34 2202 636e 2801" +
				"320a 31302e302e302e313a32 3a03 736e69 4201 6d 4a01 54 5201 43" +
				"6a06 0a0161 120131" + "6a06 0a0162 120132" + "900101" + "a20101 75" + "aa0101 63"},
	} {
		if got, want := hex.EncodeToString(tc.got), strings.ReplaceAll(tc.want, " ", ""); got != want {
			t.Errorf("%s:\n%s, want\n%s", tc.name, got, want)
		}
	}
}

// TestNestedLength: nested messages of every size of length prefix.
func TestNestedLength(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 129, 16383, 16384, 20000, 1 << 21, 1<<21 + 5} {
		b, mark := beginMessage([]byte("head"), 3)
		b = append(b, strings.Repeat("x", n)...)
		b = append(endMessage(b, mark), "tail"...)
		f := fields{text: strings.TrimPrefix(string(b), "head")}
		if !f.next() || f.field != 3 || f.str != strings.Repeat("x", n) || f.text != "tail" {
			t.Errorf("%d bytes: %v", n, f.err)
		}
	}
}

// TestEncodeInPlace: a message that fits is written into the given memory and
// costs no allocation, TLS apart.
func TestEncodeInPlace(t *testing.T) {
	r := fullRequest()
	buf := make([]byte, 4096)
	b := appendAuthenticate(buf[:0:len(buf)], r)
	if &b[0] != &buf[0] {
		t.Error("not in place")
	}
	if n := testing.AllocsPerRun(100, func() { appendAuthenticate(buf[:0:len(buf)], r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDecision(t *testing.T) {
	permit := "\x22\x04\x08\x01\x1a\x00"
	for _, tc := range []struct {
		name  string
		code  int32
		text  string
		items int
		want  auth.Verdict
		err   string
	}{
		{name: "empty", code: codeAllow, want: auth.Verdict{Decision: auth.Allow}},
		{name: "denial", text: "\x08\x87\x01\x12\x02no", want: auth.Verdict{Reason: mqtt.NotAuthorized, ReasonText: "no"}},
		{name: "reason of success", text: "\x08\x00\x08\x18", want: auth.Verdict{}},
		{name: "superuser", code: codeAllow, text: "\x18\x01", want: auth.Verdict{Decision: auth.Allow, Superuser: true}},
		{name: "rule", code: codeAllow, text: "\x22\x0d\x08\x01\x10\x01\x1a\x01#\x20\x03\x28\x02\x30\x01", want: auth.Verdict{Decision: auth.Allow,
			Rules: []auth.Rule{{Permit: true, Actions: auth.Publish, Filter: "#", QoS: 3, Retain: auth.RetainNever, Exact: true}}}},
		{name: "rule for both actions", text: permit, want: auth.Verdict{
			Rules: []auth.Rule{{Permit: true, Actions: auth.Publish | auth.Subscribe}}}},
		{name: "default and times", text: "\x28\x02\x30\x05\x38\x01", want: auth.Verdict{
			Default: auth.Next, TTL: 5 * time.Millisecond, ExpireAt: time.Unix(1, 0)}},
		{name: "never cached", text: "\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", want: auth.Verdict{TTL: -time.Millisecond}},
		{name: "cached for ever", text: "\x30\xff\xff\xff\xff\xff\xff\xff\xff\x7f", want: auth.Verdict{TTL: math.MaxInt64 / time.Millisecond * time.Millisecond}},
		{name: "never expires", text: "\x38\xff\xff\xff\xff\xff\xff\xff\xff\x7f", want: auth.Verdict{}},
		{name: "attributes", text: "\x42\x06\x0a\x01a\x12\x01b\x42\x06\x0a\x01a\x12\x01c", want: auth.Verdict{Attributes: map[string]string{"a": "c"}}},
		{name: "identity", text: "\x4a\x01u\x52\x01c\x5a\x03\x0a\x01k", want: auth.Verdict{Username: "u", ClientID: "c",
			UserProperties: []auth.Property{{Key: "k"}}}},
		{name: "next with identity", code: codeNext, text: "\x4a\x01u\x52\x01c\x42\x06\x0a\x01a\x12\x01b", want: auth.Verdict{Decision: auth.Next,
			Username: "u", ClientID: "c", Attributes: map[string]string{"a": "b"}}},
		{name: "next with rights", code: codeNext, text: "\x08\x87\x01\x12\x02no\x18\x01" + permit + "\x28\x01\x38\x01\x5a\x03\x0a\x01k\x6a\x02\x08\x64\x4a\x01u",
			want: auth.Verdict{Decision: auth.Next, Username: "u"}},
		{name: "next of an access", code: codeNext, items: 1, text: "\x30\x05\x78\x01", want: auth.Verdict{Decision: auth.Next,
			TTL: 5 * time.Millisecond, Items: []auth.Decision{auth.Allow}}},
		{name: "next with a mountpoint", code: codeNext, text: "\x72\x01t", err: "does not have"},
		{name: "limits", text: "\x6a\x09\x08\x64\x10\xff\xff\xff\x7f\x18\x07", want: auth.Verdict{
			Limits: auth.Limits{MaxPacketSize: 100, MaxInflight: 65535, MaxSubscriptions: 7}}},
		{name: "codes", items: 3, text: "\x78\x00\x78\x01\x78\x02", want: auth.Verdict{Items: []auth.Decision{auth.Deny, auth.Allow, auth.Next}}},
		{name: "codes for a connect", text: "\x78\x01", want: auth.Verdict{}},
		{name: "unknown fixed fields", text: "\xa1\x06\x01\x02\x03\x04\x05\x06\x07\x08\xa5\x06\x01\x02\x03\x04\x18\x01", want: auth.Verdict{Superuser: true}},
		{name: "unknown fields", text: "\xa2\x06\x01x\xa0\x06\x05\x72\x00", want: auth.Verdict{}},
		{name: "auth data", code: codeAllow, text: "\x62\x02a\xff", want: auth.Verdict{Decision: auth.Allow, AuthData: []byte("a\xff")}},
		{name: "continue", code: codeContinue, text: "\x62\x01a\x18\x01" + permit + "\x4a\x01u", want: auth.Verdict{
			Decision: auth.Continue, AuthData: []byte("a")}},
		{name: "auth data as number", code: codeContinue, text: "\x60\x01", err: "malformed"},

		{name: "cut tag", text: "\x80", err: "malformed"},
		{name: "cut number", text: "\x08\x80", err: "malformed"},
		{name: "long number", text: "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", err: "malformed"},
		{name: "cut string", text: "\x12\x05abc", err: "malformed"},
		{name: "huge string", text: "\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f", err: "malformed"},
		{name: "field 0", text: "\x00\x00", err: "malformed"},
		{name: "known field as fixed64", text: "\x09\x00\x00\x00\x00\x00\x00\x00\x00", err: "malformed"},
		{name: "cut fixed64", text: "\xa1\x06\x00\x00\x00\x00\x00\x00\x00", err: "malformed"},
		{name: "cut fixed32", text: "\xa5\x06\x00\x00\x00", err: "malformed"},
		{name: "group", text: "\x0b\x0c", err: "malformed"},
		{name: "number for string", text: "\x10\x01", err: "malformed"},
		{name: "string for number", text: "\x0a\x01x", err: "malformed"},
		{name: "number for message", text: "\x20\x01", err: "malformed"},
		{name: "reason too large", text: "\x08\x80\x02", err: "field 1 is 256"},
		{name: "not UTF-8", text: "\x12\x01\xff", err: "clean UTF-8"},
		{name: "NUL", text: "\x4a\x01\x00", err: "clean UTF-8"},
		{name: "long text", text: "\x12\x81\x08" + strings.Repeat("x", 1025), err: "1025 bytes"},
		{name: "bad default", text: "\x28\x03", err: "field 5 is 3"},
		{name: "bad rule", text: "\x22\x01\x08", err: "malformed"},
		{name: "bad actions", text: "\x22\x02\x10\x04", err: "field 2 is 4"},
		{name: "bad QoS", text: "\x22\x02\x20\x08", err: "field 4 is 8"},
		{name: "bad retain", text: "\x22\x02\x28\x03", err: "field 5 is 3"},
		{name: "many rules", text: strings.Repeat(permit, maxRules+1), err: "more than 10000 times"},
		{name: "many properties", text: strings.Repeat("\x5a\x00", maxProperties+1), err: "more than 64 times"},
		{name: "code of pending", items: 1, text: "\x78\x03", err: "field 15 is 3"},
		{name: "too few codes", items: 2, text: "\x78\x01", err: "1 codes for 2 topics"},
		{name: "mountpoint", text: "\x72\x01t", err: "does not have"},
	} {
		got, err := decodeDecision(tc.code, tc.text, tc.items)
		switch {
		case tc.err == "" && (err != nil || !reflect.DeepEqual(got, tc.want)):
			t.Errorf("%s: %+v %v, want %+v", tc.name, got, err, tc.want)
		case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
			t.Errorf("%s: %v, want %q", tc.name, err, tc.err)
		case tc.err != "" && !reflect.DeepEqual(got, auth.Verdict{}):
			t.Errorf("%s: an unreadable decision gave %+v", tc.name, got)
		}
	}
	if _, err := decodeDecision(codeAllow, strings.Repeat(permit, maxRules), 0); err != nil {
		t.Errorf("as many rules as allowed: %v", err)
	}
}

// TestEncodeDecode: properties and numbers survive the wire.
func TestEncodeDecode(t *testing.T) {
	f := func(field uint16, n uint64, s string) bool {
		id := int(field)%1000 + 1
		b := appendUint(nil, id, n)
		b = appendElement(b, id, s)
		r := fields{text: string(b)}
		if n != 0 && (!r.next() || r.field != id || r.uint(math.MaxUint64) != n) {
			return false
		}
		return r.next() && r.field == id && r.bytes(math.MaxInt) == s && !r.next() && r.err == nil
	}
	if err := quick.Check(f, nil); err != nil {
		t.Error(err)
	}
}

func FuzzDecision(f *testing.F) {
	f.Add(int32(1), []byte("\x22\x07\x08\x01\x1a\x03a/#\x28\x01\x30\xe8\x07"), 0)
	f.Add(int32(0), []byte("\x08\x87\x01\x12\x02no"), 1)
	f.Add(int32(1), []byte("\x42\x06\x0a\x01a\x12\x01b\x6a\x02\x08\x64\x78\x01"), 1)
	f.Fuzz(func(t *testing.T, code int32, text []byte, items int) {
		v, err := decodeDecision(code, string(text), items)
		if err != nil {
			if !reflect.DeepEqual(v, auth.Verdict{}) {
				t.Errorf("%v with %+v", err, v)
			}
			return
		}
		if len(v.Rules) > maxRules || len(v.Attributes) > maxAttributes || len(v.Items) > 0 && len(v.Items) != items ||
			v.Default > auth.Next || v.Reason != 0 && v.Reason < 0x80 {
			t.Errorf("%+v", v)
		}
	})
}

func FuzzPasswordVerify(f *testing.F) {
	f.Add([]byte("\x0a\x01h\x12\x05right"))
	f.Fuzz(func(t *testing.T, text []byte) {
		hash, _, err := decodePasswordVerify(string(text))
		if err == nil && (hash == "" || len(hash) > maxHash) {
			t.Errorf("hash of %d bytes", len(hash))
		}
	})
}

// FuzzScan checks that whatever the scanner accepts stays within its caps; the
// fuzzer looks for panics and unbounded work.
func FuzzScan(f *testing.F) {
	entries, err := guests.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		b, _ := guests.ReadFile("testdata/" + e.Name())
		f.Add(b)
	}
	f.Add(pluginModule().imports(importFunc("wicket", "features", 0)).bytes())
	f.Add(tableGrow())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := scan(b)
		if err != nil {
			return
		}
		if len(m.types)+len(m.imports)+len(m.functions)+len(m.tables)+len(m.exports) > len(b) {
			t.Error("more entries than bytes")
		}
		_ = m.check("p", Limits{}.withDefaults(), 0, nil)
		m.features()
	})
}

// TestEncodeForeign: what a client, a proxy or a server has written reaches a
// guest as UTF-8, so that nobody is left to on_error because the guest cannot
// read the message. Names are not made so: a guest might take one for another.
func TestEncodeForeign(t *testing.T) {
	const odd = "a\xffb"
	request := func(name string) []byte {
		q := fullRequest()
		q.TLS.ServerName, q.TLS.ALPN = name, name
		q.Proxy = &auth.Proxy{CommonName: name, ServerName: name, ALPN: name, TLSVersion: name, Cipher: name}
		return appendAuthenticate(nil, q)
	}
	if got, want := request(odd), request(""); !bytes.Equal(got, want) {
		t.Errorf("names that are not UTF-8: %q, want %q", got, want)
	}
	if n := bytes.Count(request("a\ufffdb"), []byte("a\ufffdb")); n != 7 { // which is UTF-8
		t.Errorf("%d names, want 7", n)
	}
	b := appendHTTPResponse(nil, &upstream.Response{Header: []upstream.Header{{Name: "x", Value: odd}}})
	if !bytes.Contains(b, []byte("a\ufffdb")) || bytes.Contains(b, []byte(odd)) {
		t.Errorf("response: %q", b)
	}
}
