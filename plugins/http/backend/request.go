package backend

import (
	"strings"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/config"
	"github.com/wicketmq/wicket/sdk/go/json"
)

// query is a request to the upstream, ready to be filled in.
type query struct {
	upstream string
	method   string
	path     template
	headers  []header
	body     template
	timeout  uint32 // milliseconds; 0 for as long as there is time
	old      bool   // answers are those of EMQX 4
	deny     bool   // when there is no answer that can be used

	// Of the above, for request.
	secret   bool              // the password is part of the request
	constant []wicket.Property // headers, if they are the same each time
	room     []byte            // for path and body
	seen     [answersSeen]seen // answers
	idle     []*waiter
	denials  *denials  // nil: none are remembered
	shared   *shared   // nil: each client has its own request
	same     *identity // nil: neither of both
}

type header struct {
	name  string
	value template
}

// uses reports whether a field is part of the request.
func (q *query) uses(name string) bool {
	for i := range q.headers {
		if q.headers[i].value.uses(name) {
			return true
		}
	}
	return q.path.uses(name) || q.body.uses(name)
}

// ready makes what is needed to fill the query in.
func (q *query) ready() {
	q.secret = q.uses("password")
	q.constant = make([]wicket.Property, 0, len(q.headers))
	for i := range q.headers {
		h := &q.headers[i]
		if text, ok := h.value.constant(); ok && q.constant != nil {
			q.constant = append(q.constant, wicket.Property{Key: h.name, Value: text})
		} else {
			q.constant = nil
		}
	}
	q.room = make([]byte, 0, q.path.size()+q.body.size())
}

// mostRoom is the size of requests for which room is kept.
const mostRoom = 16 << 10

// forget wipes the request that is in the room: there may be a password in it.
func (q *query) forget() {
	clear(q.room)
	if cap(q.room) > mostRoom {
		q.room = nil
	}
}

// request fills the query in for a client: what it returns is good until forget or
// the next one. The error says why the request must not be sent.
func (q *query) request(s *subject) (wicket.HTTPRequest, error) {
	r := wicket.HTTPRequest{Upstream: q.upstream, Method: q.method, Timeout: q.timeout}
	b, err := q.path.appendTo(q.room[:0], s)
	n := len(b)
	if err == nil {
		err = checkPath(b)
	}
	if err == nil {
		r.Headers, err = q.header(s)
	}
	if err == nil && len(q.body) > 0 {
		b, err = q.body.appendTo(b, s)
	}
	if q.room = b; err != nil {
		return r, err
	}
	if r.Path = text(b[:n]); len(q.body) > 0 {
		r.Body = b[n:]
	}
	return r, nil
}

func (q *query) header(s *subject) ([]wicket.Property, error) {
	if q.constant != nil {
		return q.constant, nil
	}
	list := make([]wicket.Property, len(q.headers))
	for i := range q.headers {
		v, err := q.headers[i].value.appendTo(nil, s)
		if err == nil {
			err = checkHeader(v)
		}
		if err != nil {
			return nil, err
		}
		list[i] = wicket.Property{Key: q.headers[i].name, Value: string(v)}
	}
	return list, nil
}

// mediaForm and mediaJSON are the kinds of bodies that are sent and understood.
const (
	mediaForm = "application/x-www-form-urlencoded"
	mediaJSON = "application/json"
)

// media is a content type without its parameters.
func media(contentType string) string {
	if contentType == mediaJSON {
		return mediaJSON
	}
	name, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.Trim(name, " \t"))
}

// read reads the keys of a request out of a block of settings.
func (q *query) read(o *config.Object, r *reader) {
	post := q.readMethod(o)
	contentType := q.readHeaders(o, r, post)
	q.readPath(o, r)
	body := o.Value("body")
	params := q.readParams(o, r)
	switch {
	case len(params) > 0 && body.Present():
		o.Fault("params", "it is another way to write body: set one of them")
	case len(params) > 0:
	case body.Present() && body.Kind() != json.Object:
		o.Fault("body", "want keys with values, not "+body.Kind().String())
	case post && contentType == mediaJSON && body.Present():
		q.body = r.jsonBody(nil, body)
	case body.Present():
		params = q.flat(o, r, body)
	}
	if !post {
		q.appendQuery(params)
		if q.path.uses("password") {
			r.note("the password is part of the URL, which servers write to their logs: use method: post")
		}
	} else if len(params) > 0 && contentType == mediaJSON {
		o.Fault("params", "they need the header content-type: "+mediaForm)
	} else if len(params) > 0 {
		q.body = params
	}
	q.timeout = duration(o, "request_timeout")
	q.ready()
}

func (q *query) readMethod(o *config.Object) (post bool) {
	method, ok := o.Text("method")
	switch q.method = strings.ToUpper(method); {
	case !ok && !o.Has("method"):
		o.Fault("method", "missing: want get or post, as in method: post, path: /auth, body: {username: \"${username}\", password: \"${password}\"}")
	case ok && q.method != "GET" && q.method != "POST":
		o.Fault("method", "want get or post, not "+method)
	}
	return q.method == "POST"
}

// readPath takes the text before the first "?" for a path, and what follows
// for a query.
func (q *query) readPath(o *config.Object, r *reader) {
	text, _ := o.Text("path")
	if text != "" && text[0] != '/' && text[0] != '?' {
		o.Fault("path", `want a path that begins with "/", below the URL of the upstream`)
	}
	if strings.Contains(text, "#") {
		o.Fault("path", "a fragment (#) is never sent to a server: remove it")
	}
	path, rest := text, ""
	if i := strings.IndexByte(text, '?'); i >= 0 {
		path, rest = text[:i], text[i:]
	}
	uri := *r
	uri.v4 = false // %c3 is an escape
	q.path = uri.read(nil, path, inPath, uriText)
	q.path = uri.read(q.path, rest, inQuery, uriText)
}

// Headers that are the broker's affair, and why.
var reserved = map[string]string{
	"host":              "the upstream's URL says it",
	"content-length":    "it follows from the body",
	"transfer-encoding": "it follows from the body",
	"authorization":     "it is set as `authorization` of the upstream, where no plugin sees it",
	"te":                "it speaks of the connection, which is the broker's", "trailer": "there are none",
	"upgrade": "it speaks of the connection, which is the broker's", "expect": "requests are sent at once",
}

// readHeaders reads the headers, adds those that EMQX sends (AHTTP-03), and
// returns the kind of the body.
func (q *query) readHeaders(o *config.Object, r *reader, post bool) (contentType string) {
	given := map[string]bool{}
	h, ok := o.Object("headers")
	for _, key := range keys(h, ok) {
		name, text := strings.ToLower(key), ""
		text, _ = h.Text(key)
		switch {
		case !token(name):
			h.Fault(key, "it is not the name of a header")
		case reserved[name] != "":
			h.Fault(key, "it cannot be set: "+reserved[name])
		case name == "connection" || name == "keep-alive":
			r.note("the header " + name + " speaks of the connection, which is the broker's: it is left out")
		case given[name]:
			h.Fault(key, "the header is there twice")
		case name == "content-type" && !post:
			h.Fault(key, "a get has no body")
		default:
			if err := checkHeader([]byte(text)); err != nil {
				h.Fault(key, err.Error())
			}
			q.headers = append(q.headers, header{name, r.read(nil, text, inHeader, asIs)})
		}
		if given[name] = true; name == "content-type" {
			contentType = media(text)
		}
	}
	if given["content-type"] && post && contentType != mediaJSON && contentType != mediaForm {
		h.Fault("content-type", "want "+mediaJSON+" or "+mediaForm)
	}
	preset := func(name, text string) {
		if !given[name] {
			q.headers = append(q.headers, header{name, template{part{text: text}}})
		}
	}
	if post && !given["content-type"] {
		contentType = mediaJSON
		if q.old {
			contentType = mediaForm
		}
		preset("content-type", contentType)
	}
	preset("accept", mediaJSON)
	preset("cache-control", "no-cache")
	return contentType
}

func keys(o *config.Object, ok bool) []string {
	if !ok {
		return nil
	}
	return o.Keys()
}

// token reports whether a text is the name of a header (RFC 9110 section 5.1).
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// jsonBody writes a body of any shape as JSON; texts are templates, and other
// values stay what they are.
func (r *reader) jsonBody(t template, v json.Value) template {
	switch v.Kind() {
	case json.Object:
		sep := "{"
		for _, m := range v.Members() {
			t = r.read(t.literal(sep+`"`), m.Key, inJSON, jsonText).literal(`":`)
			t, sep = r.jsonBody(t, m.Value), ","
		}
		if sep == "{" {
			return t.literal("{}")
		}
		return t.literal("}")
	case json.Array:
		t = t.literal("[")
		for i, e := range v.List() {
			if i > 0 {
				t = t.literal(",")
			}
			t = r.jsonBody(t, e)
		}
		return t.literal("]")
	case json.String:
		text, _ := v.Text()
		return r.read(t.literal(`"`), text, inJSON, jsonText).literal(`"`)
	case json.Bool, json.Number:
		return t.literal(v.Literal())
	}
	return t.literal("null")
}

// flat writes a body as a form, which has no place for lists and objects.
func (q *query) flat(o *config.Object, r *reader, body json.Value) (t template) {
	for i, m := range body.Members() {
		if i > 0 {
			t = t.literal("&")
		}
		t = r.read(t, m.Key, inQuery, formText).literal("=")
		switch text, isText := m.Value.Text(); {
		case isText:
			t = r.read(t, text, inQuery, formText)
		case m.Value.Literal() != "":
			t = t.literal(formText(m.Value.Literal()))
		case m.Value.Present():
			o.Fault("body."+m.Key, "want text; only a JSON body has a place for "+m.Value.Kind().String())
		}
	}
	return t
}

// readParams reads the way in which EMQX 4 writes a body:
// "clientid=%c,username=%u".
func (q *query) readParams(o *config.Object, r *reader) (t template) {
	if !q.old {
		return nil
	}
	text, _ := o.Text("params")
	for pair := range strings.SplitSeq(text, ",") {
		key, v, ok := strings.Cut(strings.Trim(pair, " "), "=")
		if !ok {
			if text != "" {
				o.Fault("params", "want pairs such as username=%u, separated by commas")
			}
			continue
		}
		if len(t) > 0 {
			t = t.literal("&")
		}
		t = r.read(t.literal(formText(key)+"="), v, inQuery, formText)
	}
	return t
}

// appendQuery puts what would be the body of a post behind the query that the
// path has itself.
func (q *query) appendQuery(params template) {
	if len(params) == 0 {
		return
	}
	sep := "?"
	for i := range q.path {
		if q.path[i].field == nil && strings.Contains(q.path[i].text, "?") {
			sep = "&"
		}
	}
	q.path = q.path.literal(sep)
	for i := range params {
		if params[i].field == nil {
			q.path = q.path.literal(params[i].text)
		} else {
			q.path = append(q.path, params[i])
		}
	}
}
