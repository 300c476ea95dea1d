package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/engine"
	"github.com/wicketmq/wicket/engine/config"
)

// runFlags are the flags of "wicket run".
type runFlags struct {
	files     []string
	listen    []string
	anonymous string
	dataDir   string
	logLevel  string
	logFormat string
	set       []string
}

func runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "Start the broker",
		Long: `Start the broker and keep it running until SIGTERM or SIGINT; a second
signal ends it at once. SIGHUP, or a change of a configuration file, reloads it;
SIGUSR1 logs a snapshot of connections and memory after a garbage collection.

Without --config and --listen the broker starts with built-in defaults made for
a first try: MQTT on 127.0.0.1:1883, MQTT over TLS on 127.0.0.1:8883 with a
development CA, and one user whose password is printed once.`,
		Example: `  wicket run
  wicket run --config /etc/wicket/wicket.yaml
  wicket run --listen tcp://127.0.0.1:1883 --listen tls://127.0.0.1:8883 --anonymous allow --data /tmp/wicket`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	flags := c.Flags()
	flags.StringArrayVarP(&f.files, "config", "c", nil, "configuration `file` (.yaml, .toml, .json, or .conf of EMQX); repeat to layer several")
	flags.StringArrayVar(&f.listen, "listen", nil, "listen on `URL`, as in tcp://127.0.0.1:1883 or tls://127.0.0.1:8883; repeatable")
	flags.StringVar(&f.anonymous, "anonymous", "", "clients without credentials: deny, loopback or allow")
	flags.StringVar(&f.dataDir, "data", "", "data `directory`")
	flags.StringVar(&f.logLevel, "log-level", "", "debug, info, warn or error")
	flags.StringVar(&f.logFormat, "log-format", "", "text or json")
	flags.StringArrayVar(&f.set, "set", nil, "set any `key=value` of the configuration; repeatable")
	return c
}

// sources turns the flags into what config.Load reads.
func (f *runFlags) sources() (config.Sources, error) {
	src := config.Sources{Files: f.files, Env: config.Environ()}
	if len(f.files) == 0 && len(f.listen) == 0 {
		src.Base = config.Development
	}
	var err error
	if src.Overrides, err = config.Listen(f.listen); err != nil {
		return src, usageError{err}
	}
	for _, o := range []config.Override{
		{Key: "auth.anonymous", Value: f.anonymous, Flag: "--anonymous"},
		{Key: "data_dir", Value: f.dataDir, Flag: "--data"},
		{Key: "log.level", Value: f.logLevel, Flag: "--log-level"},
		{Key: "log.format", Value: f.logFormat, Flag: "--log-format"},
	} {
		if o.Value != "" {
			src.Overrides = append(src.Overrides, o)
		}
	}
	for _, pair := range f.set {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return src, usageError{fmt.Errorf("--set %q: write key=value, as in --set mqtt.max_inflight=64", pair)}
		}
		src.Overrides = append(src.Overrides, config.Override{Key: key, Value: value, Flag: "--set"})
	}
	return src, nil
}

func (f *runFlags) run(ctx context.Context, out, errOut io.Writer) error {
	src, err := f.sources()
	if err != nil {
		return err
	}
	var from imports
	src.Convert = from.convert
	cfg, report, err := config.Load(src)
	if err != nil {
		return err
	}
	var level slog.LevelVar
	level.Set(cfg.Log.Level.Slog())
	log := newLogger(errOut, cfg.Log.Format, &level)
	collect(cfg.Memory)
	from.log(log)
	for _, w := range report.Warnings {
		log.Warn(w.String())
	}
	socket, err := claim(cfg)
	if err != nil {
		return err
	}
	if socket != nil {
		defer socket.Close()
	}
	demo, err := firstUser(cfg, src.Base != "")
	if err != nil {
		return err
	}
	sig := catchSignals()
	defer sig.release()
	e, err := engine.Start(engine.Options{Config: cfg, CPUs: spareProcessor(), Log: log, Level: &level, Signer: []string{signCommandName}})
	if err != nil {
		return err
	}
	if src.Base != "" {
		if err := printWelcome(out, e, cfg, demo); err != nil {
			return errors.Join(err, e.Stop(ctx))
		}
	}
	r := &reloader{engine: e, log: log, from: &from}
	watcher := config.NewWatcher(src, report, func(cfg *config.Config, report *config.Report, err error) { _ = r.take(cfg, report, err) })
	defer r.serve(socket, watcher)()
	return supervise(ctx, e, sig, watcher, log)
}

// signals are what a running broker is told from outside.
type signals struct{ hangup, look, end chan os.Signal }

// catchSignals is called before the broker listens: whoever sees it listen may
// send one, and must not kill it by that.
func catchSignals() signals {
	s := signals{make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan os.Signal, 2)}
	signal.Notify(s.hangup, syscall.SIGHUP)
	signal.Notify(s.look, syscall.SIGUSR1)
	signal.Notify(s.end, syscall.SIGTERM, syscall.SIGINT)
	return s
}

func (s signals) release() {
	signal.Stop(s.hangup)
	signal.Stop(s.look)
	signal.Stop(s.end)
}

// spareProcessor gives the Go scheduler one processor more than there are
// event loops, unless GOMAXPROCS says otherwise, and returns the number
// before. A loop that waits in epoll_wait keeps its processor for a while; when
// none is spare, the runtime takes it away at once and the loop has to win one
// back at every event.
func spareProcessor() int {
	cpus := runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(cpus + 1)
	}
	return cpus
}

// supervise waits for the end and reloads on the way there. A storm of
// SIGHUPs is one reload.
func supervise(ctx context.Context, e *engine.Engine, sig signals, watcher *config.Watcher, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() { defer close(watched); watcher.Run(ctx) }()
	finish := func() { cancel(); <-watched } // no reload while the engine stops
	defer finish()
	for {
		select {
		case <-e.Done():
			return e.Err()
		case <-sig.hangup:
			watcher.Reload()
		case <-sig.look:
			snapshot(e, log)
		case s := <-sig.end:
			log.Info("stopping; a second signal ends at once", "signal", s.String())
			finish()
			return stop(e, sig.end)
		}
	}
}

// snapshot logs what the broker holds, with the memory that nothing uses given
// back first, so that figures of two moments can be compared.
func snapshot(e *engine.Engine, log *slog.Logger) {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var open int64
	var handshakes uint64
	for _, l := range e.Listeners() {
		open += l.Open
		handshakes += l.Handshakes
	}
	s := e.Stats()
	log.Info("snapshot", "transport_connections", open, "connections", s.Connections, "sessions", s.Sessions,
		"handshakes", handshakes, "goroutines", runtime.NumGoroutine(),
		"heap_bytes", m.HeapAlloc, "stack_bytes", m.StackInuse,
		"gc_pause", time.Duration(m.PauseNs[(m.NumGC+255)%256]), "gc_pause_total", time.Duration(m.PauseTotalNs))
}

// stop ends the engine within its grace, or at once on another signal.
func stop(e *engine.Engine, again <-chan os.Signal) error {
	stopped := make(chan error, 1)
	go func() { stopped <- e.Stop(context.Background()) }()
	select {
	case err := <-stopped:
		return err
	case s := <-again:
		return fmt.Errorf("cannot stop in order: ended by a second signal (%s)", s)
	}
}

// newLogger writes lines for people or for machines.
func newLogger(w io.Writer, format config.LogFormat, level *slog.LevelVar) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if format == config.LogJSON {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
