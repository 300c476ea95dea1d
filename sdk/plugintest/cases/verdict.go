package cases

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
)

var decisions = map[auth.Decision]string{auth.Deny: "deny", auth.Allow: "allow", auth.Next: "next", auth.Continue: "continue"}

// verdictOf spells what a plugin has answered.
func verdictOf(v *auth.Verdict) Verdict {
	out := Verdict{
		Decision: decisions[v.Decision], ReasonText: v.ReasonText, Username: v.Username, ClientID: v.ClientID,
		Superuser: v.Superuser, TTL: v.TTL, Attributes: v.Attributes, AuthData: string(v.AuthData),
	}
	if v.Decision == auth.Deny && v.Reason != 0 && v.Reason != mqtt.NotAuthorized {
		out.Reason = v.Reason.String()
	}
	if v.Default != auth.Deny {
		out.Default = decisions[v.Default]
	}
	if !v.ExpireAt.IsZero() {
		out.ExpireAt = v.ExpireAt.UTC().Format(time.RFC3339)
	}
	for i := range v.Rules {
		out.Rules = append(out.Rules, ruleText(&v.Rules[i]))
	}
	for _, p := range v.UserProperties {
		out.UserProperties = append(out.UserProperties, p.Key+": "+p.Value)
	}
	if v.Limits != (auth.Limits{}) {
		out.Limits = &Limits{v.Limits.MaxPacketSize, v.Limits.MaxInflight, v.Limits.MaxSubscriptions}
	}
	for _, d := range v.Items {
		out.Topics = append(out.Topics, decisions[d])
	}
	return out
}

// ruleText writes a rule as a users file does: "allow publish a/b qos 0,1".
func ruleText(r *auth.Rule) string {
	words := []string{"deny", "all", r.Filter}
	if r.Permit {
		words[0] = "allow"
	}
	switch r.Actions {
	case auth.Publish:
		words[1] = "publish"
	case auth.Subscribe:
		words[1] = "subscribe"
	}
	if strings.ContainsAny(r.Filter, " \t") {
		words[2] = `"` + r.Filter + `"`
	}
	if r.QoS != 0 && r.QoS&7 != 7 {
		var list []string
		for q := range 3 {
			if r.QoS&(1<<q) != 0 {
				list = append(list, fmt.Sprint(q))
			}
		}
		words = append(words, "qos", strings.Join(list, ","))
	}
	switch r.Retain {
	case auth.RetainOnly:
		words = append(words, "retain")
	case auth.RetainNever:
		words = append(words, "no-retain")
	}
	if r.Exact {
		words = append(words, "exact")
	}
	return strings.Join(words, " ")
}

// shown is what counts of a verdict beside one that is expected.
func (v Verdict) shown(want *Verdict) Verdict {
	if want == nil || want.Permits == nil {
		v.Permits = nil
	}
	if want == nil || want.Refuses == nil {
		v.Refuses = nil
	}
	if want != nil && want.Requests == nil {
		v.Requests = nil
	}
	if want == nil || want.Logs == nil {
		v.Logs = nil
	}
	if want != nil && want.Disconnects == nil {
		v.Disconnects = nil
	}
	return v
}

// normal is a verdict as one that is answered would be spelt.
func (v Verdict) normal() Verdict {
	if v.Default == "deny" {
		v.Default = ""
	}
	if v.Reason == mqtt.NotAuthorized.String() {
		v.Reason = ""
	}
	if t, err := time.Parse(time.RFC3339, v.ExpireAt); err == nil {
		v.ExpireAt = t.UTC().Format(time.RFC3339)
	}
	return v
}

// diff compares two verdicts as YAML, line by line; empty when they are equal.
func diff(want, got *Verdict) string {
	a, b := lines(want), lines(got)
	if slices.Equal(a, b) {
		return ""
	}
	var out strings.Builder
	for _, l := range align(a, b) {
		out.WriteString(l)
		out.WriteByte('\n')
	}
	return out.String()
}

func lines(v *Verdict) []string {
	var b strings.Builder
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(v); err != nil {
		return []string{err.Error()}
	}
	if b.String() == "{}\n" {
		return nil
	}
	return strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
}

// align marks the lines of two texts: in both, only in the first, only in the
// second, by their longest common subsequence. Verdicts are short.
func align(a, b []string) (out []string) {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for k := len(b) - 1; k >= 0; k-- {
			if a[i] == b[k] {
				common[i][k] = common[i+1][k+1] + 1
			} else {
				common[i][k] = max(common[i+1][k], common[i][k+1])
			}
		}
	}
	i, k := 0, 0
	for i < len(a) || k < len(b) {
		switch {
		case i < len(a) && k < len(b) && a[i] == b[k]:
			out = append(out, "  "+a[i])
			i, k = i+1, k+1
		case i < len(a) && (k == len(b) || common[i+1][k] >= common[i][k+1]):
			out = append(out, "- "+a[i])
			i++
		default:
			out = append(out, "+ "+b[k])
			k++
		}
	}
	return out
}
