package cases

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/password"
	"github.com/wicketmq/wicket/engine/wasm"
)

// began is the time of a case that does not say.
var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// slice is the time that one call into the guest gets: more than a broker gives
// it, since the machines that tests run on are busy.
const slice = 2 * time.Second

// Runner runs the cases of one module.
type Runner struct {
	Info *wasm.Info // of the module

	host   *wasm.Host
	module []byte
	path   string
	own    string // directory of the compiled form, when it goes with the runner
	log    journal
	parted parted
}

// NewRunner prepares a module; path is where it is from, for messages. Its
// compiled form is kept in cacheDir, for the next run too, or until Close when
// that is empty. A module that would be refused is an error.
func NewRunner(module []byte, path, cacheDir string) (*Runner, error) {
	r := &Runner{module: module, path: path}
	if err := r.start(cacheDir); err != nil {
		return nil, fmt.Errorf("cannot use %q: %w", path, err)
	}
	var err error
	if r.Info, err = r.host.Inspect(context.Background(), module); err == nil && len(r.Info.Problems) > 0 {
		err = fmt.Errorf("it would be refused:\n%s", strings.Join(r.Info.Problems, "\n"))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot use %q: %w", path, err), r.Close())
	}
	return r, nil
}

// start opens the host. A cache that somebody else may have touched is not used.
func (r *Runner) start(cacheDir string) (err error) {
	options := wasm.HostOptions{CacheDir: cacheDir, Verify: password.Verify, Disconnect: r.parted.add, Log: slog.New(&r.log)}
	if cacheDir != "" {
		if r.host, err = wasm.NewHost(options); err == nil {
			return nil
		}
	}
	if r.own, err = os.MkdirTemp("", "wicket-plugin-"); err != nil {
		return err
	}
	options.CacheDir = r.own
	if r.host, err = wasm.NewHost(options); err != nil {
		return errors.Join(err, os.RemoveAll(r.own))
	}
	return nil
}

// Close frees the runner.
func (r *Runner) Close() error {
	err := r.host.Close()
	if r.own != "" {
		err = errors.Join(err, os.RemoveAll(r.own))
	}
	return err
}

// Result is the outcome of a case.
type Result struct {
	Suite *Suite        `json:"-"`
	File  string        `json:"file"`
	Name  string        `json:"name"`
	Pass  bool          `json:"pass"`
	Took  time.Duration `json:"took_ns"`
	Steps []*StepResult `json:"steps"`
	Notes []string      `json:"notes,omitempty"` // why it cannot pass, and what the host has logged
}

// StepResult is the outcome of one question.
type StepResult struct {
	Step *Step   `json:"-"`
	Name string  `json:"-"` // of the case
	Got  Verdict `json:"got"`
	Diff string  `json:"diff,omitempty"` // from what was expected to what was answered
}

// Run runs one case.
func (r *Runner) Run(ctx context.Context, s *Suite, c *Case) *Result {
	begin := time.Now()
	res := &Result{Suite: s, File: s.Path, Name: c.Name, Pass: true}
	r.log.clear()
	r.parted.clear()
	t, err := r.open(ctx, s, c)
	var refused *wasm.RefusedError
	switch {
	case errors.As(err, &refused):
		res.add(&c.Step, Verdict{Load: refused.Why})
	case err != nil:
		res.fail(err.Error())
	default:
		for _, step := range c.Steps() {
			got, err := t.ask(step)
			if err != nil {
				res.fail(err.Error())
				break
			}
			res.add(step, got)
		}
		t.close()
		for _, p := range t.net.problems {
			res.fail(p)
		}
	}
	res.Took = time.Since(begin)
	if !res.Pass {
		res.Notes = append(res.Notes, r.log.all()...)
	}
	return res
}

func (res *Result) fail(why string) {
	res.Pass = false
	res.Notes = append(res.Notes, why)
}

// add compares an answer with what was expected.
func (res *Result) add(step *Step, got Verdict) {
	out := &StepResult{Step: step, Name: res.Name, Got: got.shown(step.Expect)}
	want := Verdict{}
	if step.Expect != nil {
		want = step.Expect.normal()
	}
	if out.Diff = diff(&want, &out.Got); out.Diff != "" {
		res.Pass = false
	}
	res.Steps = append(res.Steps, out)
}

// trial is a plugin that is asked.
type trial struct {
	r        *Runner
	plugin   *wasm.Plugin
	gate     *auth.Gate
	clock    *clock
	net      *network
	exchange *auth.Exchange // that is under way, or nil
	last     *auth.Verdict  // what the plugin has answered, before the gate looks at it
	limit    time.Duration
}

func (r *Runner) open(ctx context.Context, s *Suite, c *Case) (*trial, error) {
	t := &trial{r: r, clock: &clock{now: or(or(c.Clock, s.Clock), began)}, limit: or(or(c.Timeout, s.Timeout), 5*time.Second)}
	t.net = &network{clock: t.clock}
	config := maps.Clone(s.Config)
	if config == nil {
		config = map[string]any{}
	}
	maps.Copy(config, c.Config)
	raw, files, err := wasm.Settings(filepath.Dir(s.Path), config)
	if err != nil {
		return nil, err
	}
	senders := map[string]wasm.Sender{}
	for _, of := range []map[string][]*Answer{s.Upstreams, c.Upstreams} {
		for name, answers := range of {
			senders[name] = &standIn{name: name, net: t.net, answers: answers, used: make([]int, len(answers))}
		}
	}
	t.plugin, err = r.host.Open(ctx, wasm.Options{
		Name: pluginName(r.path), Path: r.path, Module: r.module, Config: raw, Files: files,
		Grants: r.Info.Grants, Upstreams: senders, Workers: 1, Now: t.clock.Now,
		Random: func() io.Reader { return new(fixed) },
		Events: slices.Concat(s.Events, c.Events),
		Limits: wasm.Limits{AuthenticateSlice: slice, AuthorizeSlice: slice, LoadSlice: 5 * slice, Wall: t.limit},
	})
	if err != nil {
		return nil, err
	}
	for _, kv := range []map[string]any{s.KV, c.KV} {
		if err := t.seed(kv); err != nil {
			t.close()
			return nil, err
		}
	}
	t.gate, err = auth.NewGate(auth.Options{Chain: []auth.Decider{t}, Clock: t.clock.Now})
	return t, err
}

// pluginName is what the broker would call the plugin in a file.
func pluginName(path string) string {
	base := filepath.Base(path)
	return or(strings.TrimSuffix(base, filepath.Ext(base)), "plugin")
}

// close ends the plugin. Its log is complete then.
func (t *trial) close() {
	t.leave()
	_ = t.plugin.Close(context.Background())
}

// Name implements auth.Decider: the trial stands between gate and plugin.
func (t *trial) Name() string { return t.plugin.Name() }

// Hears implements auth.Decider.
func (t *trial) Hears(q auth.Question) bool { return t.plugin.Hears(q) }

// Authenticate implements auth.Decider.
func (t *trial) Authenticate(req *auth.Request, done func(auth.Verdict)) {
	t.plugin.Authenticate(req, t.noting(done))
}

// Authorize implements auth.Decider.
func (t *trial) Authorize(acc *auth.Access, done func(auth.Verdict)) {
	t.plugin.Authorize(acc, t.noting(done))
}

func (t *trial) noting(done func(auth.Verdict)) func(auth.Verdict) {
	return func(v auth.Verdict) {
		given := v
		t.last = &given
		if v.Dialog != nil {
			v.Dialog = noted{v.Dialog, t}
		}
		done(v)
	}
}

// ask takes one step, and says what has come of it.
func (t *trial) ask(s *Step) (Verdict, error) {
	parted, before, lines, asked := len(t.r.parted.since(0)), t.plugin.Stats(), t.r.log.len(), len(t.net.since(0))
	if t.clock.turn(s.Wait); s.Wait > 0 {
		if err := t.settle(); err != nil {
			return Verdict{}, err
		}
	}
	t.last = &auth.Verdict{Decision: auth.Next} // of a plugin that does not hear the question
	grant, problem, err := t.put(s)
	if err == nil {
		err = t.settle()
	}
	if err != nil {
		return Verdict{}, err
	}
	v := verdictOf(t.last)
	if s.questionless() {
		v = Verdict{}
	}
	v.Fault = fault(before, t.plugin.Stats())
	if problem != nil && v.Fault == "" {
		v.Fault = problem.Error()
	}
	v.Requests = t.net.since(asked)
	v.Logs = t.r.log.guest(lines)
	if s.Expect != nil {
		v.Permits, v.Refuses = judge(grant, s.Expect.Permits, s.Expect.Refuses)
		v.KV, v.Metrics = t.kept(s.Expect.KV), t.metrics(s.Expect.Metrics)
	}
	v.Disconnects = t.r.parted.since(parted)
	return v, nil
}

// put puts the question of a step, or tells its event. The gate's answer about a
// client has a grant, or a problem; the verdict is in t.last.
func (t *trial) put(s *Step) (grant *auth.Grant, problem, err error) {
	switch {
	case s.Event != nil:
		return nil, nil, t.tell(s.Event)
	case s.Continue != nil, s.Leave:
		out, err := t.converse(s)
		if err != nil {
			return nil, nil, err
		}
		return out.Grant, out.Err, nil
	case s.questionless():
		return nil, nil, nil
	case s.ClientHello != nil:
		return nil, nil, t.greet(s.ClientHello)
	case s.Authorize != nil:
		acc, err := s.Authorize.access()
		if err != nil {
			return nil, nil, err
		}
		done := make(chan struct{})
		t.plugin.Authorize(acc, t.noting(func(auth.Verdict) { close(done) }))
		<-done
		return nil, nil, nil
	}
	req, err := s.Authenticate.request()
	if err != nil {
		return nil, nil, err
	}
	done := make(chan auth.Outcome, 1)
	t.leave()
	t.gate.Authenticate(req, func(o auth.Outcome) { done <- o })
	out := t.outcome(<-done)
	return out.Grant, out.Err, nil
}

// questionless reports whether a step asks nothing.
func (s *Step) questionless() bool {
	return s.Authenticate == nil && s.Continue == nil && s.Authorize == nil && s.ClientHello == nil
}

// settle waits until the plugin has done what timers, events and calls that have
// ended give it to do.
func (t *trial) settle() error {
	ctx, cancel := context.WithTimeout(context.Background(), t.limit+10*slice)
	defer cancel()
	if err := t.plugin.Settle(ctx); err != nil {
		return errors.New("the plugin does not come to rest")
	}
	return nil
}

// judge sorts what is said to be permitted and refused by what is.
func judge(g *auth.Grant, permits, refuses []string) (may, mayNot []string) {
	sort := func(texts []string) {
		for _, text := range texts {
			verb, topic, _ := strings.Cut(text, " ")
			a, _ := action(verb)
			if g != nil && g.Check(a, []byte(strings.TrimSpace(topic)), 0, false) == auth.Allowed {
				may = append(may, text)
			} else {
				mayNot = append(mayNot, text)
			}
		}
	}
	sort(permits)
	sort(refuses)
	return may, mayNot
}

// fault names what kept a plugin from answering.
func fault(before, after wasm.Stats) string {
	for kind, n := range after.Faults {
		if n > before.Faults[kind] {
			return kind.String()
		}
	}
	switch {
	case after.Failed > before.Failed:
		return "failed"
	case after.Expired > before.Expired:
		return "expired"
	case after.Rejected > before.Rejected:
		return "rejected"
	case after.Busy > before.Busy:
		return "busy"
	case after.TooLarge > before.TooLarge:
		return "too large"
	}
	return ""
}
