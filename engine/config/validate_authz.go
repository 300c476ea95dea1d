package config

import (
	"strings"

	"github.com/wicketmq/wicket/engine/password/users"
	"github.com/wicketmq/wicket/engine/topic"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

// delayed begins the topics of messages that come later (AUTHZ-12).
const delayed = "$delayed/"

// authz: each rule is one, and each excluded topic a filter.
func (v *validator) authz() {
	rules := []string{"authz", "rules"}
	if !v.broken(rules...) {
		for i, text := range v.cfg.Authz.Rules {
			r, err := users.ParseRule(text)
			if err != nil {
				v.failAt(rules, i, "%q: %v", text, err)
			} else if r.Actions&wire.Publish != 0 && strings.HasPrefix(r.Filter, delayed) {
				v.warnAt(rules, i, "%q matches no message: one to %sSECONDS/TOPIC is permitted as one to TOPIC; write the rule for that", text, delayed)
			}
		}
	}
	excludes := []string{"authz", "cache", "excludes"}
	if v.broken(excludes...) {
		return
	}
	for i, filter := range v.cfg.Authz.Cache.Excludes {
		_, _, shared := topic.SplitShared(filter)
		if err := topic.ValidFilter(filter); err != nil {
			v.failAt(excludes, i, "%q is no topic filter: %v", filter, err)
		} else if shared {
			v.failAt(excludes, i, "%q: give the filter without its $share/NAME/ prefix", filter)
		}
	}
}
