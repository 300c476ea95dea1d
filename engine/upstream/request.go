package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// Bounds of a request beyond its body, which the caller bounds.
const (
	maxPath        = 16 << 10
	maxHeaders     = 64
	maxHeaderBytes = 16 << 10
	// MaxBody is the most bytes of a request's body.
	MaxBody = 1 << 20
)

// CheckURL tells why a text cannot be the URL of an upstream.
func CheckURL(text string) error {
	_, err := parseURL(text)
	return err
}

func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil { // its text might hold a password
		return nil, errors.New("it is not a URL: write https://host:port/path")
	}
	switch port, err := strconv.ParseUint(u.Port(), 10, 16); {
	case u.Scheme != "http" && u.Scheme != "https", u.Opaque != "", u.Hostname() == "":
		return nil, errors.New("it is not the URL of an HTTP server: write https://host:port/path")
	case u.Port() != "" && (err != nil || port == 0):
		return nil, fmt.Errorf("port %s does not exist", u.Port())
	case u.User != nil:
		return nil, errors.New("a URL with a user name or password would be shown in logs: set authorization instead")
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return nil, errors.New("a fragment (#) is never sent to a server: remove it")
	case u.RawQuery != "" || u.ForceQuery:
		return nil, errors.New("the query (?) is the plugin's to choose: remove it")
	}
	if err := checkPath(strings.TrimSuffix(u.EscapedPath(), "/")); err != nil {
		return nil, err
	}
	return u, nil
}

// methods are those that may be asked for.
var methods = map[string]string{
	"": "GET", "GET": "GET", "POST": "POST", "PUT": "PUT", "PATCH": "PATCH", "DELETE": "DELETE", "HEAD": "HEAD", "OPTIONS": "OPTIONS",
}

// split divides a request's path from its query, and checks both: together
// with any base they name something below that base, on every server, also on
// those that decode %2F and %2E before they look for "..", or take
// parameters (;x) out of a segment.
func split(target string) (path, query string, err error) {
	if len(target) > maxPath {
		return "", "", fmt.Errorf("the path is longer than %d bytes", maxPath)
	}
	path, query, _ = strings.Cut(target, "?")
	if err := checkPath(path); err != nil {
		return "", "", err
	}
	for i := 0; i < len(query); i++ {
		if c := query[i]; c != '/' && c != '?' && !pathByte(query, i) {
			return "", "", fmt.Errorf("byte 0x%02x of the query is not percent-encoded (RFC 3986 section 3.4)", c)
		}
	}
	return path, query, nil
}

func checkPath(path string) error {
	if path == "" {
		return nil
	}
	if path[0] != '/' {
		return errors.New("the path does not begin with / or ?")
	}
	for i := 0; i < len(path); i++ {
		if path[i] != '/' && !pathByte(path, i) {
			return fmt.Errorf("byte 0x%02x of the path is not percent-encoded (RFC 3986 section 3.3)", path[i])
		}
	}
	for rest, more := path[1:], true; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if segment == "" && more {
			return errors.New("the path has an empty segment (//)")
		}
		if climbs(segment) {
			return errors.New(`the path has a segment "." or ".."`)
		}
	}
	return nil
}

// pathByte reports whether the byte at i may stand in a path segment as it is
// (RFC 3986: pchar), or begins a percent-encoded one.
func pathByte(s string, i int) bool {
	c := s[i]
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	case c == '%':
		return i+2 < len(s) && hex(s[i+1]) && hex(s[i+2])
	}
	return strings.IndexByte("-._~!$&'()*+,;=:@", c) >= 0
}

func hex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// climbs reports whether a server might take a segment for "." or "..", or for
// something that has one of them inside.
func climbs(segment string) bool {
	if !strings.Contains(segment, ".") && !strings.Contains(strings.ToLower(segment), "%2e") {
		return false
	}
	plain, err := url.PathUnescape(segment)
	if err != nil {
		return true
	}
	for _, part := range strings.FieldsFunc(plain, func(r rune) bool { return r == '/' || r == '\\' }) {
		part, _, _ = strings.Cut(part, ";")
		part = strings.TrimFunc(part, func(r rune) bool { return r <= ' ' || r == 0x7f })
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

// Header fields that are not the guest's.
var (
	// dropped mean nothing beyond this hop, or are set from the body.
	dropped = []string{"Connection", "Keep-Alive", "Content-Length"}
	// withheld would change whom a request reaches, as whom, or where it ends.
	withheld = []string{
		"Host", "Authorization", "Proxy-Authorization", "Proxy-Authenticate", "Proxy-Connection",
		"TE", "Trailer", "Transfer-Encoding", "Upgrade", "Expect", "HTTP2-Settings",
	}
)

// checkFields says what is wrong with a guest's header. Values are never in the
// error.
func checkFields(in []Header) error {
	if len(in) > maxHeaders {
		return fmt.Errorf("there are more than %d header fields", maxHeaders)
	}
	size := 0
	for _, f := range in {
		size += len(f.Name) + len(f.Value)
		if !token(f.Name) {
			return errors.New("the name of a header field is not a token (RFC 9110 section 5.6.2)")
		}
		if !fieldValue(f.Value) {
			return fmt.Errorf("header field %s has a control character in its value", f.Name)
		}
		if is(f.Name, withheld) {
			return fmt.Errorf("header field %s is not for plugins to set", f.Name)
		}
	}
	if size > maxHeaderBytes {
		return fmt.Errorf("the header is larger than %d bytes", maxHeaderBytes)
	}
	return nil
}

// is reports whether a field has one of the names, in any case.
func is(name string, names []string) bool {
	for _, n := range names {
		if len(n) == len(name) && strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// fields turns a guest's header into one that is sent.
func fields(in []Header) (http.Header, error) {
	if err := checkFields(in); err != nil {
		return nil, err
	}
	out, values := make(http.Header, len(in)+2), make([]string, len(in))
	for i, f := range in {
		if is(f.Name, dropped) {
			continue
		}
		name := http.CanonicalHeaderKey(f.Name)
		if out[name] != nil {
			out[name] = append(out[name], f.Value)
			continue
		}
		values[i] = f.Value
		out[name] = values[i : i+1 : i+1]
	}
	return out, nil
}

// appendRequest writes a request as HTTP/1.1 has it (RFC 9112). It checks once
// more what Send has let pass: this is the place that must never be wrong.
func (s *settings) appendRequest(b []byte, r *Request) ([]byte, error) {
	path, query, err := split(r.Path)
	if err == nil {
		err = checkFields(r.Header)
	}
	if err != nil {
		return b, err
	}
	method := methods[r.Method]
	b = append(append(b, method...), ' ')
	if b = append(append(b, s.base...), path...); s.base == "" && path == "" {
		b = append(b, '/')
	}
	if query != "" {
		b = append(append(b, '?'), query...)
	}
	b = append(append(b, " HTTP/1.1\r\nHost: "...), s.host1...)
	named := false
	for i := range r.Header {
		f := &r.Header[i]
		if is(f.Name, dropped) {
			continue
		}
		named = named || strings.EqualFold(f.Name, "User-Agent")
		b = append(b, "\r\n"...)
		b = appendCanonical(b, f.Name)
		b = append(append(b, ": "...), textproto.TrimString(f.Value)...)
	}
	if !named {
		b = append(b, "\r\nUser-Agent: wicket"...)
	}
	if s.Authorization != "" {
		b = append(append(b, "\r\nAuthorization: "...), s.Authorization...)
	}
	if len(r.Body) > 0 || method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		b = strconv.AppendInt(append(b, "\r\nContent-Length: "...), int64(len(r.Body)), 10)
	}
	b = append(b, "\r\n\r\n"...)
	return append(b, r.Body...), nil
}

// appendCanonical writes the name of a field as http.CanonicalHeaderKey has it.
func appendCanonical(b []byte, name string) []byte {
	upper := true
	for i := range len(name) {
		c := name[i]
		switch {
		case upper && 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		case !upper && 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		b = append(b, c)
		upper = c == '-'
	}
	return b
}

// hostField is what the Host field says, in the form that net/http gives it.
func hostField(u *url.URL) (string, error) {
	var b bytes.Buffer
	if err := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host}).Write(&b); err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(b.String(), "\r\nHost: ")
	host, _, _ := strings.Cut(rest, "\r\n")
	return host, nil
}

func token(s string) bool {
	for i := 0; i < len(s); i++ {
		if !tokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

// tokenByte reports whether a byte may stand in a token (RFC 9110 section 5.6.2).
func tokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || strings.IndexByte("!#$%&'*+.^_`|~", c) >= 0
}

func fieldValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// Check tells why a request is not one that may be sent, without sending it;
// for stand-ins of upstreams, which have to be as strict.
func (r *Request) Check() error { return check(r) }

// check looks at a request without building what only the wire needs.
func check(r *Request) error {
	if _, ok := methods[r.Method]; !ok {
		return errors.New("the method is not GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS")
	}
	if len(r.Body) > MaxBody {
		return fmt.Errorf("the body is larger than %d bytes", MaxBody)
	}
	if _, _, err := split(r.Path); err != nil {
		return err
	}
	return checkFields(r.Header)
}
