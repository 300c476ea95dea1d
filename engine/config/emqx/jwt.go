package emqx

import (
	"encoding/base64"
	"path/filepath"
	"strings"
)

// jwtForm is the JWT authenticator (AJWT-01, AJWT-02). Its keys have EMQX's names
// here too, but for those that are in files, and the server of a key set.
var jwtForm = form{"endpoint", map[string]option{
	"from":                    {plugin: "from", as: asWord("password", "username")},
	"use_jwks":                {plugin: "use_jwks", as: asBool},
	"algorithm":               {plugin: "algorithm", as: asWord("hmac-based", "public-key")},
	"secret":                  {each: (*block).secret},
	"secret_base64_encoded":   {plugin: "secret_base64_encoded", as: asBool},
	"public_key":              {each: (*block).publicKey},
	"refresh_interval":        {each: (*block).refreshInterval},
	"headers":                 {each: (*block).headers},
	"pool_size":               {upstream: "pool_size", as: asNumber(1, 10_000)},
	"acl_claim_name":          {plugin: "acl_claim_name", as: asText},
	"disconnect_after_expire": {plugin: "disconnect_after_expire", as: asBool},
	"verify_claims":           {each: (*block).claims},
}, []string{"mechanism"}}

// jwt carries the authenticator over as the plugin of that name.
func (c *conversion) jwt(k *key, name string) (reason string) {
	b := c.block(&jwtForm, k, name)
	if isTrue(k.val.word("use_jwks")) {
		b.address()
	} else if k.val.fields.get("endpoint") != nil {
		b.refuse("it has an endpoint, and use_jwks is not true")
	}
	keys := 0
	for _, name := range []string{"secret", "public_key"} {
		if v := k.val.fields.get(name); v != nil && (v.kind != text || v.text != "") {
			keys++
		}
	}
	if b.url != "" {
		keys++
	}
	if keys != 1 {
		b.bad(k, "want one of secret, public_key, and use_jwks = true with an endpoint, to verify tokens by")
	}
	return b.carry("builtin:jwt")
}

// least is the length of a secret that cannot be found by trying (RFC 7518 section
// 3.2).
const least = 32 // bytes

func (b *block) secret(k *key) {
	s, o := scalar(k.val)
	if o != nil {
		b.bad(k, "%s", o.bad)
		return
	}
	if name, ok := strings.CutPrefix(s, "file://"); ok {
		if !filepath.IsAbs(name) {
			name = filepath.Join(b.folders.root, name)
		}
		b.add(k, false, "secret_file", b.relative(name))
		return
	}
	if s == "" {
		b.silent++
		return
	}
	n := len(s)
	if isTrue(b.key.val.word("secret_base64_encoded")) {
		n = base64.StdEncoding.DecodedLen(len(strings.TrimRight(s, "=")))
	}
	if n < least {
		b.refuse("its secret is shorter than %d bytes, and can be found by trying; give the issuer a longer one", least)
	}
	b.add(k, false, "secret", s)
}

// publicKey is PEM text, or the name of a file.
func (b *block) publicKey(k *key) {
	if s, o := scalar(k.val); o == nil && strings.Contains(s, "-----BEGIN") {
		b.add(k, false, "public_key", s)
		return
	}
	b.option(k, option{plugin: "public_key_file", as: asPath})
}

// refreshInterval is a number of seconds, or a time.
func (b *block) refreshInterval(k *key) {
	if s, o := scalar(k.val); o == nil && number.MatchString(s) {
		b.add(k, false, "refresh_interval", word(s))
		return
	}
	b.option(k, option{plugin: "refresh_interval", as: asDuration})
}

// claims are names with values, or a list of both.
func (b *block) claims(k *key) {
	if k.val.kind == section && !k.val.numbered() {
		b.tree(k, []string{"verify_claims"})
		return
	}
	if k.val.kind != list {
		b.bad(k, "want names of claims with values")
		return
	}
	v, _ := plain(k.val)
	b.add(k, false, "verify_claims", v)
}
