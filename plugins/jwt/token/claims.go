package token

import (
	"errors"
	"strconv"
	"strings"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/config"
	"github.com/wicketmq/wicket/sdk/go/json"
)

// subject is a client that shows a token.
type subject struct {
	ctx *wicket.Context
	c   *wicket.Connect
}

// claim is what a claim of a token has to be.
type claim struct {
	name string
	want template
}

// holds reports whether a claim is as wanted: the same text, the same number or
// truth value as it is written, or a list that has it, as aud may be (RFC 7519
// section 4.1.3).
func (w *claim) holds(s *subject, claims json.Value) bool {
	want, ok := w.want.fill(s)
	if !ok {
		return false
	}
	v := claims.Get(w.name)
	for _, e := range v.List() {
		if same(e, want) {
			return true
		}
	}
	return same(v, want)
}

func same(v json.Value, want string) bool {
	switch v.Kind() {
	case json.String:
		text, _ := v.Text()
		return text == want
	case json.Number, json.Bool:
		return v.Literal() == want
	}
	return false
}

// template is text with placeholders.
type template []part

// part is text, or a field with its argument in text.
type part struct {
	text  string
	field func(*subject, string) (string, bool)
}

// fill returns the text of a template, and not ok when a placeholder has no value
// or an empty one: nothing must be taken for a match.
func (t template) fill(s *subject) (text string, ok bool) {
	for i := range t {
		p := &t[i]
		if p.field == nil {
			text += p.text
			continue
		}
		v, ok := p.field(s, p.text)
		if !ok || v == "" {
			return "", false
		}
		text += v
	}
	return text, true
}

// fields are the placeholders.
var fields = map[string]func(*subject, string) (string, bool){
	"clientid":         func(s *subject, _ string) (string, bool) { return s.c.ClientID, true },
	"username":         func(s *subject, _ string) (string, bool) { return s.c.Username, s.c.HasUsername },
	"listener":         func(s *subject, _ string) (string, bool) { return s.c.Listener, true },
	"cert_common_name": func(s *subject, _ string) (string, bool) { return s.ctx.Certificate(wicket.CertCommonName, 0) },
	"cert_subject":     func(s *subject, _ string) (string, bool) { return s.ctx.Certificate(wicket.CertSubject, 0) },
}

// attribute is the placeholder ${client_attrs.NAME}.
func attribute(s *subject, name string) (string, bool) {
	for i := range s.c.Attributes {
		if s.c.Attributes[i].Key == name {
			return s.c.Attributes[i].Value, true
		}
	}
	return "", false
}

var errPlaceholder = errors.New("want ${clientid}, ${username}, ${listener}, ${cert_common_name}, ${cert_subject} or ${client_attrs.NAME}")

// parseTemplate reads text with placeholders; ${$} stands for a dollar sign.
func parseTemplate(text string) (t template, err error) {
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			return t.literal(text), nil
		}
		t = t.literal(text[:i])
		name, rest, ok := strings.Cut(text[i+2:], "}")
		argument, isAttribute := strings.CutPrefix(name, "client_attrs.")
		switch {
		case ok && name == "$":
			t = t.literal("$")
		case ok && fields[name] != nil:
			t = append(t, part{field: fields[name]})
		case ok && isAttribute && argument != "":
			t = append(t, part{text: argument, field: attribute})
		default:
			return nil, errors.New(strconv.Quote(text[i:]) + " is no placeholder: " + errPlaceholder.Error())
		}
		text = rest
	}
}

func (t template) literal(text string) template {
	if text == "" {
		return t
	}
	return append(t, part{text: text})
}

// readClaims reads verify_claims: names with values, or EMQX's list of them.
func readClaims(o *config.Object) (list []claim) {
	const key = "verify_claims"
	v := o.Value(key)
	members := v.Members()
	for i, e := range v.List() {
		name, ok := e.Get("name").Text()
		if !ok || !e.Get("value").Present() || len(e.Members()) != 2 {
			o.Fault(key+"["+strconv.Itoa(i)+"]", "want name and value")
			continue
		}
		members = append(members, json.Member{Key: name, Value: e.Get("value")})
	}
	if v.Present() && v.Kind() != json.Object && v.Kind() != json.Array {
		o.Fault(key, "want names of claims with values")
	}
	for _, m := range members {
		text, ok := m.Value.Text()
		if !ok {
			text = m.Value.Literal()
		}
		t, err := parseTemplate(text)
		switch {
		case err != nil:
			o.Fault(key+"."+m.Key, err.Error())
		case len(t) == 0:
			o.Fault(key+"."+m.Key, "want a text, a number, true or false, not empty")
		default:
			list = append(list, claim{m.Key, t})
		}
	}
	return list
}
