package emqx

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Table is the table of keys and that of authenticators, as docs/import.md has
// them.
func Table() string {
	var b strings.Builder
	b.WriteString("| EMQX 4 | EMQX 5 | Wicket | |\n|---|---|---|---|\n")
	for i := range rules {
		r := &rules[i]
		remark := r.why
		if r.shuts != none && r.each == nil || r.shuts == listener || r.shuts == authz {
			remark = strings.TrimPrefix(remark+"; "+r.shutsWhat(), "; ")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", quotedKey(r.v4), quotedKey(r.v5), quotedKey(r.to), remark)
	}
	b.WriteString("\n| authenticator of EMQX 5 | |\n|---|---|\n")
	for _, kind := range slices.Sorted(maps.Keys(authenticators)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", kind, authenticators[kind].why)
	}
	return b.String()
}

// shutsWhat says what a loss shuts.
func (r *rule) shutsWhat() string {
	when := ""
	if r.when != "" {
		when = " when it is " + r.when
	}
	return "**" + map[door]string{
		listener: "the listener is disabled",
		authn:    "nobody is let in",
		authz:    "what no rule permits is denied",
		nameless: "anonymous clients are denied",
	}[r.shuts] + when + "**"
}

func quotedKey(key string) string {
	if key == "" {
		return ""
	}
	return "`" + key + "`"
}
