package backend

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wicketmq/wicket/plugins/preset"
	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/json"
)

// maxAnswer is the longest body that is read: a list of ten thousand rules.
const maxAnswer = 1 << 20

// answer is the body of a 200: an object whose fields have the names that they
// have in JSON.
type answer struct {
	object json.Value
	form   map[string]string // in place of object
	body   string            // of object
}

// seen is an answer with the verdict that it is each time: servers say the same of
// most clients.
type seen struct {
	body    string
	verdict wicket.Verdict
}

// answersSeen is how many of those a query keeps, by their lengths, and mostSeen the
// size of those that are kept.
const (
	answersSeen = 8
	mostSeen    = 4 << 10
)

// again finds the verdict of an answer in JSON that has been seen.
func (q *query) again(res *wicket.HTTPResponse) (v wicket.Verdict, ok bool) {
	s := &q.seen[len(res.Body)%answersSeen]
	if len(res.Body) == 0 || s.body != text(res.Body) || res.Header("content-type") != mediaJSON {
		return v, false
	}
	return s.verdict, true
}

// keep has again find the verdict, which depends on nothing else: an answer that
// says when the client expires is read each time.
func (q *query) keep(a *answer, v wicket.Verdict) wicket.Verdict {
	if n := len(a.body); n > 0 && n <= mostSeen && v.Detail().ExpireAt == 0 {
		q.seen[n%answersSeen] = seen{a.body, v}
	}
	return v
}

// readAnswer reads a body by its content type; the answer keeps nothing of res.
func readAnswer(res *wicket.HTTPResponse) (a answer, err error) {
	if len(res.Body) > maxAnswer {
		return a, errors.New("its answer has " + strconv.Itoa(len(res.Body)) + " bytes; at most " + strconv.Itoa(maxAnswer) + " are read")
	}
	switch kind := media(res.Header("content-type")); {
	case len(res.Body) == 0:
		return a, errors.New("its answer is empty")
	case kind == mediaJSON:
		a.body = string(res.Body)
		a.object, err = json.Parse(a.body)
		if err == nil && a.object.Kind() != json.Object {
			err = errors.New(a.object.Kind().String() + " instead of an object")
		}
	case kind == mediaForm:
		a.form, err = parseForm(string(res.Body))
	default:
		return a, errors.New("its answer has the content type " + preset.Quote(kind) + "; want " + mediaJSON + " or " + mediaForm)
	}
	if err != nil {
		return a, errors.New("its answer cannot be read: " + err.Error())
	}
	return a, nil
}

// get returns a field. In a form acl and client_attrs are JSON.
func (a *answer) get(key string) (json.Value, error) {
	if a.form == nil {
		return a.object.Get(key), nil
	}
	text, ok := a.form[key]
	if !ok {
		return json.Value{}, nil
	}
	v, err := json.Parse(text)
	if err != nil {
		return v, errors.New(key + ": " + err.Error())
	}
	return v, nil
}

// text returns a field that is text.
func (a *answer) text(key string) string {
	if a.form != nil {
		return a.form[key]
	}
	text, _ := a.object.Get(key).Text()
	return text
}

// result reads the field that decides. What is none of the three words is an
// answer that makes no sense (AHTTP-04).
func (a *answer) result() (wicket.Code, error) {
	switch text := a.text("result"); text {
	case "allow":
		return wicket.CodeAllow, nil
	case "deny":
		return wicket.CodeDeny, nil
	case "ignore":
		return wicket.CodeNext, nil
	default:
		return 0, errors.New("the result in its answer is " + preset.Quote(text) + "; want allow, deny or ignore")
	}
}

// status is the error of an answer whose status says nothing.
func status(res *wicket.HTTPResponse) error {
	return errors.New("it answered with status " + strconv.Itoa(int(res.Status)))
}

// oldHint ends the warning of an answer that makes no sense here, and did in
// EMQX 4: a status that denies, or one that allows with nothing to read
// (AHTTP-14).
func oldHint(res *wicket.HTTPResponse) string {
	switch res.Status {
	case 400, 401, 403:
	case 200:
		if kind := media(res.Header("content-type")); len(res.Body) > 0 && (kind == mediaJSON || kind == mediaForm) {
			return ""
		}
	default:
		return ""
	}
	return "; a server made for EMQX 4 needs compat: v4"
}

// admitted lets a client in; what its rules leave open is asked about.
var admitted = wicket.Allow().Default(wicket.CodeNext)

// loginAnswer reads what a server says of a client.
func loginAnswer(q *query, ctx *wicket.Context, client string, res *wicket.HTTPResponse) (wicket.Verdict, error) {
	in := admitted
	if q.old {
		return oldAnswer(in, res), nil
	}
	switch res.Status {
	case 204:
		return in, nil
	case 200:
	default:
		return wicket.Verdict{}, status(res)
	}
	if v, ok := q.again(res); ok {
		return v, nil
	}
	a, err := readAnswer(res)
	if err != nil {
		return wicket.Verdict{}, err
	}
	code, err := a.result()
	switch {
	case err != nil:
		return wicket.Verdict{}, err
	case code == wicket.CodeDeny:
		return q.keep(&a, wicket.Deny()), nil
	case code == wicket.CodeNext:
		return q.keep(&a, wicket.Next()), nil
	}
	v, err := a.details(in, ctx)
	if err != nil { // AHTTP-05
		wicket.Warn("upstream " + strconv.Quote(q.upstream) + " allows client " + preset.Quote(client) + ", which is refused: " + err.Error())
		return wicket.Deny().Reason(wicket.BadUsernameOrPassword), nil
	}
	return q.keep(&a, v), nil
}

// accessAnswer reads what a server says of a topic.
func accessAnswer(q *query, _ *wicket.Context, _ string, res *wicket.HTTPResponse) (wicket.Verdict, error) {
	if q.old {
		return oldAnswer(wicket.Allow(), res), nil
	}
	switch res.Status {
	case 204:
		return wicket.Allow(), nil
	case 200:
	default:
		return wicket.Verdict{}, status(res)
	}
	if v, ok := q.again(res); ok {
		return v, nil
	}
	a, err := readAnswer(res)
	if err != nil {
		return wicket.Verdict{}, err
	}
	code, err := a.result()
	switch {
	case err != nil:
		return wicket.Verdict{}, err
	case code == wicket.CodeAllow:
		return q.keep(&a, wicket.Allow()), nil
	case code == wicket.CodeNext:
		return q.keep(&a, wicket.Next()), nil
	}
	return q.keep(&a, wicket.Deny()), nil
}

// oldAnswer reads an answer as EMQX 4 did: 200 allows, unless the body is the
// word ignore, and any other status denies (AHTTP-14).
func oldAnswer(allow wicket.Verdict, res *wicket.HTTPResponse) wicket.Verdict {
	switch {
	case res.Status != 200:
		return wicket.Deny()
	case string(res.Body) == "ignore":
		return wicket.Next()
	}
	return allow
}

// details adds to an allowed client what the answer says beside the result.
func (a *answer) details(v wicket.Verdict, ctx *wicket.Context) (wicket.Verdict, error) {
	if a.superuser() {
		v = v.Superuser()
	}
	v, err := a.expiry(v, ctx)
	if err != nil {
		return v, err
	}
	attrs, err := a.get("client_attrs")
	if err != nil {
		return v, err
	}
	if v, err = preset.Attributes(v, attrs); err != nil {
		return v, err
	}
	acl, err := a.get("acl")
	if err != nil || !acl.Present() {
		return v, err
	}
	return preset.ACL(v, acl)
}

// superuser reads is_superuser.
func (a *answer) superuser() bool {
	if a.form != nil {
		return a.form["is_superuser"] == "true" || a.form["is_superuser"] == "1"
	}
	return preset.Yes(a.object.Get("is_superuser"))
}

// expiry reads when the client is to be disconnected (AUTHN-07).
func (a *answer) expiry(v wicket.Verdict, ctx *wicket.Context) (wicket.Verdict, error) {
	at, err := a.get("expire_at")
	if err != nil || !at.Present() {
		return v, err
	}
	seconds, ok := at.Int()
	switch now := ctx.Now(); {
	case !ok:
		return v, errors.New("expire_at is not a whole number of seconds")
	case seconds > now/2:
		return v, errors.New("expire_at is " + strconv.FormatInt(seconds, 10) + ", which looks like milliseconds; want seconds")
	case seconds <= now/1000:
		return v, errors.New("expire_at has passed")
	}
	return v.ExpireAt(seconds), nil
}

// parseForm reads a form; a name that comes twice is refused, since readers
// differ about which one counts.
func parseForm(text string) (map[string]string, error) {
	form := map[string]string{}
	for pair := range strings.SplitSeq(text, "&") {
		name, v, _ := strings.Cut(pair, "=")
		name, ok1 := unescape(name)
		v, ok2 := unescape(v)
		if !ok1 || !ok2 {
			return nil, errors.New("a form with a broken escape, or with text that is no UTF-8")
		}
		if _, twice := form[name]; twice {
			return nil, errors.New("a form with " + preset.Quote(name) + " twice")
		}
		form[name] = v
	}
	return form, nil
}

// unescape takes the percent-encoding off a part of a form.
func unescape(s string) (text string, ok bool) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			out = append(out, ' ')
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			v, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			out = append(out, byte(v))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return string(out), utf8.Valid(out)
}
