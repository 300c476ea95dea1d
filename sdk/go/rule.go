package wicket

import "github.com/wicketmq/wicket/sdk/go/wire"

// Rule permits or forbids actions on topics; its fields can refine what the
// constructors below give.
type Rule = wire.Rule

// The values of Rule.Retain.
const (
	RetainAny   = wire.RetainAny
	RetainOnly  = wire.RetainOnly
	RetainNever = wire.RetainNever
)

// AllowPublish permits publishing to the topics that filter matches.
func AllowPublish(filter string) Rule {
	return Rule{Permit: true, Actions: Publish, Filter: filter}
}

// AllowSubscribe permits subscribing to filters that filter covers.
func AllowSubscribe(filter string) Rule {
	return Rule{Permit: true, Actions: Subscribe, Filter: filter}
}

// AllowAll permits both.
func AllowAll(filter string) Rule { return Rule{Permit: true, Filter: filter} }

// DenyPublish forbids publishing to the topics that filter matches.
func DenyPublish(filter string) Rule { return Rule{Actions: Publish, Filter: filter} }

// DenySubscribe forbids subscribing to filters that filter covers.
func DenySubscribe(filter string) Rule { return Rule{Actions: Subscribe, Filter: filter} }

// DenyAll forbids both.
func DenyAll(filter string) Rule { return Rule{Filter: filter} }
