package cases

import (
	"slices"
	"strings"
	"testing"
)

func TestClientHello(t *testing.T) {
	h, err := (&ClientHello{}).hello()
	if err != nil {
		t.Fatal(err)
	}
	if h.Listener != "tls:default" || h.Peer.Addr().String() != "192.0.2.1" || !strings.HasPrefix(h.JA4, "t13i030400_") || h.Proxy != nil {
		t.Errorf("an ordinary hello: %+v", h)
	}
	h, err = (&ClientHello{ServerName: "a.example", ALPN: []string{"mqtt"}, Versions: []uint16{0x0303}, Proxy: &Proxy{}}).hello()
	if err != nil || !strings.HasPrefix(h.JA4, "t12d0306mt_") || !slices.Equal(h.Extensions, []uint16{0, 16, 10, 13, 43, 51}) || h.Proxy == nil {
		t.Errorf("%+v, %v", h, err)
	}
	if h, _ := (&ClientHello{JA4: "said"}).hello(); h.JA4 != "said" {
		t.Errorf("fingerprint %q", h.JA4)
	}
	for _, text := range []string{
		"cases: [{name: a, client_hello: {peer: nowhere}}]",
		"cases: [{name: a, client_hello: {}, authenticate: {}}]",
		"cases: [{name: a, client_hello: {sni: x}}]",
		"cases: [{name: a, client_hello: {suites: [65536]}}]",
	} {
		if _, err := Parse("cases.yaml", []byte(text)); err == nil {
			t.Errorf("taken: %s", text)
		}
	}
	if _, err := Parse("cases.yaml", []byte("cases: [{name: a, client_hello: {suites: [0x1301]}}]")); err != nil {
		t.Error(err)
	}
}
