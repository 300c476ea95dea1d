package emqx

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/upstream"
)

// An authenticator, or authorizer, of EMQX that asks an HTTP server is two things
// here: an upstream, which is the server with its TLS, and a plugin that asks it.

// form is what a block of some kind may have.
type form struct {
	url     string // the key with the address of the server
	options map[string]option
	says    []string // keys that say what kind it is
}

// option is a key of a block.
type option struct {
	upstream string                 // where it goes below upstreams.NAME
	plugin   string                 // or below plugins.NAME.config
	as       convert                // how the value is written
	each     func(b *block, k *key) // for what is more than a value
	why      string                 // or why it is not carried over, which changes nothing of who gets in
}

var httpForm = form{"url", map[string]option{
	"method":          {plugin: "method", as: asWord("get", "post")},
	"request_timeout": {plugin: "request_timeout", as: asDuration},
	"pool_size":       {upstream: "pool_size", as: asNumber(1, 10_000)},
	"connect_timeout": {upstream: "connect_timeout", as: asDuration},
	"headers":         {each: (*block).headers},
	"body":            {each: (*block).body},

	"enable_pipelining": {why: "over HTTP/2 a connection carries a hundred requests at a time, over HTTP/1.1 one; set pool_size of the upstream"},
	"max_inactive":      {why: "a connection that nobody uses is closed after a minute"},
	"connect_retries":   {why: "there are no retries"},
	"retry_interval":    {why: "there are no retries"},
	"max_retries":       {why: "there are no retries"},
}, []string{"mechanism", "backend", "type"}}

// sslOptions are the client's side of TLS, which all kinds share.
var sslOptions = map[string]option{
	"ssl.cacertfile":             {upstream: "tls.cacertfile", as: asPath},
	"ssl.certfile":               {upstream: "tls.certfile", as: asPath},
	"ssl.keyfile":                {upstream: "tls.keyfile", as: asPath},
	"ssl.password":               {upstream: "tls.password", as: asSecret},
	"ssl.verify":                 {upstream: "tls.verify", as: asWord("verify_peer", "verify_none")},
	"ssl.server_name_indication": {upstream: "tls.server_name_indication", as: asServerName},
	"ssl.versions":               {upstream: "tls.versions", as: asWords},
	"ssl.depth":                  {upstream: "tls.depth", as: asNumber(0, 100)},
	"ssl.ciphers":                {upstream: "tls.ciphers", as: asCiphers},

	"ssl.reuse_sessions":       {why: "sessions are resumed where the server lets them be"},
	"ssl.secure_renegotiate":   {why: "there is no renegotiation"},
	"ssl.honor_cipher_order":   {why: "it is for servers"},
	"ssl.dhfile":               {why: "it is for servers"},
	"ssl.hibernate_after":      {why: "an idle connection gives its buffers back by itself"},
	"ssl.log_level":            {why: "TLS logs with the rest of the broker; set log.level"},
	"ssl.user_lookup_fun":      {why: "it names code of EMQX"},
	"ssl.client_renegotiation": {why: "there is no renegotiation"},
	"ssl.middlebox_comp_mode":  {why: "it is always on"},
}

// block is one on its way.
type block struct {
	*conversion
	form     *form
	key      *key
	name     string   // of the plugin
	config   []string // where its settings about the request are
	reason   string   // why it cannot be carried over
	url      string   // of the upstream
	path     string
	tls      bool
	settings []setting // in the order of the file
	silent   int       // keys that need no setting here
	gone     []Finding
	told     []Finding
}

// setting is one value of a block.
type setting struct {
	to       []string // below the upstream or the plugin
	upstream bool
	value    any
	from     *key
}

// http carries an authenticator over as the plugin of that name. What the block
// could keep out by a key that is lost, nobody keeps out: it is lost as a whole
// then, with the reason.
func (c *conversion) http(k *key, name string) (reason string) {
	b := c.block(&httpForm, k, name)
	b.address()
	return b.carry("builtin:http")
}

// httpSource is the same for topics.
func (c *conversion) httpSource(k *key, name string) (reason string) {
	b := c.block(&httpForm, k, name)
	b.config = append(b.config, "authorization")
	b.address()
	return b.carry("builtin:http")
}

func (c *conversion) block(f *form, k *key, name string) *block {
	return &block{conversion: c, form: f, key: k, name: name, config: []string{"plugins", name, "config"}}
}

// carry reads all keys and writes what they become, unless there is a reason not to.
func (b *block) carry(file string) (reason string) {
	c := b.conversion
	b.walk(b.key.val, nil)
	if _, asks := b.form.options["method"]; asks && b.key.val.fields.get("method") == nil { // it has no default (T-25)
		b.bad(b.key, "the method is missing, get or post, as in method = post, body { username = \"${username}\", password = \"${password}\" }")
	}
	b.verify()
	if b.reason != "" || len(c.Errors) > 0 {
		return b.reason
	}
	c.write(b.key, []string{"plugins", b.name, "file"}, file)
	c.Carried-- // the block is no key
	b.write()
	c.Lost, c.Notes, c.Carried = append(c.Lost, b.gone...), append(c.Notes, b.told...), c.Carried+b.silent
	return ""
}

// sub is the key of something in the block.
func (b *block) sub(path []string, v *value) *key {
	return &key{rule: &rule{}, path: append(slices.Clone(b.key.path), path...), val: v, at: v.at}
}

func (b *block) bad(k *key, format string, args ...any) { b.fail(k.at, k.String(), format, args...) }

// refuse says why the block cannot be carried over.
func (b *block) refuse(format string, args ...any) {
	if b.reason == "" {
		b.reason = fmt.Sprintf(format, args...)
	}
}

func (b *block) add(k *key, onUpstream bool, to string, v any) {
	b.settings = append(b.settings, setting{strings.Split(to, "."), onUpstream, v, k})
}

// address reads the URL: the server of the upstream, and what the plugin asks
// it for (AHTTP-01).
func (b *block) address() {
	v := b.key.val.fields.get(b.form.url)
	if v == nil || v.kind != text {
		b.bad(b.key, "the address of the server is missing, as in %s = \"https://auth.example.com:8443/mqtt\"", b.form.url)
		return
	}
	k := b.sub([]string{b.form.url}, v)
	rest := strings.TrimSpace(v.text)
	scheme, rest, ok := strings.Cut(rest, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	b.url, b.path = scheme+"://"+rest[:end], rest[end:]
	err := upstream.CheckURL(b.url)
	switch {
	case !ok:
		b.bad(k, "this is no URL: write https://host:port/path")
	case strings.Contains(rest[:end], "${"):
		b.refuse("the host of its address depends on the client")
	case strings.Contains(b.path, "#"):
		b.bad(k, "a fragment (#) is never sent to a server")
	case err != nil:
		b.bad(k, "%v", err)
	}
	b.tls = strings.EqualFold(scheme, "https")
	b.add(k, true, "url", b.url)
	if b.path == "" {
		b.path = "/"
	}
	b.add(k, false, "path", b.path)
	b.silent-- // one key, two settings
	ssl := b.key.val.fields.get("ssl")
	if b.tls && (ssl == nil || ssl.kind != section || !isTrue(ssl.word("enable"))) {
		b.bad(k, "an https URL needs ssl { enable = true, … }, as in EMQX")
	}
}

// walk reads all other keys.
func (b *block) walk(v *value, path []string) {
	for _, word := range v.fields.keys {
		below := v.fields.byID[word]
		at := append(slices.Clone(path), word)
		k, name := b.sub(at, below), strings.Join(at, ".")
		o, known := b.form.options[name]
		if !known {
			o, known = sslOptions[name]
		}
		switch {
		case name == b.form.url && b.url != "":
		case slices.Contains(b.form.says, name), name == "enable", name == "enabled", name == "ssl.enable":
			b.silent++
		case o.each != nil:
			o.each(b, k)
		case name == "ssl" && !b.tls:
			b.silent += below.count()
			b.told = append(b.told, Finding{Place: below.at, Key: k.String(), Text: "it is not used, as in EMQX, since no server is asked by https"})
		case name == "ssl" && below.kind == section:
			b.walk(below, at)
		case name == "ssl.partial_chain" && below.kind == text: // any authority of cacertfile is an anchor
			b.silent++
		case name == "ssl.verify_peer_ext_key_usage" && below.kind == text && below.text == "serverAuth": // always looked at
			b.silent++
		case known:
			b.option(k, o)
		default:
			b.refuse("its key %s is not known here, and may be a condition", shorten(name))
		}
	}
}

// option reads a key of the table.
func (b *block) option(k *key, o option) {
	if o.as == nil && k.val.kind == list && len(k.val.list) == 0 {
		b.silent++
		return
	}
	if o.as == nil {
		b.gone = append(b.gone, Finding{k.at, k.String(), "not carried over: " + o.why, k.val.count()})
		return
	}
	if b.url == "" && o.upstream != "" {
		b.gone = append(b.gone, Finding{k.at, k.String(), "not carried over: no server is asked, so it is not used", 1})
		return
	}
	switch out := o.as(b.conversion, k.val); {
	case out.bad != "":
		b.bad(k, "%s", out.bad)
	case out.lost != "":
		b.gone = append(b.gone, Finding{k.at, k.String(), "not carried over: " + out.lost, 1})
		if out.value != nil { // the rest of it is
			b.add(k, o.upstream != "", o.upstream+o.plugin, out.value)
		}
	case out.skip:
		b.silent++
	case o.upstream != "":
		b.add(k, true, o.upstream, out.value)
	default:
		b.add(k, false, o.plugin, out.value)
	}
}

// Headers that say what is so anyway, or cannot be.
var (
	connectionHeaders = []string{"connection", "keep-alive"}
	brokersHeaders    = []string{"host", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect"}
)

func (b *block) headers(k *key) {
	if k.val.kind != section {
		b.bad(k, "want names with values")
		return
	}
	for _, name := range k.val.fields.keys {
		v := k.val.fields.byID[name]
		h := b.sub([]string{"headers", name}, v)
		lower := strings.ToLower(name)
		switch {
		case v.kind != text:
			b.bad(h, "one value is expected here")
		case slices.Contains(connectionHeaders, lower):
			b.told = append(b.told, Finding{Place: v.at, Key: h.String(), Text: "it speaks of the connection, which is the broker's: it is left out"})
			b.silent++
		case slices.Contains(brokersHeaders, lower):
			b.refuse("its header %s is the broker's", lower)
		case lower == "content-type" && b.key.val.word("method") == "get":
			b.bad(h, "a get has no body, and so no content-type")
		case lower == "authorization" && strings.Contains(v.text, "${"):
			b.refuse("its header authorization depends on the client, and is one for all here")
		case lower == "authorization":
			b.add(h, true, "authorization", strings.TrimSpace(v.text))
		default:
			b.settings = append(b.settings, setting{[]string{"headers", lower}, false, strings.TrimSpace(v.text), h})
		}
	}
}

func (b *block) body(k *key) { b.tree(k, []string{"body"}) }

// tree writes a body, whose values keep their kind.
func (b *block) tree(k *key, path []string) {
	if k.val.kind != section {
		v, ok := plain(k.val)
		if !ok || len(path) == 1 {
			b.bad(k, "want keys with values")
			return
		}
		b.settings = append(b.settings, setting{path, false, v, k})
		return
	}
	for _, name := range k.val.fields.keys {
		at := append(slices.Clone(path), name)
		b.tree(b.sub(at, k.val.fields.byID[name]), at)
	}
	if len(k.val.fields.keys) == 0 {
		b.settings = append(b.settings, setting{path, false, flow("{}"), k})
	}
}

// number matches what HOCON and JSON take for a number.
var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// plain returns a value as YAML has it.
func plain(v *value) (any, bool) {
	switch {
	case v.kind == null:
		return flow("null"), true
	case v.kind == text && !v.quoted && (v.text == "true" || v.text == "false" || number.MatchString(v.text)):
		return flow(v.text), true
	case v.kind == text:
		return v.text, true
	}
	data, err := json.Marshal(generic(v))
	return flow(data), err == nil
}

// generic is a value as package encoding/json writes it.
func generic(v *value) any {
	switch v.kind {
	case section:
		m := map[string]any{}
		for _, name := range v.fields.keys {
			m[name] = generic(v.fields.byID[name])
		}
		return m
	case list:
		out := make([]any, len(v.list))
		for i, e := range v.list {
			out[i] = generic(e)
		}
		return out
	}
	if p, _ := plain(v); reflect.TypeOf(p) == reflect.TypeFor[flow]() {
		return json.RawMessage(p.(flow))
	}
	return v.text
}

// verify: the server's certificate is not looked at, as in EMQX, unless the file
// says so (AHTTP-08, T-26).
func (b *block) verify() {
	set := slices.ContainsFunc(b.settings, func(s setting) bool { return s.upstream && slices.Equal(s.to, []string{"tls", "verify"}) })
	if !b.tls || set {
		return
	}
	from := b.sub([]string{"ssl"}, b.key.val)
	b.add(from, true, "tls.verify", word("verify_none"))
	b.silent-- // no key
	b.told = append(b.told, Finding{Place: b.key.at, Key: from.String() + ".verify",
		Text: "the file does not set it; EMQX's default is carried over, verify_none: whoever answers in place of the server is believed. Set verify = verify_peer"})
}

// write writes the settings; those of the upstream only when it is new.
func (b *block) write() {
	name, fresh := "", false
	if b.url != "" {
		name, fresh = b.upstreamOf(b)
		b.out.set([]string{"plugins", b.name, "upstreams"}, []string{name}, b.key.at, "", "")
	}
	for _, s := range b.settings {
		switch {
		case !s.upstream:
			b.conversion.write(s.from, append(slices.Clone(b.config), s.to...), s.value)
		case fresh:
			b.conversion.write(s.from, append([]string{"upstreams", name}, s.to...), s.value)
		default:
			b.Carried++
		}
	}
	b.time(name)
}

// time gives upstream and plugin the time that the request may take.
func (b *block) time(name string) {
	wanted := b.out.text(append(slices.Clone(b.config), "request_timeout"))
	d, err := config.ParseDuration(wanted)
	if err != nil || d <= defaultTimeout {
		return
	}
	at, why := b.key.at, "for "+b.sub([]string{"request_timeout"}, b.key.val).String()
	b.out.set([]string{"plugins", b.name, "timeout"}, word(wanted), at, "", why)
	path := []string{"upstreams", name, "request_timeout"}
	if there, err := config.ParseDuration(b.out.text(path)); err != nil || there < d {
		b.out.force(path, word(wanted), at, why)
	}
}

// defaultTimeout is that of upstreams and of plugins.
const defaultTimeout = 5 * time.Second

// upstreamOf returns the upstream of a block: one that is there already, when all
// its settings are the same, or a new one.
func (c *conversion) upstreamOf(b *block) (name string, fresh bool) {
	want := map[string]any{}
	for _, s := range b.settings {
		if s.upstream {
			want[strings.Join(s.to, ".")] = s.value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.upstreams)) {
		if reflect.DeepEqual(c.upstreams[name], want) {
			return name, false
		}
	}
	name = "http"
	for n := 2; c.upstreams[name] != nil; n++ {
		name = "http-" + strconv.Itoa(n)
	}
	c.upstreams[name] = want
	return name, true
}

// asCiphers keeps the suites that can be had. Where none is left Go's are offered,
// which are as good: a server that wants another is not reached.
func asCiphers(_ *conversion, v *value) outcome {
	list, o := texts(v)
	if o != nil {
		return *o
	}
	kept, gone := suites(list)
	out := outcome{skip: len(kept) == 0}
	if len(kept) > 0 {
		out.value = kept
	}
	if len(gone) > 0 {
		out.lost = fmt.Sprintf("%d of %d: %s", len(gone), len(gone)+len(kept), strings.Join(gone, ", "))
	}
	return out
}

// asServerName: an empty text means not to check the name, as disable does
// (AHTTP-09, T-06).
func asServerName(_ *conversion, v *value) outcome {
	s, o := scalar(v)
	if o != nil {
		return *o
	}
	if s == "" {
		s = config.NoServerName
	}
	return outcome{value: s}
}
