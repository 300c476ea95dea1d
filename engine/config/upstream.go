package config

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/upstream"
)

// Upstream is an HTTP server that plugins may ask.
type Upstream struct {
	URL            string          `key:"url" required:"true" doc:"Where requests go, as in https://auth.example.com:8443/v1. Plugins choose what comes after this path, never the host. No user name, query or fragment."`
	TLS            UpstreamTLS     `key:"tls" aka:"ssl" doc:"The client's side of TLS, for an https URL. The option names are those of EMQX."`
	HTTP2          bool            `key:"http2" default:"true" doc:"Whether HTTP/2 is offered over https, where one connection carries up to 100 requests at a time; over HTTP/1.1 it carries one."`
	PoolSize       int             `key:"pool_size" default:"8" min:"1" max:"10000" doc:"Most connections. They are opened as they are needed, and closed when nobody has used them for a minute."`
	MaxInFlight    int             `key:"max_in_flight" default:"25000" min:"1" max:"1000000" doc:"Most requests at one time, those that wait for a connection included; a further one fails at once. Whatever this says, they take 32 MB of memory at most."`
	ConnectTimeout time.Duration   `key:"connect_timeout" default:"15s" min:"10ms" max:"5m" doc:"Time to open a connection, name look-up and TLS handshake included."`
	RequestTimeout time.Duration   `key:"request_timeout" default:"5s" min:"10ms" max:"5m" doc:"Time from the plugin's request to the end of the answer, waiting and connecting included. A plugin may ask for less. There are no retries."`
	MaxResponse    ByteSize        `key:"max_response" default:"64KB" min:"1KB" max:"16MB" doc:"Largest body of an answer; a larger one is not read and counts as none."`
	Authorization  Secret          `key:"authorization" doc:"Value of the Authorization header field of all requests, such as Bearer TOKEN: the text itself, or file:///path to read it from. No plugin sees it, or can set the field."`
	Breaker        UpstreamBreaker `key:"breaker" doc:"When a server that keeps failing is left alone."`
}

// UpstreamTLS is the client's side of TLS.
type UpstreamTLS struct {
	Cacertfile  string       `key:"cacertfile" path:"file" doc:"PEM bundle of the authorities that the server's certificate must lead to; needed by verify_peer unless system_roots is set."`
	SystemRoots bool         `key:"system_roots" default:"false" doc:"Whether the authorities that the operating system trusts are those of this upstream, in place of cacertfile."`
	Certfile    string       `key:"certfile" path:"file" doc:"PEM file with the broker's own certificate, leaf first, shown when the server asks for one."`
	Keyfile     string       `key:"keyfile" path:"file" doc:"PEM file with the private key of certfile. No plugin sees it."`
	Password    Secret       `key:"password" doc:"Password of an encrypted private key: the text itself, or file:///path to read it from."`
	Verify      Verify       `key:"verify" default:"verify_peer" doc:"verify_peer checks the server's certificate and name; verify_none believes whoever answers."`
	ServerName  string       `key:"server_name_indication" doc:"Name to ask for and to check in place of the URL's host; disable neither asks for a name nor checks it."`
	Versions    []TLSVersion `key:"versions" default:"tlsv1.3,tlsv1.2" doc:"Protocol versions offered, without a gap."`
	Ciphers     []string     `key:"ciphers" doc:"Cipher suites that are offered, by their OpenSSL or IANA names; empty means those that Go thinks safe. A name that cannot be used is a mistake. TLS 1.3 has its own, which are always on when that version is."`
	Depth       int          `key:"depth" default:"10" min:"0" max:"100" doc:"Most intermediate authorities between the server's certificate and its trust anchor."`
}

// UpstreamBreaker says when a failing upstream is left alone.
type UpstreamBreaker struct {
	Failures   int           `key:"failures" default:"5" min:"1" max:"1000000" doc:"Requests in a row without any answer after which further ones fail at once. An answer counts as one whatever its status."`
	Backoff    time.Duration `key:"backoff" default:"500ms" min:"10ms" max:"10m" doc:"Time until the broker looks for the server again, give or take a half; it doubles each time."`
	MaxBackoff time.Duration `key:"max_backoff" default:"10s" min:"10ms" max:"1h" doc:"Where the time stops growing. Once the server is back, requests are let through one, two, four at a time and so on."`
}

// NoServerName is the server_name_indication that asks for no name.
const NoServerName = "disable"

// upstreams: AHTTP-01 and AHTTP-07 to AHTTP-10.
func (v *validator) upstreams() {
	for _, name := range slices.Sorted(maps.Keys(v.cfg.Upstreams)) {
		path, u := []string{"upstreams", name}, v.cfg.Upstreams[name]
		url := below(path, "url")
		if v.broken(url...) {
			continue
		}
		if err := upstream.CheckURL(u.URL); err != nil {
			v.fail(url, "%v", err)
			continue
		}
		v.upstreamTLS(below(path, "tls"), &u)
		v.cfg.Upstreams[name] = u
		if b := below(path, "breaker"); u.Breaker.Backoff > u.Breaker.MaxBackoff && !v.broken(b...) {
			v.fail(below(b, "backoff"), "%s is more than max_backoff, %s", FormatDuration(u.Breaker.Backoff), FormatDuration(u.Breaker.MaxBackoff))
		}
	}
}

// granted: what a plugin may ask is there, and it may ask at all.
func (v *validator) granted() {
	if v.broken("upstreams") || v.broken("plugins") {
		return
	}
	names := slices.Sorted(maps.Keys(v.cfg.Upstreams))
	for _, plugin := range slices.Sorted(maps.Keys(v.cfg.Plugins)) {
		p, path := v.cfg.Plugins[plugin], []string{"plugins", plugin, "upstreams"}
		for i, name := range p.Upstreams {
			if _, known := v.cfg.Upstreams[name]; !known {
				v.failAt(path, i, "no upstream is called %q%s", name, didYouMean(name, names))
			}
		}
		if len(p.Upstreams) > 0 && !slices.Contains(p.Grants, GrantHTTP) && !strings.HasPrefix(p.File, BuiltinPrefix) {
			v.warn(path, "it is not used, because grants lacks http")
		}
	}
}

func (v *validator) upstreamTLS(path []string, u *Upstream) {
	t, verify := &u.TLS, below(path, "verify")
	if !strings.HasPrefix(strings.ToLower(u.URL), "https:") {
		if _, set := v.origins[pathKey(path)]; set {
			v.warn(path, "it is not used, because the URL begins with http://")
		}
		v.warn(below(path[:len(path)-1], "url"), "requests and answers, passwords among them, can be read and changed on the way; use https")
		return
	}
	v.versions(below(path, "versions"), t.Versions)
	v.upstreamCiphers(path, t)
	v.upstreamPair(path, t)
	v.upstreamName(below(path, "server_name_indication"), t)
	if v.broken(verify...) || v.broken(below(path, "cacertfile")...) || v.broken(below(path, "system_roots")...) {
		return
	}
	trusts := t.Cacertfile != "" || t.SystemRoots
	switch {
	case t.Verify == VerifyPeer && !trusts:
		v.fail(verify, "verify_peer needs cacertfile, the authorities that the server's certificate must lead to, or system_roots: true")
	case t.Verify == VerifyPeer && t.Cacertfile != "" && t.SystemRoots:
		v.fail(below(path, "system_roots"), "it stands in place of cacertfile: set one of them")
	case t.Verify == VerifyNone:
		v.warn(verify, "whoever can answer in place of %s decides who gets in, and reads what the plugins send; set verify: verify_peer", u.URL)
	}
}

// upstreamCiphers: names that are not known are mistakes, and so is a version
// without a suite, as for listeners (AHTTP-07, TLS-11).
func (v *validator) upstreamCiphers(path []string, t *UpstreamTLS) {
	ciphers, versions := below(path, "ciphers"), below(path, "versions")
	if v.broken(ciphers...) || v.broken(versions...) {
		return
	}
	names := make([]string, len(t.Versions))
	for i, name := range t.Versions {
		names[i] = string(name)
	}
	lowest, highest, err := cert.Versions(names)
	if err != nil {
		return // who looks at versions has said it
	}
	_, warnings, err := cert.ClientSuites(t.Ciphers, lowest, highest)
	if err != nil {
		v.fail(ciphers, "%s", err)
	}
	for _, w := range warnings {
		v.warn(ciphers, "%s", strings.TrimPrefix(w, "ciphers: "))
	}
}

// upstreamPair: both halves, or none (AHTTP-10).
func (v *validator) upstreamPair(path []string, t *UpstreamTLS) {
	cert, key := below(path, "certfile"), below(path, "keyfile")
	if v.broken(cert...) || v.broken(key...) {
		return
	}
	switch {
	case t.Certfile == "" && t.Keyfile != "":
		v.fail(key, "a key without a certificate: set certfile as well")
	case t.Certfile != "" && t.Keyfile == "":
		v.fail(cert, "a certificate without a key: set keyfile as well")
	case t.Keyfile == "" && t.Password.IsSet():
		v.warn(below(path, "password"), "there is no keyfile that it could open")
	}
}

// upstreamName: an empty text is what EMQX's guide writes for disable; not to
// set the key checks the URL's host (AHTTP-09, T-06).
func (v *validator) upstreamName(path []string, t *UpstreamTLS) {
	if _, set := v.origins[pathKey(path)]; set && t.ServerName == "" && !v.broken(path...) {
		t.ServerName = NoServerName
	}
	switch {
	case strings.ContainsAny(t.ServerName, " \t/:*"):
		v.fail(path, "%q is not a server name: write auth.example.com, or %s", t.ServerName, NoServerName)
	case t.ServerName == NoServerName && t.Verify == VerifyPeer:
		v.warn(path, "the server's name is not checked: everybody with a certificate of the same authorities is believed")
	}
}
