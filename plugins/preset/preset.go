// Package preset reads what an answer about a client, or the claims of its token,
// may bring along in EMQX's words: acl, client_attrs and is_superuser (spec 1.14,
// AHTTP-05, AJWT-02). The plugins http and jwt have it in common.
package preset

import (
	"errors"
	"strconv"
	"strings"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/json"
)

// Bounds of what the broker takes of a session; an answer that exceeds them
// refuses its client.
const (
	MaxAttributes = 256
	maxText       = 65535
)

// Attributes adds client_attrs, an object of texts, to a verdict. Members with
// other names than attributes have, or that are no text, are dropped.
func Attributes(v wicket.Verdict, attrs json.Value) (wicket.Verdict, error) {
	n := 0
	for _, m := range attrs.Members() {
		text, ok := m.Value.Text()
		if !ok || !restricted(m.Key) || len(text) > maxText || strings.IndexByte(text, 0) >= 0 {
			continue
		}
		if n++; n > MaxAttributes {
			return v, errors.New("more than " + strconv.Itoa(MaxAttributes) + " client_attrs")
		}
		v = v.Attribute(m.Key, text)
	}
	return v, nil
}

// Yes takes true, "true" and 1 for a yes.
func Yes(v json.Value) bool {
	yes, _ := v.Bool()
	n, _ := v.Int()
	text, _ := v.Text()
	return yes || n == 1 || text == "true"
}

// restricted reports whether a text is the name of an attribute: letters,
// digits, "_" and "-", of which a letter or digit comes first.
func restricted(name string) bool {
	for i := range len(name) {
		c := name[i]
		word := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !word && (i == 0 || c != '_' && c != '-') {
			return false
		}
	}
	return name != "" && len(name) <= 256
}

// Quote shows a name that a client has chosen.
func Quote(name string) string {
	if len(name) > 64 {
		name = name[:64] + "…"
	}
	return strconv.Quote(name)
}
