// Package rules is the logic of the acl plugin: a list of rules, some of them for
// certain clients only. It runs inside the guest, one event at a time; the tests
// run it on the host.
//
// A rule is what a users file has (package users), and then, if it is not for
// everybody, for whom:
//
//	allow subscribe $SYS/# for user dashboard
//	allow all # for address 127.0.0.1,::1
//	deny all secret/# for client test-* and listener tcp:lab
//
// What a client may do with a topic is said by the first rule for it that covers
// the topic. This package only finds the rules of a client: topics are the
// broker's business.
package rules

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wicketmq/wicket/engine/password/users"
	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/config"
)

// maxRules is how many rules a client of ours can have: the broker takes no more.
const maxRules = 10_000

// keep is how long the broker answers by the rules of a client without asking:
// as long as it ever does, for a change of the rules ends it.
const keep = 24 * 60 * 60 * 1000 // milliseconds

// List is a configuration ready to be asked. It is not changed after New.
type List struct {
	rules []rule
	rest  wicket.Code // what no rule covers
	plain bool        // every rule is for everybody
	all   wicket.Verdict
}

// rule is a rule and for whom it is.
type rule struct {
	wicket.Rule
	who []condition // all must hold; empty = everybody
}

// New reads the plugin's config. The notes are for the operator: what is allowed
// and seldom meant.
func New(l *wicket.LoadInfo) (list *List, notes []string, err error) {
	o, err := config.Read(l.Config)
	if err != nil {
		return nil, nil, err
	}
	list = &List{rest: wicket.CodeNext}
	texts, inline := o.Texts("rules")
	path, named := o.Text("rules_file")
	list.readDefault(o)
	switch {
	case inline && named:
		o.Fault("rules_file", "the rules are given by rules already; give one of them")
	case !inline && !named && !o.Has("rules") && !o.Has("rules_file"):
		o.Fault("rules", "there are none: give rules or rules_file")
	}
	for i, text := range texts {
		if err := list.add(text); err != nil {
			o.Fault("rules["+strconv.Itoa(i)+"]", err.Error())
		}
	}
	if f, ok := l.File("rules_file"); ok && named {
		list.readFile(o, path, string(f.Content))
	}
	if len(list.rules) > maxRules {
		o.Fault("rules", strconv.Itoa(len(list.rules))+" rules: at most "+strconv.Itoa(maxRules))
	}
	if err := o.Err(); err != nil {
		return nil, nil, err
	}
	list.prepare()
	return list, list.notes(), nil
}

func (l *List) readDefault(o *config.Object) {
	switch text, ok := o.Text("default"); {
	case !ok:
	case text == "allow":
		l.rest = wicket.CodeAllow
	case text == "deny":
		l.rest = wicket.CodeDeny
	case text == "next":
		l.rest = wicket.CodeNext
	default:
		o.Fault("default", "want allow, deny or next")
	}
}

// readFile reads a file of rules, one per line. A line that begins with a number
// sign is a comment.
func (l *List) readFile(o *config.Object, path, text string) {
	if !utf8.ValidString(text) {
		o.Fault("rules_file", strconv.Quote(path)+" is no UTF-8")
		return
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := l.add(line); err != nil {
			o.Fault("rules_file", strconv.Quote(path)+", line "+strconv.Itoa(number)+": "+err.Error())
		}
	}
}

// add reads one rule.
func (l *List) add(text string) error {
	what, whom, limited := cut(text)
	r, err := users.ParseRule(what)
	if err != nil {
		return err
	}
	one := rule{Rule: r}
	if limited {
		if one.who, err = parseWho(whom); err != nil {
			return err
		}
	}
	l.rules = append(l.rules, one)
	return nil
}

// cut splits a rule where the word "for" stands outside of quotes.
func cut(text string) (what, whom string, limited bool) {
	text = strings.TrimSpace(text)
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && (c == ' ' || c == '\t'):
			rest := strings.TrimLeft(text[i:], " \t")
			if after, ok := strings.CutPrefix(rest, "for"); ok && (after == "" || after[0] == ' ' || after[0] == '\t') {
				return text[:i], strings.TrimSpace(after), true
			}
		}
	}
	return text, "", false
}

// prepare makes the verdict of all clients, if it is the same for all.
func (l *List) prepare() {
	l.plain = true
	for i := range l.rules {
		l.plain = l.plain && len(l.rules[i].who) == 0
	}
	if l.plain {
		l.all = l.verdict(&wicket.Access{})
	}
}

// Authorize answers with the rules of the client. The broker tries them for the
// topics that it asks about and for those to come.
func (l *List) Authorize(a *wicket.Access) wicket.Verdict {
	if l.plain {
		return l.all
	}
	return l.verdict(a)
}

func (l *List) verdict(a *wicket.Access) wicket.Verdict {
	var mine []wicket.Rule
	c := clientOf(a)
	for i := range l.rules {
		if r := &l.rules[i]; c.is(r.who) {
			mine = append(mine, r.Rule)
		}
	}
	switch {
	case len(mine) > 0:
		return wicket.Next().Rule(mine...).Default(l.rest).TTL(keep)
	case l.rest == wicket.CodeAllow:
		return wicket.Allow().TTL(keep)
	case l.rest == wicket.CodeDeny:
		return wicket.Deny()
	}
	return wicket.Next()
}

// notes says what is seldom meant: rules that another one before them hides.
func (l *List) notes() (notes []string) {
	for i := range l.rules {
		r := &l.rules[i]
		if len(r.who) == 0 && r.Filter == "#" && !r.Exact && r.QoS == 0 && r.Retain == wicket.RetainAny &&
			(r.Actions == 0 || r.Actions == wicket.Publish|wicket.Subscribe) && i+1 < len(l.rules) && !l.reserved(i+1) {
			notes = append(notes, "rule "+strconv.Itoa(i+1)+" is for everybody and every topic, so those after it count for nothing")
			break
		}
	}
	return notes
}

// reserved reports whether a rule from the i-th on is about topics that begin
// with $, which no wildcard matches.
func (l *List) reserved(i int) bool {
	for ; i < len(l.rules); i++ {
		if strings.HasPrefix(l.rules[i].Filter, "$") {
			return true
		}
	}
	return false
}

var errNobody = errors.New("for whom is missing: want user, client, address, listener or attribute")
