package users

import (
	"errors"
	"strconv"
	"strings"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

// ParseRule reads one rule line; the package comment has the grammar.
func ParseRule(text string) (wire.Rule, error) {
	var r wire.Rule
	verb, rest := word(text)
	switch verb {
	case "allow":
		r.Permit = true
	case "deny":
	default:
		return r, errors.New("want superuser, allow or deny, not " + strconv.Quote(verb))
	}
	action, rest := word(rest)
	switch action {
	case "publish":
		r.Actions = wire.Publish
	case "subscribe":
		r.Actions = wire.Subscribe
	case "all":
		r.Actions = wire.Publish | wire.Subscribe
	default:
		return r, errors.New("want publish, subscribe or all after " + verb + ", not " + strconv.Quote(action))
	}
	var err error
	if r.Filter, rest, err = filterWord(rest); err != nil {
		return r, err
	}
	if err := restrict(&r, rest); err != nil {
		return r, err
	}
	return r, validFilter(r.Filter, r.Exact)
}

// word splits off the first word.
func word(text string) (first, rest string) {
	if i := strings.IndexAny(text, " \t"); i >= 0 {
		return text[:i], strings.TrimLeft(text[i:], " \t")
	}
	return text, ""
}

// filterWord splits off a filter, which is quoted when it contains spaces; in
// quotes a backslash stands before a quote or a backslash.
func filterWord(text string) (filter, rest string, err error) {
	if text == "" {
		return "", "", errors.New("the topic filter is missing")
	}
	if text[0] != '"' {
		filter, rest = word(text)
		return filter, rest, nil
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			rest = strings.TrimLeft(text[i+1:], " \t")
			if rest != "" && len(rest) == len(text)-i-1 {
				return "", "", errors.New("want a space after the quoted topic filter")
			}
			return b.String(), rest, nil
		case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errors.New("the quoted topic filter has no end")
}

// restrict reads the words after the filter.
func restrict(r *wire.Rule, text string) error {
	for text != "" {
		var option, value string
		option, text = word(text)
		var err error
		switch option {
		case "qos":
			value, text = word(text)
			err = restrictQoS(r, value)
		case "retain":
			err = restrictRetain(r, wire.RetainOnly)
		case "no-retain":
			err = restrictRetain(r, wire.RetainNever)
		case "exact":
			if r.Exact {
				err = errors.New("exact is given twice")
			}
			r.Exact = true
		default:
			err = errors.New("want qos, retain, no-retain or exact after the topic filter, not " +
				strconv.Quote(option) + " (a filter with spaces is written in quotes)")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func restrictQoS(r *wire.Rule, list string) error {
	if r.QoS != 0 {
		return errors.New("qos is given twice")
	}
	for q := range strings.SplitSeq(list, ",") {
		if len(q) != 1 || q[0] < '0' || q[0] > '2' {
			return errors.New("want a list such as 0,1 after qos, not " + strconv.Quote(list))
		}
		r.QoS |= 1 << (q[0] - '0')
	}
	return nil
}

func restrictRetain(r *wire.Rule, retain uint32) error {
	if r.Retain != wire.RetainAny {
		return errors.New("retain is given twice")
	}
	if r.Actions == wire.Subscribe {
		return errors.New("retain restricts publishing, and this rule is about subscribing")
	}
	r.Retain = retain
	return nil
}

// validFilter checks the form of a filter and of its placeholders.
func validFilter(filter string, exact bool) error {
	if filter == "" {
		return errors.New("the topic filter is empty [MQTT-4.7.3-1]")
	}
	if len(filter) > 65535 {
		return errors.New("the topic filter is longer than 65535 bytes [MQTT-4.7.3-3]")
	}
	if strings.HasPrefix(filter, "$share/") {
		return errors.New("a rule has the topic filter without its $share/NAME/ prefix")
	}
	rest, more := filter, true
	for more {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		if strings.Contains(level, "${") && !placeholder(level) {
			return errors.New("want ${clientid}, ${username}, ${cert_common_name} or ${client_attrs.NAME} as a whole level, not " + strconv.Quote(level))
		}
		switch {
		case exact:
		case level == "#" && more:
			return errors.New("nothing can follow # in a topic filter [MQTT-4.7.1-1]")
		case len(level) > 1 && strings.Contains(level, "#"):
			return errors.New("# must be a whole level of a topic filter [MQTT-4.7.1-1]")
		case len(level) > 1 && strings.Contains(level, "+"):
			return errors.New("+ must be a whole level of a topic filter [MQTT-4.7.1-2]")
		}
	}
	return nil
}

func placeholder(level string) bool {
	switch level {
	case "${clientid}", "${username}", "${cert_common_name}":
		return true
	}
	name, ok := strings.CutPrefix(level, "${client_attrs.")
	name, ok2 := strings.CutSuffix(name, "}")
	return ok && ok2 && name != "" && !strings.ContainsAny(name, "${}+#")
}
