package auth

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/wicketmq/wicket/engine/topic"
)

// maxValue is the length of the longest value a placeholder expands to.
const maxValue = 1024 // bytes

// personal says whether some rule depends on who the client is.
func personal(rules []Rule) bool {
	for i := range rules {
		if rules[i].Exact {
			continue
		}
		for level := range strings.SplitSeq(rules[i].Filter, "/") {
			if _, placeholder, _ := new(Identity).value(level); placeholder {
				return true
			}
		}
	}
	return false
}

// expand checks a rule and appends its filter to dst with the placeholders
// replaced: ${clientid} or %c, ${username} or %u, ${cert_common_name} and
// ${client_attrs.NAME}, each a whole level. "${$}" stands for "$". An Exact
// filter has none.
//
// A value that is missing, too long, or holds a wildcard, a "/", a NUL, or at
// the first level a leading "$", never becomes part of a filter
// (CVE-2017-7650): a rule that permits then matches nothing (ok is false), and
// one that denies matches any value at that level, which is "+".
func (r *Rule) expand(dst []byte, who *Identity) (_ []byte, ok bool, err error) {
	if err := r.check(); err != nil {
		return dst, false, err
	}
	if r.Exact || !strings.ContainsAny(r.Filter, "$%") {
		return append(dst, r.Filter...), true, nil
	}
	start, first := len(dst), true
	for level := range strings.SplitSeq(r.Filter, "/") {
		if !first {
			dst = append(dst, '/')
		}
		value, placeholder, err := who.value(level)
		if err != nil {
			return dst, false, err
		}
		if placeholder && !safe(value, first) {
			if r.Permit {
				return dst, false, nil
			}
			value = "+"
		}
		dst = append(dst, value...)
		first = false
	}
	return dst, len(dst)-start <= topic.MaxLength, nil
}

// value returns what a level of a filter stands for, and whether that came
// from the client.
func (who *Identity) value(level string) (value string, placeholder bool, err error) {
	switch level {
	case "${clientid}", "%c":
		return who.ClientID, true, nil
	case "${username}", "%u":
		return who.Username, true, nil
	case "${cert_common_name}":
		return who.CommonName, true, nil
	}
	if name, ok := strings.CutPrefix(level, "${client_attrs."); ok {
		if name, ok = strings.CutSuffix(name, "}"); ok && attributeName(name) {
			return who.Attributes[name], true, nil
		}
	}
	plain := strings.ReplaceAll(level, "${$}", "")
	if strings.Contains(plain, "${") {
		return "", false, fmt.Errorf("placeholder %q is unknown or not a whole level", clip(level))
	}
	return strings.ReplaceAll(level, "${$}", "$"), false, nil
}

// safe says whether a client's value may stand as a level of a filter.
func safe(value string, first bool) bool {
	return value != "" && len(value) <= maxValue && utf8.ValidString(value) &&
		!strings.ContainsAny(value, "+#/\x00") && !(first && value[0] == '$')
}
