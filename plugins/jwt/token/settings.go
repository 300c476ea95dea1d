package token

import (
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/config"
	"github.com/wicketmq/wicket/sdk/go/json"
)

// The algorithms of EMQX's two words, and what a key set is for: those that a
// public key can verify (RFC 7518 section 3.1, RFC 8037 section 3.1).
var (
	hmacBased = []string{"HS256", "HS384", "HS512"}
	publicKey = []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA"}
)

// New reads the plugin's settings, gives the keys to the broker or begins to ask
// for them, and says in the log what an operator should know of settings that work.
func New(l *wicket.LoadInfo) (*Authenticator, error) {
	o, err := config.Read(l.Config)
	if err != nil {
		return nil, err
	}
	s := settings{Object: o, load: l}
	a := &Authenticator{acl: "acl"}
	s.who(a)
	s.judged(a)
	keys := s.keys(a)
	s.elsewhere()
	if err := o.Err(); err != nil {
		return nil, err
	}
	if a.keys != nil {
		a.keys.recall()
		a.keys.begin()
	} else if err := wicket.SetJWTKeys(slot, keys); err != nil {
		return nil, errors.New(s.source + ": " + err.Error())
	}
	if len(a.claims) == 0 {
		wicket.Warn("any token of the issuer lets in any client id, whomever it was made for; verify_claims ties it to a client: { sub: \"${clientid}\" }, or to this use: { aud: mqtt }")
	}
	if a.fromUsername && a.username == "" {
		wicket.Warn("the user name of a client is its token, and is shown wherever user names are; with username_claim it has another")
	}
	return a, nil
}

// settings is the configuration while it is read.
type settings struct {
	*config.Object
	load   *wicket.LoadInfo
	source string // the key that the keys come from
}

// who reads where the token is, and whom it names.
func (s *settings) who(a *Authenticator) {
	switch from, ok := s.Text("from"); {
	case !ok || from == "password":
	case from == "username":
		a.fromUsername = true
	default:
		s.Fault("from", "want password or username, not "+strconv.Quote(from))
	}
	a.username, _ = s.Text("username_claim")
}

// judged reads what is asked of the claims.
func (s *settings) judged(a *Authenticator) {
	a.claims = readClaims(s.Object)
	if name, ok := s.Text("acl_claim_name"); ok {
		a.acl = name
	}
	if leave, ok := s.Bool("disconnect_after_expire"); ok {
		a.stay = !leave
	}
	a.leeway = s.seconds("leeway", 0, 300)
}

// keys reads where keys come from, of which there is one place.
func (s *settings) keys(a *Authenticator) (keys wicket.JWTKeys) {
	remote, _ := s.Bool("use_jwks")
	encoded, _ := s.Bool("secret_base64_encoded")
	var found []string
	for _, key := range [...]string{"secret", "secret_file", "public_key", "public_key_file", "jwks_file"} {
		text, ok := s.Text(key)
		if !ok {
			continue
		}
		found = append(found, key)
		if f, ok := s.load.File(key); ok {
			text = string(f.Content)
		}
		switch key {
		case "secret", "secret_file":
			keys.Secret = s.secret(key, text, encoded)
		case "public_key", "public_key_file":
			keys.PEM = s.pem(key, text)
		case "jwks_file":
			keys.JWKS = []byte(text)
		}
	}
	if remote {
		found = append(found, "use_jwks")
	}
	if len(found) != 1 {
		s.Fault("", "want exactly one of secret, secret_file, public_key, public_key_file, jwks_file and use_jwks: true, not "+orNothing(found))
	}
	if encoded && keys.Secret == nil {
		s.Fault("secret_base64_encoded", "there is no secret")
	}
	s.source = strings.Join(found, ", ")
	keys.Algorithms = s.algorithms(keys.Secret != nil)
	a.keys = s.remote(remote, keys.Algorithms)
	return keys
}

func orNothing(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// secret reads one that stands in the configuration, or in a file, whose last line
// break does not count.
func (s *settings) secret(key, text string, encoded bool) []byte {
	if key == "secret_file" {
		text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	}
	secret := []byte(text)
	if encoded {
		var err error
		if secret, err = base64.StdEncoding.DecodeString(text); err != nil {
			s.Fault(key, "it is no Base64, which secret_base64_encoded: true says it is")
			return []byte{}
		}
	}
	if len(secret) < 32 { // RFC 7518 section 3.2
		s.Fault(key, "it has "+strconv.Itoa(len(secret))+" bytes; HS256 needs 32 at least, HS384 48 and HS512 64, or the secret can be found by trying. Make one by `openssl rand -base64 48` and give it to the issuer too")
	}
	return secret
}

// pem reads public keys; a path in its place, as EMQX takes it, is a fault, since
// only keys ending in _file are read, and again when the file changes.
func (s *settings) pem(key, text string) []byte {
	if !strings.Contains(text, "-----BEGIN ") {
		remedy := "want PEM text, -----BEGIN PUBLIC KEY-----"
		if key == "public_key" {
			remedy += "; the name of a file belongs to public_key_file"
		}
		s.Fault(key, remedy)
	}
	return []byte(text)
}

// algorithms reads algorithm, EMQX's word for the kind of key, and algorithms, the
// ones to accept.
func (s *settings) algorithms(secret bool) []string {
	possible, word := publicKey, "public-key"
	if secret {
		possible, word = hmacBased, "hmac-based"
	}
	if a, ok := s.Text("algorithm"); ok && a != word {
		if a != "public-key" && a != "hmac-based" {
			s.Fault("algorithm", "want hmac-based or public-key, not "+strconv.Quote(a))
		} else {
			s.Fault("algorithm", "it is "+a+", and the keys are of "+orNothing([]string{word}))
		}
	}
	list, ok := s.Texts("algorithms")
	if !ok || len(list) == 0 {
		return possible
	}
	for i, name := range list {
		if !slices.Contains(possible, name) {
			s.Fault("algorithms["+strconv.Itoa(i)+"]", strconv.Quote(name)+" is none for these keys; there are "+strings.Join(possible, ", "))
		}
	}
	return list
}

// remote reads how the keys of an issuer are asked for.
func (s *settings) remote(on bool, algorithms []string) *keySet {
	k := &keySet{algorithms: algorithms, start: wicket.Background, put: wicket.SetJWTKeys}
	r := &k.request
	r.Headers = []wicket.Property{{Key: "accept", Value: "application/json"}}
	k.interval = 1000 * s.seconds("refresh_interval", 300, 86400)
	r.Path, _ = s.Text("path")
	r.Upstream, _ = s.Text("upstream")
	if headers, ok := s.Object.Object("headers"); ok {
		for _, name := range headers.Keys() {
			value, _ := headers.Text(name)
			if strings.EqualFold(name, "accept") {
				r.Headers[0].Value = value
				continue
			}
			r.Headers = append(r.Headers, wicket.Property{Key: name, Value: value})
		}
	}
	if !on {
		for _, key := range [...]string{"path", "upstream", "headers", "refresh_interval"} {
			if s.Has(key) {
				s.Fault(key, "it has a meaning with use_jwks: true only")
			}
		}
		return nil
	}
	granted := s.load.Upstreams
	switch {
	case r.Upstream == "" && len(granted) == 1:
		r.Upstream = granted[0]
	case r.Upstream == "":
		s.Fault("upstream", "missing: want one of those that `plugins."+s.load.Plugin+".upstreams` names")
	case !slices.Contains(granted, r.Upstream):
		s.Fault("upstream", strconv.Quote(r.Upstream)+" is not granted; add `plugins."+s.load.Plugin+".upstreams: ["+r.Upstream+"]`")
	}
	return k
}

// seconds reads a number of seconds, or a time such as 300s or 5m.
func (s *settings) seconds(key string, otherwise, most int64) int64 {
	v := s.Value(key)
	if !v.Present() {
		return otherwise
	}
	n, ok := v.Int()
	if text, isText := v.Text(); isText {
		n, ok = parseSeconds(text)
	}
	least := min(otherwise, 1)
	if !ok || v.Kind() != json.Number && v.Kind() != json.String || n < least || n > most {
		s.Fault(key, "want "+strconv.FormatInt(least, 10)+" to "+strconv.FormatInt(most, 10)+" seconds, such as 300, 300s or 5m")
		return otherwise
	}
	return n
}

// parseSeconds reads 300, 300s, 5m or 1h30m.
func parseSeconds(text string) (int64, bool) {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return int64(n), true
	}
	ms, ok := config.Milliseconds(text)
	return ms / 1000, ok && ms%1000 == 0
}

// Keys of EMQX's JWT authenticator whose place is elsewhere here.
var moved = [][2]string{
	{"endpoint", "the server is an upstream: write its address to upstreams.NAME.url and what comes after it to path"},
	{"ssl", "it belongs to the upstream: upstreams.NAME.tls"},
	{"pool_size", "it belongs to the upstream: upstreams.NAME.pool_size"},
}

// elsewhere says where keys that operators bring along belong, and takes those that
// say what is so anyway.
func (s *settings) elsewhere() {
	for _, m := range moved {
		if s.Has(m[0]) {
			s.Value(m[0])
			s.Fault(m[0], m[1])
		}
	}
	if !s.Has("mechanism") {
		return
	}
	if v, ok := s.Text("mechanism"); ok && v != "jwt" {
		s.Fault("mechanism", "want jwt or nothing, not "+strconv.Quote(v))
	}
}
