package hello

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
)

var update = flag.Bool("update", false, "record the hellos of clients that are installed, and write what is read from them")

// claim is a hello to be written.
type claim struct {
	version    uint16
	suites     []uint16
	extensions []extension
}

type extension struct {
	number uint16
	body   []byte
}

// message is the handshake message of a claim.
func (c claim) message() []byte {
	b := binary.BigEndian.AppendUint16(nil, c.version)
	b = append(b, make([]byte, 33)...)
	b = append(b, prefixed(2, numbers(c.suites...))...)
	b = append(b, 1, 0)
	if c.extensions != nil {
		var list []byte
		for _, e := range c.extensions {
			list = binary.BigEndian.AppendUint16(list, e.number)
			list = append(list, prefixed(2, e.body)...)
		}
		b = append(b, prefixed(2, list)...)
	}
	return append([]byte{typeHello}, prefixed(3, b)...)
}

// prefixed puts a length of so many bytes in front of b.
func prefixed(size int, b []byte) []byte {
	n := binary.BigEndian.AppendUint32(nil, uint32(len(b)))
	return append(n[4-size:], b...)
}

func numbers(list ...uint16) (b []byte) {
	for _, n := range list {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return b
}

// records spreads a message over records of at most size bytes.
func records(msg []byte, size int) (b []byte) {
	for part := range slices.Chunk(msg, size) {
		b = append(append(b, typeHandshake, 3, 1), prefixed(2, part)...)
	}
	return b
}

func named(name string) extension {
	return extension{extServerName, prefixed(2, append([]byte{0}, prefixed(2, []byte(name))...))}
}

func protocols(names ...string) extension {
	var list []byte
	for _, n := range names {
		list = append(list, prefixed(1, []byte(n))...)
	}
	return extension{extALPN, prefixed(2, list)}
}

func list(number uint16, entries ...uint16) extension {
	return extension{number, prefixed(2, numbers(entries...))}
}

func versions(entries ...uint16) extension {
	return extension{extSupportedVersions, prefixed(1, numbers(entries...))}
}

// full has everything that is looked at, and the GREASE of RFC 8701 in it.
var full = claim{0x0303, []uint16{0x0A0A, 0x1301, 0xC02F}, []extension{
	{0x1A1A, nil}, named("mqtt.example.com"), protocols("\x2A\x2A", "mqtt", "x-amzn-mqtt-ca"),
	list(extGroups, 0x3A3A, 29, 23), list(extSignatureSchemes, 0x4A4A, 0x0403, 0x0804),
	versions(0xFAFA, 0x0304, 0x0303), {0xFE0D, []byte("anything")}, {0xEAEA, []byte{0}},
}}

func TestParse(t *testing.T) {
	got, err := Parse(full.message())
	if err != nil {
		t.Fatal(err)
	}
	want := &Hello{
		ServerName: "mqtt.example.com", ALPN: []string{"mqtt", "x-amzn-mqtt-ca"},
		Versions: []uint16{0x0304, 0x0303}, Suites: []uint16{0x1301, 0xC02F}, Extensions: []uint16{0, 16, 10, 13, 43, 0xFE0D},
		Groups: []uint16{29, 23}, SignatureSchemes: []uint16{0x0403, 0x0804},
		first: "mqtt",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v\nwant %+v", got, want)
	}
	got, err = Parse(claim{version: 0x0302, suites: []uint16{47}}.message())
	if want := (&Hello{Versions: []uint16{0x0302}, Suites: []uint16{47}}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("without extensions: %+v, %v", got, err)
	}
}

func TestNamesArePrintable(t *testing.T) {
	h, err := Parse(claim{0x0303, []uint16{1}, []extension{named("a\nb\\c\x00\xC3\xA4 z"), protocols("\xFF", "h2")}}.message())
	if err != nil {
		t.Fatal(err)
	}
	if want := `a\x0ab\x5cc\x00\xc3\xa4\x20z`; h.ServerName != want {
		t.Errorf("server name %q, want %q", h.ServerName, want)
	}
	if !slices.Equal(h.ALPN, []string{`\xff`, "h2"}) {
		t.Errorf("protocols %q", h.ALPN)
	}
}

func TestMalformed(t *testing.T) {
	with := func(e ...extension) []byte { return claim{0x0303, []uint16{0x1301}, e}.message() }
	many := make([]uint16, maxListed+1)
	var distinct []extension
	for i := range maxListed + 1 {
		distinct = append(distinct, extension{uint16(1000 + i), nil})
	}
	for _, tt := range []struct {
		name string
		msg  []byte
		want error
	}{
		{"empty name", with(named("")), errMalformed},
		{"trailing dot", with(named("a.example.")), errMalformed},
		{"two names", with(extension{extServerName, prefixed(2, append(append([]byte{0}, prefixed(2, []byte("a"))...), append([]byte{0}, prefixed(2, []byte("b"))...)...))}), errMalformed},
		{"name twice", with(named("a"), named("b")), errMalformed},
		{"no list of names", with(extension{extServerName, nil}), errMalformed},
		{"empty protocol", with(protocols("")), errMalformed},
		{"no protocol", with(protocols()), errMalformed},
		{"protocols twice", with(protocols("a"), protocols("a")), errMalformed},
		{"no group", with(list(extGroups)), errMalformed},
		{"half a group", with(extension{extGroups, []byte{0, 1, 29}}), errMalformed},
		{"behind the groups", with(extension{extGroups, []byte{0, 2, 0, 29, 0}}), errMalformed},
		{"no version", with(versions()), errMalformed},
		{"behind the extensions", append(slices.Clone(full.message()), 0), errMalformed},
		{"too many suites", claim{0x0303, many, nil}.message(), errTooMany},
		{"too many extensions", with(distinct...), errTooMany},
		{"too many groups", with(list(extGroups, many...)), errTooMany},
		{"nothing", nil, errMalformed},
	} {
		if h, err := Parse(tt.msg); err != tt.want {
			t.Errorf("%s: %+v, %v; want %v", tt.name, h, err, tt.want)
		}
	}
	msg := full.message()
	for n := range len(msg) {
		// Without any extension a hello may end; nowhere else.
		if _, err := Parse(msg[:n]); (err == nil) != (n == 4+2+33+2+6+2) {
			t.Errorf("cut at %d of %d: %v", n, len(msg), err)
		}
	}
}

func TestCut(t *testing.T) {
	msg := full.message()
	for _, size := range []int{1, 2, 3, 4, 5, 7, 100, len(msg) - 1, len(msg), 1000} {
		wire := records(msg, size)
		looks := 0
		for have, need := 0, 0; ; have++ {
			if have > len(wire) {
				t.Fatalf("records of %d: not complete with all %d bytes", size, len(wire))
			}
			got, next, err := Cut(wire[:have])
			if err != nil {
				t.Fatalf("records of %d: %d bytes: %v", size, have, err)
			}
			if got != nil {
				if !bytes.Equal(got, msg) {
					t.Fatalf("records of %d: %d bytes read", size, len(got))
				}
				if have < need {
					t.Fatalf("records of %d: complete with %d bytes, and %d were said to be needed", size, have, need)
				}
				break
			}
			if next <= have {
				t.Fatalf("records of %d: %d bytes are there and %d needed", size, have, next)
			}
			if have >= need { // who waits for what is needed looks this often
				looks, need = looks+1, next
			}
		}
		if looks > 40 {
			t.Errorf("records of %d: looked %d times", size, looks)
		}
	}
	if got, _, _ := Cut(append(records(msg, 1<<14), "what follows"...)); !bytes.Equal(got, msg) {
		t.Error("the hello of a connection that has sent more is not found")
	}
}

func TestCutRefuses(t *testing.T) {
	long := claim{0x0303, []uint16{1}, []extension{{21, make([]byte, 40000)}, {22, make([]byte, 25485)}}}.message()
	if len(long) != messageHeader+maxMessage {
		t.Fatalf("the long hello has %d bytes", len(long))
	}
	if msg, _, err := Cut(records(long, maxPlaintext)); len(msg) != len(long) || err != nil {
		t.Errorf("a hello of %d bytes: %d, %v", len(long), len(msg), err)
	}
	for _, tt := range []struct {
		name string
		wire []byte
		want *Error
	}{
		{"application data", []byte{23, 3, 3, 0, 5}, errNoHello},
		{"another protocol", []byte("\x16\x01\x00\x00\x05"), errNoHello},
		{"other message", []byte{22, 3, 1, 0, 4, 2, 0, 0, 0}, errNoHello},
		{"alert within", append(records([]byte{1, 0, 0, 50}, 4), 21, 3, 1, 0, 2, 1, 0), errNoHello},
		{"empty fragment", []byte{22, 3, 1, 0, 0}, errEmpty},
		{"long record", []byte{22, 3, 1, 0x40, 1}, errOverflow},
		{"long hello", []byte{22, 3, 1, 0, 4, 1, 1, 0, 1}, errTooLarge},
		{"long hello in pieces", records([]byte{1, 1, 0, 1}, 1), errTooLarge},
		{"many fragments", records(long, 3)[:MaxWire+2], errFragments},
	} {
		if msg, need, err := Cut(tt.wire); err != tt.want {
			t.Errorf("%s: %d bytes, %d needed, %v; want %v", tt.name, len(msg), need, err, tt.want)
		}
	}
	if got := cert.Classify(fmt.Errorf("x: %w", errTooMany)); got != cert.ReasonFlood {
		t.Errorf("reason %q", got)
	}
	if got := AppendAlert(nil, AlertAccessDenied); !bytes.Equal(got, []byte{21, 3, 3, 0, 2, 2, 49}) {
		t.Errorf("alert % x", got)
	}
}

// Fingerprints that are publicly known, with the lists that they were made of.
func TestJA4(t *testing.T) {
	hexList := func(s string) (out []uint16) {
		for h := range strings.SplitSeq(s, ",") {
			b, err := hex.DecodeString(h)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, binary.BigEndian.Uint16(b))
		}
		return out
	}
	chrome := hexList("1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035")
	schemes := hexList("0403,0804,0401,0503,0805,0501,0806,0601")
	tls13 := []uint16{0x0304, 0x0303}
	for _, tt := range []struct {
		want string
		h    Hello
	}{
		{"t13d1516h2_8daaf6152771_e5627efa2ab1", Hello{
			Versions: tls13, Suites: chrome, first: "h2", SignatureSchemes: schemes,
			Extensions: hexList("001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015"),
		}},
		{"t13d1516h2_8daaf6152771_d8a2da3f94cd", Hello{
			Versions: tls13, Suites: chrome, first: "h2", SignatureSchemes: schemes,
			Extensions: hexList("002d,0033,0010,fe0d,0017,44cd,0000,000b,000a,002b,ff01,0023,0012,0005,000d,001b"),
		}},
		{"t13d1011h2_61a7ad8aa9b6_3fcd1a44f3e3", Hello{
			Versions: tls13, first: "h2",
			Suites:           hexList("00ff,1301,1302,1303,c02b,c02c,c02f,c030,cca8,cca9"),
			Extensions:       hexList("0000,0005,000a,000b,000d,0010,0017,0023,002b,002d,0033"),
			SignatureSchemes: hexList("0503,0403,0807,0806,0805,0804,0601,0501,0401"),
		}},
	} {
		if got := tt.h.JA4(); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}

func TestJA4Parts(t *testing.T) {
	for name, want := range map[string]string{
		"": "00", "h2": "h2", "http/1.1": "h1", "x": "xx", "\xAB": "ab", "\xAB\xCD": "ad", "0\xAB": "3b", "01\xAB\xCD": "3d", "0\xAB\xCD1": "01", "-q": "21",
	} {
		h := Hello{first: name}
		if got := string(h.appendProtocol(nil)); got != want {
			t.Errorf("protocol %q: %s, want %s", name, got, want)
		}
	}
	h := Hello{Versions: []uint16{0x0301, 0x0303, 0x0302}, Suites: make([]uint16, 120), Extensions: []uint16{16}}
	if got := h.JA4(); !strings.HasPrefix(got, "t12i990100_") || !strings.HasSuffix(got, "_000000000000") {
		t.Errorf("fingerprint %s", got)
	}
	for version, want := range map[uint16]string{0x0304: "13", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0305: "00"} {
		if got := (&Hello{Versions: []uint16{version}}).JA4(); got[1:3] != want {
			t.Errorf("version %#x: %s", version, got)
		}
	}
}

// clients whose hellos are recorded, with what they are started with; the last
// argument is a port.
var clients = map[string][]string{
	"openssl":       {"openssl", "s_client", "-servername", "device.example.com", "-alpn", "mqtt", "-connect", "127.0.0.1:PORT"},
	"openssl-tls12": {"openssl", "s_client", "-tls1_2", "-noservername", "-connect", "127.0.0.1:PORT"},
	"curl":          {"curl", "-sk", "--connect-timeout", "5", "--resolve", "curl.example.com:PORT:127.0.0.1", "https://curl.example.com:PORT/"},
	"mosquitto":     {"mosquitto_pub", "-h", "127.0.0.1", "-p", "PORT", "--cafile", "CA", "--tls-version", "tlsv1.3", "-t", "a", "-m", "b"},
	"go":            nil,
}

// What is read of the hellos of real clients: testdata has their bytes and, for
// each, what this package makes of them.
func TestRecorded(t *testing.T) {
	for name, command := range clients {
		file := filepath.Join("testdata", name)
		if *update {
			if wire := recorded(t, command); wire != nil {
				write(t, file+".hex", hex.Dump(wire))
			}
		}
		h := parsed(t, undump(t, file+".hex"))
		got := describe(h)
		if *update {
			write(t, file+".golden", got)
		}
		if want, err := os.ReadFile(file + ".golden"); err != nil || got != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

func parsed(t testing.TB, wire []byte) *Hello {
	t.Helper()
	msg, _, err := Cut(wire)
	if err != nil || msg == nil {
		t.Fatalf("cannot cut: %v", err)
	}
	h, err := Parse(msg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func describe(h *Hello) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ja4 %s\nserver_name %q\nalpn %q\n", h.JA4(), h.ServerName, h.ALPN)
	for _, l := range []struct {
		name string
		list []uint16
	}{{"versions", h.Versions}, {"suites", h.Suites}, {"extensions", h.Extensions}, {"groups", h.Groups}, {"signature_schemes", h.SignatureSchemes}} {
		fmt.Fprintf(&b, "%s %s\n", l.name, appendList(nil, l.list))
	}
	return b.String()
}

// recorded is what a client sends first; nil when it is not installed.
func recorded(t *testing.T, command []string) []byte {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	if command == nil {
		go func() {
			_, _ = tls.Dial("tcp", l.Addr().String(), &tls.Config{ServerName: "go.example.com", NextProtos: []string{"mqtt"}})
		}()
	} else {
		if _, err := exec.LookPath(command[0]); err != nil {
			return nil
		}
		var args []string
		for _, a := range command[1:] {
			args = append(args, strings.NewReplacer("PORT", port, "CA", "/etc/ssl/certs/ca-certificates.crt").Replace(a))
		}
		cmd := exec.Command(command[0], args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	var wire []byte
	for buf := make([]byte, 4096); ; {
		if msg, _, err := Cut(wire); msg != nil || err != nil {
			return wire
		}
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		wire = append(wire, buf[:n]...)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// undump reads a file in the form of hex.Dump.
func undump(t testing.TB, name string) (out []byte) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		_, line, _ = strings.Cut(line, "  ")
		line, _, _ = strings.Cut(line, "  |")
		b, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, b...)
	}
	return out
}

// errSeen ends a handshake of crypto/tls when the hello has been read.
var errSeen = errors.New("seen")

// tape is a connection whose peer has sent its last.
type tape struct {
	net.Conn
	io.Reader
}

func (t tape) Read(b []byte) (int, error)  { return t.Reader.Read(b) }
func (t tape) Write(b []byte) (int, error) { return len(b), nil }

// oracle is what crypto/tls makes of the bytes; nil when it refuses them.
func oracle(wire []byte) (seen *tls.ClientHelloInfo) {
	_ = tls.Server(tape{Reader: bytes.NewReader(wire)}, &tls.Config{MinVersion: tls.VersionTLS10, GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
		seen = i
		return nil, errSeen
	}}).Handshake()
	return seen
}

// What crypto/tls goes on with has been read here the same way, or is refused
// here: a plugin must not be shown another name than the one that is served.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.hex")
	for _, name := range files {
		wire := undump(f, name)
		msg, _, _ := Cut(wire)
		f.Add(wire)
		f.Add(records(msg, 100))
	}
	f.Add(records(full.message(), 1<<14))
	f.Add(records(full.message(), 30))
	f.Add(records(claim{version: 0x0301, suites: []uint16{47}}.message(), 10))
	f.Fuzz(func(t *testing.T, wire []byte) {
		if len(wire) > MaxWire {
			return
		}
		msg, need, err := Cut(wire)
		if err == nil && msg == nil && need <= len(wire) {
			t.Fatalf("%d bytes are there and %d needed", len(wire), need)
		}
		var h *Hello
		if msg != nil {
			if h, err = Parse(msg); err == nil && len(h.JA4()) != 36 {
				t.Fatalf("fingerprint %q", h.JA4())
			}
		}
		if err == nil && h == nil {
			return // incomplete
		}
		seen := oracle(wire)
		if seen == nil {
			return
		}
		if err != nil {
			if err != errTooMany && err != errEmpty && err != errNoHello {
				t.Fatalf("crypto/tls reads what is refused here: %v", err)
			}
			return
		}
		compare(t, h, seen)
	})
}

func compare(t *testing.T, h *Hello, seen *tls.ClientHelloInfo) {
	t.Helper()
	var alpn []string
	for _, p := range seen.SupportedProtos {
		if len(p) != 2 || !grease(uint16(p[0])<<8|uint16(p[1])) {
			alpn = append(alpn, text([]byte(p)))
		}
	}
	if h.ServerName != text([]byte(seen.ServerName)) || !slices.Equal(h.ALPN, alpn) {
		t.Fatalf("names %q, %q; crypto/tls has %q, %q", h.ServerName, h.ALPN, seen.ServerName, seen.SupportedProtos)
	}
	for _, l := range []struct {
		name      string
		ours, std []uint16
	}{
		{"suites", h.Suites, seen.CipherSuites}, {"extensions", h.Extensions, seen.Extensions},
		{"groups", h.Groups, convert(seen.SupportedCurves)}, {"schemes", h.SignatureSchemes, convert(seen.SignatureSchemes)},
	} {
		if std := slices.DeleteFunc(slices.Clone(l.std), grease); !slices.Equal(l.ours, std) {
			t.Fatalf("%s %x, crypto/tls has %x", l.name, l.ours, l.std)
		}
	}
}

func convert[T ~uint16](list []T) (out []uint16) {
	for _, n := range list {
		out = append(out, uint16(n))
	}
	return out
}
