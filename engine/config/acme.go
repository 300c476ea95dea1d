package config

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
)

// ACME is the authority that issues the certificates of listeners with
// acme_domains (CERT-14).
type ACME struct {
	Agree       bool          `key:"agree" default:"false" doc:"Whether you agree to the authority's terms of service; without it no certificate is asked for."`
	Directory   string        `key:"directory" default:"https://acme-v02.api.letsencrypt.org/directory" doc:"URL of the authority's ACME directory."`
	Email       string        `key:"email" doc:"Address that the authority may write to about the account."`
	Cacertfile  string        `key:"cacertfile" path:"file" doc:"PEM bundle of the authorities that the certificate of the directory itself must lead to, for a private one; empty means those of the system."`
	KeyType     ACMEKeyType   `key:"key_type" default:"p256" doc:"Key of the certificates, a new one each time: p256 or p384 (ECDSA), or rsa2048 for old devices."`
	Profile     string        `key:"profile" doc:"Profile of the certificates, where the directory has several, such as shortlived."`
	RenewBefore time.Duration `key:"renew_before" default:"0s" min:"0s" max:"365d" doc:"Time before its end at which a certificate is renewed, at most half its life; 0 means a third of its life."`
	EAB         ACMEExternal  `key:"eab" doc:"Account at the authority outside ACME, for authorities that want one (external account binding, RFC 8555 section 7.3.4)."`
}

// ACMEExternal is an account outside ACME.
type ACMEExternal struct {
	KID     string `key:"kid" doc:"Name of the key, from the authority."`
	HMACKey Secret `key:"hmac_key" doc:"The key in base64url, from the authority: the text itself, or file:///path to read it from."`
}

// ACMEKeyType is the kind of a certificate's key.
type ACMEKeyType string

// The values of [ACMEKeyType].
const (
	ACMEP256    ACMEKeyType = "p256"
	ACMEP384    ACMEKeyType = "p384"
	ACMERSA2048 ACMEKeyType = "rsa2048"
)

func (ACMEKeyType) values() []string {
	return []string{string(ACMEP256), string(ACMEP384), string(ACMERSA2048)}
}

// Key returns the MAC key of the external account. The error does not quote it.
func (e ACMEExternal) Key() ([]byte, error) {
	text, err := e.HMACKey.Read()
	if err != nil {
		return nil, err
	}
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "="))
	if err != nil || len(key) == 0 {
		return nil, fmt.Errorf("acme.eab.hmac_key is not base64url")
	}
	return key, nil
}

// acme: who is asked, on what terms, for which names.
func (v *validator) acme() {
	first := map[string]string{} // listener by the first of its names
	used := false
	for _, name := range slices.Sorted(maps.Keys(v.cfg.Listeners.TLS)) {
		l := v.cfg.Listeners.TLS[name]
		path := below(below([]string{"listeners", "tls", name}, "tls"), "acme_domains")
		if !l.Enable || len(l.TLS.ACMEDomains) == 0 || v.broken(path...) {
			continue
		}
		used = true
		v.acmeDomains(path, &l.TLS)
		lead := strings.ToLower(l.TLS.ACMEDomains[0])
		if other, twice := first[lead]; twice && !sameNames(v.cfg.Listeners.TLS[other].TLS.ACMEDomains, l.TLS.ACMEDomains) {
			v.fail(path, "%q comes first for listener %s too, with other names after it; listeners that share the first name share the certificate", lead, other)
		}
		first[lead] = name
	}
	if used && !v.broken("acme") {
		v.acmeAuthority()
	}
}

func sameNames(a, b []string) bool {
	return strings.EqualFold(strings.Join(a, "\x00"), strings.Join(b, "\x00"))
}

// acmeDomains: names that tls-alpn-01 can be asked about (RFC 8737 section 3).
func (v *validator) acmeDomains(path []string, t *TLS) {
	if t.Certfile != "" || t.Keyfile != "" {
		v.fail(path, "a listener has certfile and keyfile or acme_domains, not both; the certificate is obtained or it is there")
	}
	for i, name := range t.ACMEDomains {
		err := cert.CheckServerName(name)
		switch {
		case err != nil:
			v.fail(path, "%s", err)
		case strings.HasPrefix(name, "*."):
			v.fail(path, "%q: a certificate for a wildcard needs the challenge dns-01, which is not known here; name each host, or let another ACME client write certfile", name)
		case slices.ContainsFunc(t.ACMEDomains[:i], func(o string) bool { return strings.EqualFold(o, name) }):
			v.fail(path, "%q is in the list twice", name)
		}
	}
}

func (v *validator) acmeAuthority() {
	a, path := &v.cfg.ACME, []string{"acme"}
	if !a.Agree {
		v.fail(below(path, "agree"), "set it to true once you have read the terms of service of the authority at %s", a.Directory)
	}
	if u, err := url.Parse(a.Directory); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		v.fail(below(path, "directory"), "%q is no https URL (RFC 8555 section 6.1)", a.Directory)
	}
	if address, err := mail.ParseAddress(a.Email); a.Email != "" && (err != nil || address.Address != a.Email) {
		v.fail(below(path, "email"), "%q is no e-mail address", a.Email)
	}
	if (a.EAB.KID != "") != a.EAB.HMACKey.IsSet() {
		v.fail(below(path, "eab"), "kid and hmac_key go together")
	}
}
