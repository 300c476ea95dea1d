package backend

import (
	"slices"
	"strconv"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/config"
)

// New reads the plugin's settings. The notes are what an operator should be
// told of settings that work.
func New(l *wicket.LoadInfo) (b *Backend, notes []string, err error) {
	o, err := config.Read(l.Config)
	if err != nil {
		return nil, nil, err
	}
	s := settings{load: l, notes: &notes, upstream: only(l.Upstreams)}
	s.common(o)
	b = &Backend{}
	if o.Has("authorization") {
		if section, ok := o.Object("authorization"); ok {
			b.access = s.query(section, authorization)
		}
	} else {
		o.Object("authorization")
	}
	if !o.Has("authorization") || o.Has("method") || o.Has("path") || o.Has("body") {
		b.login = s.query(o, authentication)
		if ttl := duration(o, "remember_denials"); ttl > 0 {
			b.login.denials = &denials{ttl: int64(ttl), list: map[digest]denial{}}
		}
		if ttl := duration(o, "share_requests"); ttl > 0 {
			b.login.shared = &shared{ttl: int64(ttl), list: map[digest]*waiter{}}
		}
		if b.login.denials != nil || b.login.shared != nil {
			b.login.same = newIdentity()
		}
	} else {
		ignore(o, "method", "path", "body", "headers", "request_timeout", "params", "remember_denials", "share_requests")
	}
	if super, ok := o.Object("superuser"); ok {
		if !s.old {
			o.Fault("superuser", "it needs compat: v4; other servers say is_superuser in their answer")
		}
		b.super = s.query(super, authentication)
	}
	for _, r := range remembered {
		b.keeps = b.keeps || b.login != nil && b.access != nil && b.access.uses(r.name)
	}
	elsewhere(o)
	if err := o.Err(); err != nil {
		return nil, nil, err
	}
	return b, notes, nil
}

// only is the upstream of a plugin that has one.
func only(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return ""
}

// settings are those that hold for all requests of the plugin, unless a
// section says otherwise.
type settings struct {
	load     *wicket.LoadInfo
	notes    *[]string
	upstream string
	deny     bool
	old      bool
}

// common reads the keys that every section may have.
func (s *settings) common(o *config.Object) {
	if name, ok := o.Text("upstream"); ok {
		s.upstream = name
		if !slices.Contains(s.load.Upstreams, name) {
			o.Fault("upstream", strconv.Quote(name)+" is not granted; add `plugins."+s.load.Plugin+".upstreams: ["+name+"]`")
		}
	} else if s.upstream == "" {
		o.Fault("upstream", "missing: want one of those that `plugins."+s.load.Plugin+".upstreams` names")
	}
	if compat, ok := o.Text("compat"); ok {
		s.old = compat == "v4"
		if compat != "v4" && compat != "v5" {
			o.Fault("compat", "want v4 or v5, not "+strconv.Quote(compat))
		}
	}
	switch action, ok := o.Text("on_backend_error"); {
	case !ok:
	case action == "deny" || action == "ignore":
		s.deny = action == "deny"
	default:
		o.Fault("on_backend_error", "want ignore or deny, not "+strconv.Quote(action))
	}
}

// query reads one request, whose section is o.
func (s *settings) query(o *config.Object, a asks) *query {
	own := *s
	if a == authorization {
		own.common(o)
	}
	q := &query{upstream: own.upstream, old: own.old, deny: own.deny}
	q.read(o, &reader{asks: a, v4: own.old, notes: s.notes})
	return q
}

// ignore marks keys as known.
func ignore(o *config.Object, keys ...string) {
	for _, key := range keys {
		if o.Value(key).Present() {
			o.Fault(key, "it has no meaning without method and path")
		}
	}
}

// Keys of EMQX's HTTP authenticator whose place is elsewhere here.
var moved = [][2]string{
	{"url", "the server is an upstream: write its address to upstreams.NAME.url and what comes after it to path"},
	{"ssl", "it belongs to the upstream: upstreams.NAME.tls"},
	{"pool_size", "it belongs to the upstream: upstreams.NAME.pool_size"},
	{"connect_timeout", "it belongs to the upstream: upstreams.NAME.connect_timeout"},
	{"enable_pipelining", "it belongs to the upstream, which has http2"},
}

// said are keys of EMQX that have one value here.
var said = [][2]string{{"mechanism", "password_based"}, {"backend", "http"}, {"type", "http"}}

// elsewhere says where keys that operators bring along belong, and takes those
// that say what is so anyway.
func elsewhere(o *config.Object) {
	for _, m := range moved {
		if o.Has(m[0]) {
			o.Value(m[0])
			o.Fault(m[0], m[1])
		}
	}
	for _, s := range said {
		if !o.Has(s[0]) {
			continue
		}
		if v, ok := o.Text(s[0]); ok && v != s[1] {
			o.Fault(s[0], "want "+s[1]+" or nothing, not "+strconv.Quote(v))
		}
	}
}

// duration reads a time such as 5s, 500ms or 1m30s, in milliseconds.
func duration(o *config.Object, key string) uint32 {
	text, ok := o.Text(key)
	if !ok {
		return 0
	}
	const most = 3600_000
	ms, ok := config.Milliseconds(text)
	if !ok || ms < 1 || ms > most {
		o.Fault(key, "want a time from 1ms to 1h, such as 5s or 500ms")
		return 0
	}
	return uint32(ms)
}
