package identity

import (
	"strings"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

func expand(t *testing.T, source string) string {
	t.Helper()
	tm, err := parseTemplate(source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	c := client("tls:default")
	return tm.expand(&reading{wicket.TestContext(device), c, c.Username, c.ClientID})
}

func TestTemplates(t *testing.T) {
	for source, want := range map[string]string{
		`cn`:                                    "sensor-17",
		`${cn}`:                                 "sensor-17",
		`device-${cn}`:                          "device-sensor-17",
		`${cn}@${o}/x`:                          "sensor-17@Acme/x",
		`${$}${cn}$`:                            "$sensor-17$",
		`${cn}}`:                                "sensor-17}",
		`o|upper`:                               "ACME",
		`${o | lower}`:                          "acme",
		`dn|lower|prefix("cn=")|part(",",1)`:    "sensor-17",
		`san_uri|prefix("spiffe://acme/role/")`: "pump", // the second one
		`san_uri[0]|prefix("spiffe://")`:        "",
		`san_dns|suffix(".example")`:            "sensor-17",
		`san_dns|suffix(".test")`:               "",
		`cn|part("-", 2)`:                       "17",
		`cn|part( "-" , -1 )`:                   "17",
		`cn|part("-",-2)`:                       "sensor",
		`cn|part("-",3)`:                        "",
		`cn|part("-",-3)`:                       "",
		`cn|prefix("sensor-17")`:                "",
		`x-${san_dns|suffix(".test")}`:          "", // not half a name
		`${cn|part("}",1)}`:                     "sensor-17",
		`${cn|prefix("sensor")}|lower`:          "-17|lower",
		`dn|prefix("CN=sensor-17,O=")`:          "Acme,C=DE",
	} {
		if got := expand(t, source); got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
}

func TestTemplateFaults(t *testing.T) {
	for source, want := range map[string]string{
		``:                        `no such field ""`,
		`sensor`:                  `no such field "sensor"`,
		`user_property.`:          `no such field "user_property."`,
		`${}`:                     `no such field ""`,
		`${cn`:                    `want } after ${cn`,
		`${cn x}`:                 `want } after ${cn `,
		`cn x`:                    `cannot read "x"`,
		`cn}`:                     `cannot read "}"`,
		`cn[0]`:                   `cn has one value`,
		`ou[64]`:                  `want ou[N] with N from 0 to 63`,
		`ou[-1]`:                  `want ou[N]`,
		`ou[1`:                    `want ou[N]`,
		`ou[x]`:                   `want ou[N]`,
		`cn|`:                     `no such function ""`,
		`cn|md5`:                  `no such function "md5"; there are lower, upper, prefix("TEXT")`,
		`cn|prefix`:               `cannot read the arguments of prefix`,
		`cn|prefix()`:             `cannot read the arguments of prefix`,
		`cn|prefix("")`:           `cannot read the arguments of prefix`,
		`cn|prefix("a`:            `cannot read the arguments of prefix`,
		`cn|prefix("a"`:           `cannot read the arguments of prefix`,
		`cn|prefix(a)`:            `cannot read the arguments of prefix`,
		`cn|part("-")`:            `cannot read the arguments of part`,
		`cn|part("-",0)`:          `cannot read the arguments of part`,
		`cn|part("-",x)`:          `cannot read the arguments of part`,
		`cn|part("-",1`:           `cannot read the arguments of part`,
		`cn|lower()`:              `cannot read "()"`,
		"a\n${cn}":                `has a control character`,
		`${$}`:                    `no field in it`,
		strings.Repeat("x", 4097): `longer than 4096 bytes`,
	} {
		if _, err := parseTemplate(source); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", source, err, want)
		}
	}
}

// FuzzTemplate: whatever is written, a template either says what is wrong with
// it or gives names, and never a name when one of its fields has no value.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{`cn`, `device-${cn|lower}`, `${san_uri[1]|prefix("spiffe://")}-${$}`, `dn|part(",",-1)|suffix("x")`, `${user_property.a b}`, `${cn|`} {
		f.Add(seed, "value")
	}
	f.Fuzz(func(t *testing.T, source, value string) {
		tm, err := parseTemplate(source)
		if err != nil {
			return
		}
		every := broker{}
		for field := wicket.CertSubject; field <= wicket.CertExtKeyUsage; field++ {
			for i := range 3 {
				every[struct {
					field wicket.CertField
					index int
				}{field, i}] = value
			}
		}
		c := client("tls:default")
		tm.expand(&reading{wicket.TestContext(every), c, value, value})
		none := &wicket.Connect{}
		if got := tm.expand(&reading{wicket.TestContext(broker{}), none, "", ""}); got != "" {
			t.Errorf("%q: %q for a client of whom nothing is known", source, got)
		}
	})
}

// FuzzNew: no config makes a mapper that panics.
func FuzzNew(f *testing.F) {
	f.Add(`{"username":"cn","client_id":"${cn}-x","attributes":{"a":"san_uri"},"required":true,"accept":true,"rules":["allow all #"],"default":"deny"}`)
	f.Add(`{"peer_cert_as_username":"md5","use_username_as_clientid":true,"listeners":{"tls:a":{"username":"disabled"}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		m, _, err := New(text)
		if err != nil {
			return
		}
		for _, listener := range []string{"tls:a", "tls:b"} {
			if v := m.Authenticate(wicket.TestContext(broker{}), bare(listener)); v.Code() == wicket.CodeAllow {
				t.Errorf("%s: lets in a client without a certificate", text)
			}
			m.Authenticate(wicket.TestContext(device), client(listener))
		}
	})
}
