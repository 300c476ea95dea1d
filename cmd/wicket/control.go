package main

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wicketmq/wicket/engine"
	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/control"
	"github.com/wicketmq/wicket/engine/metric"
)

// claim takes the control socket, so that no second broker starts on the same
// data_dir; nil when the configuration wants none.
func claim(cfg *config.Config) (*control.Socket, error) {
	if !cfg.Control.Enable {
		return nil, nil
	}
	return control.Listen(cfg.ControlSocket())
}

// reloader hands configurations that were loaded again to the engine.
type reloader struct {
	engine *engine.Engine
	log    *slog.Logger
	from   *imports
	last   atomic.Pointer[control.Reload]
}

// take applies what was loaded, or says what is wrong with it; then the
// running configuration stays.
func (r *reloader) take(cfg *config.Config, report *config.Report, err error) error {
	r.from.log(r.log)
	if err == nil {
		for _, w := range report.Warnings {
			r.log.Warn(w.String())
		}
		err = r.engine.Reload(cfg)
	}
	outcome := &control.Reload{At: time.Now()}
	if err != nil {
		outcome.Error = err.Error()
		r.log.Error("reload failed, the running configuration stays", "error", err)
	} else {
		collect(cfg.Memory)
	}
	r.last.Store(outcome)
	return err
}

// serve answers on the control socket until the function that it returns is
// called.
func (r *reloader) serve(socket *control.Socket, watcher *config.Watcher) (end func()) {
	if socket == nil {
		return func() {}
	}
	server := control.Serve(socket, r.broker(watcher), r.log)
	r.log.Debug("control socket open", "path", socket.Path())
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			r.log.Debug("a control request was cut", "error", err)
		}
	}
}

// broker is what the control socket shows and does.
func (r *reloader) broker(watcher *config.Watcher) control.Broker {
	e := r.engine
	status := func() control.Status {
		s := e.Status()
		s.Version, s.Reload = strings.TrimPrefix(version(), "wicket "), r.last.Load()
		return s
	}
	return control.Broker{
		Status: status, Certificates: e.Certificates, CRLs: e.CRLs, Staples: e.Staples, Plugins: e.Plugins, Upstreams: e.Upstreams,
		Metrics: metric.Handler(func() metric.Snapshot {
			s := e.Snapshot()
			s.Status.Version, s.Status.Reload = strings.TrimPrefix(version(), "wicket "), r.last.Load()
			return s
		}),
		Reload:              func(ctx context.Context) error { return r.now(ctx, watcher) },
		RefreshCertificates: e.RefreshCertificates,
		RefreshCRLs:         e.RefreshCRLs,
		ClearCRLs:           e.ClearCRLs,
		RefreshStaples:      e.RefreshStaples,
		Access: control.Access{
			Bans: e.Bans, AddBan: e.AddBan, RemoveBan: e.RemoveBan, ClearAuthz: e.ClearAuthz, RecheckAuthz: e.RecheckAuthz,
		},
	}
}

// now reloads and returns what came of it.
func (r *reloader) now(ctx context.Context, watcher *config.Watcher) error {
	failed := make(chan error, 1)
	if err := watcher.Load(ctx, func(cfg *config.Config, report *config.Report, err error) { failed <- r.take(cfg, report, err) }); err != nil {
		return err
	}
	return <-failed
}
