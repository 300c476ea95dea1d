package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/ban"
	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/control"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/password/users"
)

// bansFile is the name of the list of bans in data_dir.
const bansFile = "bans"

// openBans reads the list of bans, and the first ones of a new broker.
func (e *Engine) openBans(cfg *config.Config) (err error) {
	if e.bans, err = ban.Open(filepath.Join(cfg.DataDir, bansFile)); err != nil {
		return err
	}
	e.setFlapping(cfg)
	if cfg.Bans.BootstrapFile == "" {
		return nil
	}
	loaded, skipped, err := e.bans.Bootstrap(cfg.Bans.BootstrapFile)
	for _, why := range skipped {
		e.log.Warn("a ban is left out", "error", why)
	}
	if loaded > 0 {
		e.log.Info("bans loaded", "file", cfg.Bans.BootstrapFile, "bans", loaded, "left_out", len(skipped))
	}
	return err
}

func (e *Engine) setFlapping(cfg *config.Config) {
	f := &cfg.Flapping
	if !f.Enable {
		e.bans.Flapping.SetLimit(nil)
		return
	}
	e.bans.Flapping.SetLimit(&ban.Limit{MaxCount: f.MaxCount, Window: f.WindowTime, Ban: f.BanTime})
}

// hostRules are the rules of the configuration as the gate wants them.
func hostRules(cfg *config.Config) ([]auth.Rule, error) {
	var out []auth.Rule
	for i, text := range cfg.Authz.Rules {
		r, err := users.ParseRule(text)
		if err != nil {
			return nil, fmt.Errorf("authz.rules[%d]: %w", i, err)
		}
		out = append(out, auth.Rule{
			Permit: r.Permit, Actions: auth.Action(r.Actions), Filter: r.Filter,
			Exact: r.Exact, QoS: uint8(r.QoS), Retain: auth.Retain(r.Retain),
		})
	}
	return out, nil
}

// permissionsChange reports whether a reload may permit less than before, were
// it with the same plugins.
func permissionsChange(old, cfg *config.Config) bool {
	return !reflect.DeepEqual(old.Authz, cfg.Authz) || !slices.Equal(old.Auth.Chain, cfg.Auth.Chain)
}

// Bans are the bans that hold. It may be called from any goroutine.
func (e *Engine) Bans() []control.Ban {
	out := []control.Ban{}
	for _, b := range e.bans.Entries() {
		out = append(out, control.Ban{
			As: string(b.Kind), Who: b.Who, From: b.From, Until: b.Until, Reason: b.Reason, By: b.By, At: b.At,
		})
	}
	return out
}

// AddBan keeps somebody out from now on. A client whose id is banned is
// disconnected (spec BAN-02). It may be called from any goroutine.
func (e *Engine) AddBan(_ context.Context, b control.Ban) error {
	added, err := e.bans.Add(ban.Entry{Kind: ban.Kind(b.As), Who: b.Who, Until: b.Until, Reason: b.Reason, By: b.By})
	if err != nil {
		return err
	}
	e.log.Info("banned", "as", added.Kind, "who", added.Who, "holds", added.End(), "reason", added.Reason, "by", added.By)
	if added.Kind == ban.ClientID {
		e.broker.Kick(added.Who, mqtt.AdministrativeAction)
	}
	return nil
}

// RemoveBan ends a ban. It may be called from any goroutine.
func (e *Engine) RemoveBan(_ context.Context, as, who string) error {
	switch found, err := e.bans.Remove(ban.Kind(as), who); {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("%s %q is not banned", as, who)
	}
	e.log.Info("ban removed", "as", as, "who", who)
	return nil
}

var errNoSession = errors.New("there is no session with that client id")

// ClearAuthz forgets what sessions remember of permissions: the one of a client
// id, or all when it is empty. It may be called from any goroutine.
func (e *Engine) ClearAuthz(_ context.Context, clientID string) error {
	if !e.broker.Forget(clientID) && clientID != "" {
		return errNoSession
	}
	return nil
}

// RecheckAuthz is ClearAuthz, and looks besides whether subscriptions are still
// permitted. It may be called from any goroutine.
func (e *Engine) RecheckAuthz(_ context.Context, clientID string) error {
	if !e.broker.Rejudge(clientID) && clientID != "" {
		return errNoSession
	}
	return nil
}
