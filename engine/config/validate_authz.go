package config

import (
	"github.com/wicketmq/wicket/engine/password/users"
	"github.com/wicketmq/wicket/engine/topic"
)

// authz: each rule is one, and each excluded topic a filter.
func (v *validator) authz() {
	rules := []string{"authz", "rules"}
	if !v.broken(rules...) {
		for i, text := range v.cfg.Authz.Rules {
			if _, err := users.ParseRule(text); err != nil {
				v.failAt(rules, i, "%q: %v", text, err)
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
