package wicket

import "github.com/wicketmq/wicket/sdk/go/wire"

// HTTPRequest asks an upstream. Path is put after the path of the upstream's
// URL, with its query; what it holds of a client must be escaped. Headers such
// as Host and Content-Length are the broker's affair.
type HTTPRequest = wire.HTTPRequest

// HTTPResponse is what an upstream answered.
type HTTPResponse = wire.HTTPResponse

const hexDigits = "0123456789ABCDEF"

// EscapePath percent-encodes a text to be one segment of a path, "/" included
// (RFC 3986 section 3.3). The segments "." and ".." have no such form: a server
// may take them for steps whatever their encoding, so refuse those.
func EscapePath(s string) string { return string(AppendEscaped(nil, s)) }

// EscapeQuery percent-encodes a text to be a name or a value of a query or a
// form. A blank becomes %20, which every decoder understands.
func EscapeQuery(s string) string { return string(AppendEscaped(nil, s)) }

// AppendEscaped appends a text with every byte percent-encoded that is not an
// unreserved character (RFC 3986 section 2.3): it means the same in a path
// segment, a query and a form.
func AppendEscaped[T string | []byte](dst []byte, s T) []byte {
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~' {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}
