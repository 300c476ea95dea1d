package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/sdk/go/wire"
	"github.com/wicketmq/wicket/sdk/tck"
)

var update = flag.Bool("update", false, "write the golden files")

type message interface {
	Decode([]byte) error
	Append([]byte) []byte
}

// golden are the messages of the kit, by file name.
var golden = map[string]message{
	"load-minimal": &wire.Load{Plugin: "door"},
	"load-upstreams": &wire.Load{
		Plugin: "http", Config: `{"path":"/auth"}`, Features: 2, ABIMinor: 2, Upstreams: []string{"auth", "", "audit"},
	},
	"load-files": &wire.Load{
		Plugin: "password", Config: `{"users_file":"users"}`, Features: 1, ABIMinor: 1,
		Files: []wire.File{
			{Key: "users_file", Path: "etc/users", Content: []byte("alice:$7$1$a$b\n")},
			{Key: "empty_file", Path: "/dev/null"},
			{Key: "long_file", Path: "long", Content: bytes.Repeat([]byte{0, 0xff}, 150)},
		},
	},
	"authenticate-empty": &wire.Authenticate{},
	"authenticate-plain": &wire.Authenticate{
		ClientID: "sensor-1", Username: "alice", HasUsername: true, Password: []byte("pä\x00ss"), HasPassword: true,
		Protocol: 4, CleanStart: true, KeepAlive: 60, Listener: "tcp:default", Transport: "tcp", Peer: "[2001:db8::7]:51234",
	},
	"authenticate-full": &wire.Authenticate{
		ClientID: "sensor-17", Username: "", HasUsername: true, Password: nil, HasPassword: true, Protocol: 5,
		KeepAlive: 65535, SessionExpiry: 4294967295, Listener: "tls:default", Transport: "wss", Peer: "192.0.2.7:51234",
		Proxy: &wire.Proxy{
			Version: 2, Source: "198.51.100.9:4000", Destination: "192.0.2.1:8883", CommonName: "edge", Verified: true,
			Via: "10.0.0.2:40000", ServerName: "mqtt.example.com", ALPN: "mqtt", TLSVersion: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256",
		},
		TLS: &wire.TLS{
			Version: "TLS 1.3", Suite: "TLS_AES_128_GCM_SHA256", SNI: "broker.example.com", ALPN: "mqtt", Resumed: true,
			PSKIdentity: "psk-17", CertificatePresented: true, CertificateVerified: true, CommonName: "sensor-17",
			Subject: "CN=sensor-17,O=Example,C=DE", SAN: []string{"dns:sensor-17.example.com", "", "ip:192.0.2.7"},
			Fingerprint: strings.Repeat("e3b0c442", 8), Serial: "01ff",
		},
		Attributes: []wire.Property{{Key: "site", Value: "7"}, {Key: "empty"}},
		AuthMethod: "SCRAM-SHA-256", AuthData: []byte("n,,n=user,r=nonce"),
		Will:            &wire.Will{Topic: "state/sensor-17", QoS: 2, Retain: true},
		UserProperties:  []wire.Property{{Key: "a", Value: "1"}, {Key: "a", Value: "2"}, {}},
		ConnectUsername: "alice", ConnectClientID: "mqtt-explorer",
	},
	"authorize-publish": &wire.Authorize{
		ClientID: "sensor-1", Username: "alice", Action: wire.Publish, Listener: "tcp:default", Peer: "192.0.2.7:51234",
		Topics: []wire.Topic{{Topic: "devices/sensor-1/state", QoS: 1, Retain: true}},
	},
	"authorize-subscribe": &wire.Authorize{
		ClientID: "sensor-1", Attributes: []wire.Property{{Key: "site", Value: "7"}}, Action: wire.Subscribe,
		Topics: []wire.Topic{{Topic: "a/+/#"}, {Topic: "jobs", QoS: 2, Share: "workers"}, {Topic: "b"}},
	},
	"auth_continue-answer": &wire.AuthContinue{Exchange: 1<<48 | 300, AuthMethod: "SCRAM-SHA-256", AuthData: []byte("c=biws,r=\x00\xff")},
	"auth_continue-ended":  &wire.AuthContinue{Exchange: 1<<63 - 1, AuthMethod: "SCRAM-SHA-256", Ended: true},
	"authenticate-again": &wire.Authenticate{
		ClientID: "sensor-17", Username: "alice", HasUsername: true, Protocol: 5, Listener: "tls:default", Transport: "tls", Peer: "192.0.2.7:51234",
		AuthMethod: "SCRAM-SHA-256", AuthData: []byte("n,,n=user,r=nonce"), ConnectClientID: "sensor-17", Reauthenticate: true,
	},
	"client_hello-empty": &wire.ClientHello{},
	"client_hello-full": &wire.ClientHello{
		Listener: "tls:default", Peer: "[2001:db8::7]:51234", ServerName: `mqtt\x00.example.com`, ALPN: []string{"mqtt", "", "x-amzn-mqtt-ca"},
		Proxy:    &wire.Proxy{Version: 2, Source: "[2001:db8::7]:51234", Via: "10.0.0.2:40000"},
		Versions: []uint32{0x0304, 0x0303}, Suites: []uint32{0, 0x1301, 0xC02F}, Extensions: []uint32{0, 16, 0xFF01},
		Groups: []uint32{29}, SignatureSchemes: []uint32{0x0403, 0x0804}, JA4: "t13d0303mt_000000000000_000000000000",
	},
	"event-connected": &wire.Event{
		Kind: wire.EventConnected, TimeMS: 1767225600123, ClientID: "sensor-17", Username: "alice", Listener: "tls:default", Peer: "[2001:db8::7]:51234",
		Decider: "password", Attributes: []wire.Property{{Key: "site", Value: "7"}, {Key: "empty"}}, Dropped: 1 << 40,
	},
	"event-refused": &wire.Event{
		Kind: wire.EventRefused, TimeMS: 1767225600123, ClientID: "sensor-17", Listener: "tcp:default", Peer: "192.0.2.7:51234", Reason: 0x86, ReasonText: "wrong p\u00e4ssword", Decider: "password",
	},
	"event-denied": &wire.Event{
		Kind: wire.EventDenied, TimeMS: 1, ClientID: "sensor-1", Action: wire.Subscribe, Topics: []wire.Topic{{Topic: "a/#", QoS: 2, Share: "g"}, {}, {Topic: "b", Retain: true}},
	},
	"metric-histogram":  &wire.Metric{Name: "batch_events", Help: "Events of a batch.", Kind: wire.MetricHistogram, Labels: []wire.Property{{Key: "to", Value: "audit"}, {}}, Buckets: []uint64{0, 10, 1 << 62}},
	"metric-counter":    &wire.Metric{Name: "limited_total"},
	"disconnect-named":  &wire.Disconnect{ClientID: "sensor-17", Reason: 0x97, ReasonText: "enough", Username: "alice"},
	"disconnect-anyone": &wire.Disconnect{ClientID: "sensor-17"},
	"psk-plain":         &wire.PSK{Identity: "psk-17", Listener: "tls:default", Peer: "192.0.2.7:51234"},
	"decision-denied":   &wire.Decision{Reason: 0x86, ReasonText: "wrong password"},
	"decision-full": &wire.Decision{
		Superuser: true, Default: wire.Next, TTL: -1, ExpireAt: 4102444800, Username: "alice@example.com", ClientID: "assigned-1",
		Rules: []wire.Rule{
			{Permit: true, Actions: wire.Publish, Filter: "devices/${clientid}/#", QoS: 0b011, Retain: wire.RetainNever},
			{Permit: true, Actions: wire.Subscribe, Filter: "all/#", Exact: true},
			{Filter: "#"},
		},
		Attributes: []wire.Property{{Key: "site", Value: "7"}}, UserProperties: []wire.Property{{Key: "welcome", Value: "yes"}},
		AuthData: []byte{0, 1, 2}, Limits: &wire.Limits{MaxPacketSize: 65536, MaxInflight: 20, MaxSubscriptions: 5}, Mountpoint: "tenant/7/",
	},
	"decision-named": &wire.Decision{
		Username: "sensor-17", ClientID: "dev-17", Attributes: []wire.Property{{Key: "role", Value: "sensor"}, {Key: "site", Value: "7"}},
	},
	"decision-codes":   &wire.Decision{Codes: []uint32{wire.Allow, wire.Deny, wire.Next}, TTL: 60000},
	"http_request-get": &wire.HTTPRequest{Upstream: "auth", Path: "/auth?clientid=sensor%201"},
	"http_request-post": &wire.HTTPRequest{
		Upstream: "auth", Method: "POST", Path: "/auth", Timeout: 4294967295, Body: []byte("{\"username\":\"p\u00e4\"}\x00\xff"),
		Headers: []wire.Property{{Key: "content-type", Value: "application/json"}, {Key: "x-empty"}, {}},
	},
	"http_response-empty": &wire.HTTPResponse{Status: 204},
	"http_response-full": &wire.HTTPResponse{
		Status: 599, Headers: []wire.Property{{Key: "Content-Type", Value: "application/json"}, {Key: "Set-Cookie", Value: "a=b"}, {Key: "Set-Cookie"}},
		Body: []byte(`{"result":"allow"}`),
	},
	"jwt_keys-set":             &wire.JWTKeys{Algorithms: []string{"RS256", "", "EdDSA"}, JWKS: []byte(`{"keys":[]}`), PEM: []byte("-----BEGIN PUBLIC KEY-----\n")},
	"jwt_keys-secret":          &wire.JWTKeys{Algorithms: []string{"HS256"}, Secret: []byte("0123456789abcdef\x000123456789abcd\xff")},
	"jwt_verified-ok":          &wire.JWTVerified{Header: []byte(`{"alg":"HS256"}`), Claims: []byte(`{"sub":"sensor-1","exp":4102444800}`)},
	"jwt_verified-unknown_key": &wire.JWTVerified{UnknownKey: true},
	"password_verify-argon2id": &wire.PasswordVerify{Hash: "$argon2id$v=19$m=4096,t=2,p=2$c29tZXNhbHQxMjM0$uDG7ZtIgYNv8EfB5XpzgVuThKWaN31mXCx7mpP4Bnb4", Password: []byte("correct horse")},
}

// unknown is what a later minor version might add to any message: a varint, a
// fixed64, a string and a fixed32 in fields 500 to 503.
const unknown = "\xa0\x1f\x96\x01" + "\xa9\x1f12345678" + "\xb2\x1f\x03new" + "\xbd\x1f1234"

var malformed = map[string]string{
	"authenticate-bad-length": "\x0a\x05abc",
	"authenticate-bad-varint": "\x20\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02",
	"authenticate-bad-type":   "\x22\x01a",
	"authenticate-bad-group":  "\x0b\x0c",
	"decision-bad-rule":       "\x22\x02\x1a\x05",
	"authorize-bad-key":       "\x00\x00",
	"auth_continue-bad-data":  "\x18\x01",
	"client_hello-bad-number": "\x38\x80\x80\x80\x80\x10",
	"event-bad-topic":         "\x4a\x02\x0a\x05",
	"event-bad-kind":          "\x0a\x01\x01",
	"metric-bad-bucket":       "\x2a\x01\x01",
	"http_request-bad-header": "\x22\x02\x0a\x05",
	"http_response-bad-type":  "\x0a\x01a",
	"jwt_verified-bad-flag":   "\x1a\x01a",
}

func newMessage(t *testing.T, file string) message {
	t.Helper()
	kind, _, _ := strings.Cut(file, "-")
	switch kind {
	case "load":
		return new(wire.Load)
	case "authenticate":
		return new(wire.Authenticate)
	case "authorize":
		return new(wire.Authorize)
	case "auth_continue":
		return new(wire.AuthContinue)
	case "client_hello":
		return new(wire.ClientHello)
	case "decision":
		return new(wire.Decision)
	case "event":
		return new(wire.Event)
	case "metric":
		return new(wire.Metric)
	case "disconnect":
		return new(wire.Disconnect)
	case "psk":
		return new(wire.PSK)
	case "http_request":
		return new(wire.HTTPRequest)
	case "http_response":
		return new(wire.HTTPResponse)
	case "jwt_keys":
		return new(wire.JWTKeys)
	case "jwt_verified":
		return new(wire.JWTVerified)
	case "password_verify":
		return new(wire.PasswordVerify)
	}
	t.Fatalf("%s: no such kind", file)
	return nil
}

func TestGolden(t *testing.T) {
	if *update {
		writeGolden(t)
		return
	}
	names, err := fs.Glob(tck.Golden, "golden/*.bin")
	if err != nil || len(names) != len(golden)*2+len(malformed) {
		t.Fatalf("%d golden files, %v", len(names), err)
	}
	for _, file := range names {
		bin, err := tck.Golden.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(path.Base(file), ".bin")
		got := newMessage(t, name)
		err = got.Decode(bin)
		twin, jsonErr := tck.Golden.ReadFile("golden/" + name + ".json")
		if jsonErr != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("%s: %v, want a malformed message", name, err)
			}
			continue
		}
		want := newMessage(t, name)
		if err := json.Unmarshal(twin, want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", name, err, got, want)
		}
		if !strings.HasSuffix(name, "-unknown") && !bytes.Equal(want.Append(nil), bin) {
			t.Errorf("%s: written as %x", name, want.Append(nil))
		}
	}
}

func writeGolden(t *testing.T) {
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join("../../tck/golden", name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, m := range golden {
		twin, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		bin := m.Append(nil)
		write(name+".bin", bin)
		write(name+".json", append(twin, '\n'))
		write(name+"-unknown.bin", append([]byte(unknown), append(bin, unknown...)...))
		write(name+"-unknown.json", append(twin, '\n'))
	}
	for name, bin := range malformed {
		write(name+".bin", []byte(bin))
	}
}
