package ocsp

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/wicketmq/wicket/engine/alarm"
	"github.com/wicketmq/wicket/engine/cert"
)

// shelf is a Target in memory.
type shelf struct {
	mu      sync.Mutex
	leaves  []cert.Leaf
	staples map[string][]byte // by leaf
}

func (h *shelf) put(leaves ...cert.Leaf) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leaves, h.staples = leaves, map[string][]byte{}
}

func (h *shelf) Leaves() []cert.Leaf {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.leaves)
}

func (h *shelf) Staple(leaf *x509.Certificate, der []byte) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.ContainsFunc(h.leaves, func(l cert.Leaf) bool { return l.Cert.Equal(leaf) }) {
		return false
	}
	h.staples[string(leaf.Raw)] = der
	return true
}

func (h *shelf) of(leaf *entity) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.staples[string(leaf.cert.Raw)]
}

// lines is a log that tests read.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), part)
}

// stage is one listener with a leaf and its responder, on a clock that only
// moves when all rest.
type stage struct {
	*testing.T
	root, leaf *entity
	shelf      *shelf
	responder  *responder
	log        *lines
	alarms     *alarm.Registry
	stapler    *Stapler
}

// perform runs f in a bubble after the first question.
func perform(t *testing.T, change func(*x509.Certificate), f func(*stage)) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{T: t, shelf: &shelf{}, responder: &responder{}, log: &lines{}}
		s.root = issue(t, "Root", nil, ca)
		s.leaf = issue(t, "leaf", s.root, change)
		s.shelf.put(cert.Leaf{Cert: s.leaf.cert, Issuer: s.root.cert})
		s.alarms = alarm.New(slog.New(slog.DiscardHandler), time.Now)
		s.responder.set(s.good(time.Hour))
		f(s)
	})
}

// good answers every question about the authority's certificates.
func (s *stage) good(life time.Duration) func(context.Context, *ocsp.Request) ([]byte, error) {
	return s.answer(func(r *ocsp.Response) { r.NextUpdate = time.Now().Add(life) })
}

func (s *stage) answer(change func(*ocsp.Response)) func(context.Context, *ocsp.Request) ([]byte, error) {
	return func(_ context.Context, q *ocsp.Request) ([]byte, error) {
		r := ocsp.Response{SerialNumber: q.SerialNumber, ThisUpdate: time.Now()}
		change(&r)
		return ocsp.CreateResponse(s.root.cert, s.root.cert, r, s.root.key)
	}
}

func (s *stage) options() Options {
	return Options{
		Listener: "tls:default", Target: s.shelf, Fetch: s.responder, Refresh: 5 * time.Minute, Timeout: 15 * time.Second,
		Log: slog.New(slog.NewTextHandler(s.log, nil)), Alarms: s.alarms,
	}
}

func (s *stage) start() {
	s.Helper()
	var err error
	if s.stapler, err = NewStapler(s.options()); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(s.stapler.Close)
	synctest.Wait()
}

// sleep lets time pass and what is due happen.
func (s *stage) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (s *stage) state() State {
	s.Helper()
	all := s.stapler.State()
	if len(all) != 1 {
		s.Fatalf("%d states, want 1", len(all))
	}
	return all[0]
}

func (s *stage) raised() []string {
	var names []string
	for _, a := range s.alarms.List() {
		names = append(names, a.Name+" "+string(a.Level))
	}
	return names
}

// TestStaple asks at the start, staples the answer unchanged and says so.
func TestStaple(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.start()
		a, err := ask(s, s.leaf, s.root).check(s.shelf.of(s.leaf))
		if err != nil {
			s.Fatal(err)
		}
		got := s.state()
		want := State{
			Listener: "tls:default", Subject: "O=Tests,CN=leaf", Serial: cert.Serial(s.leaf.cert), Responder: "http://ocsp.example",
			Status: Good, ProducedAt: a.ProducedAt, ThisUpdate: a.ThisUpdate, NextUpdate: a.NextUpdate, NextAsk: got.NextAsk, Stapled: true,
		}
		want.Subject = cert.Subject(s.leaf.cert.RawSubject)
		if got != want {
			s.Errorf("state\n%+v, want\n%+v", got, want)
		}
		if s.log.count("OCSP answer stapled") != 1 || len(s.raised()) != 0 {
			s.Errorf("log %s alarms %v", s.log.b.String(), s.raised())
		}
	})
}

// TestStapleTimers is OCSP-04: the next question comes after the refresh
// interval or half of what the answer has left, never before a minute, with a
// tenth at random.
func TestStapleTimers(t *testing.T) {
	for _, test := range []struct {
		name     string
		refresh  time.Duration
		life     time.Duration
		low, top time.Duration
	}{
		{"interval", 5 * time.Minute, time.Hour, 5 * time.Minute, 5*time.Minute + 30*time.Second},
		{"half of nextUpdate", time.Hour, 30 * time.Minute, 15 * time.Minute, 16*time.Minute + 30*time.Second},
		{"floor", 5 * time.Minute, 90 * time.Second, time.Minute, 66 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			perform(t, nil, func(s *stage) {
				s.responder.set(s.good(test.life))
				o := s.options()
				o.Refresh = test.refresh
				var err error
				if s.stapler, err = NewStapler(o); err != nil {
					s.Fatal(err)
				}
				defer s.stapler.Close()
				s.sleep(4 * time.Hour)
				all := s.responder.questions()
				if len(all) < 3 {
					s.Fatalf("%d questions in four hours", len(all))
				}
				differ := false
				for i, a := range all[1:] {
					differ = differ || a.at.Sub(all[i].at) != all[1].at.Sub(all[0].at)
					if d := a.at.Sub(all[i].at); d < test.low-time.Second || d > test.top {
						s.Errorf("question %d after %v, want %v to %v", i+1, d, test.low, test.top)
					}
				}
				if !s.state().Stapled || !differ {
					s.Errorf("stapled %v, pauses differ: %v", s.state().Stapled, differ)
				}
			})
		})
	}
}

// TestStapleRetry keeps asking each 5 s for a minute, then ever more seldom, and
// logs one failure once (OCSP-04).
func TestStapleRetry(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.responder.says(nil, errors.New("connection refused"))
		s.start()
		s.sleep(2 * time.Hour)
		all := s.responder.questions()
		var pauses []time.Duration
		for i, a := range all[1:] {
			pauses = append(pauses, a.at.Sub(all[i].at))
		}
		for i, d := range pauses {
			want := min(retry<<max(i+1-quickTries, 0), 5*time.Minute)
			if d < want || d > want+want/10 {
				s.Errorf("pause %d is %v, want %v and a tenth", i+1, d, want)
			}
		}
		if last := pauses[len(pauses)-1]; last < 5*time.Minute {
			s.Errorf("after two hours the pause is %v, want the refresh interval", last)
		}
		if n := s.log.count("connection refused"); n != 1 {
			s.Errorf("the failure is logged %d times, want once", n)
		}
		if got := s.state(); got.Stapled || got.LastError != "connection refused" || got.Status != "" {
			s.Errorf("state %+v", got)
		}

		s.responder.set(s.good(time.Hour))
		s.stapler.Refresh()
		synctest.Wait()
		if got := s.state(); !got.Stapled || got.LastError != "" {
			s.Errorf("state %+v after the responder came back", got)
		}
	})
}

// TestStapleEnds takes an answer off at its nextUpdate, not a second later.
func TestStapleEnds(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.responder.set(s.good(20 * time.Minute))
		s.start()
		s.responder.says(nil, errors.New("connection refused"))
		s.sleep(20*time.Minute - time.Second)
		if !s.state().Stapled || s.log.count("the one before stays") != 1 {
			s.Errorf("state %+v a second before nextUpdate, log %s", s.state(), s.log.b.String())
		}
		s.sleep(time.Second)
		if s.state().Stapled || s.shelf.of(s.leaf) != nil {
			s.Error("stapled after nextUpdate")
		}
		if s.log.count("no longer stapled") != 1 {
			s.Error(s.log.b.String())
		}
	})
}

// TestStapleEndsOnce leaves a new answer alone when the timer of the one before
// comes late.
func TestStapleEndsOnce(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.start()
		for _, w := range s.stapler.watches {
			w.expire(&Answer{})
		}
		if !s.state().Stapled || s.shelf.of(s.leaf) == nil {
			s.Error("the new answer was taken off")
		}
	})
}

// TestStapleBad does not staple what is not believed, and keeps the answer
// before it (OCSP-05, OCSP-07).
func TestStapleBad(t *testing.T) {
	perform(t, nil, func(s *stage) {
		other := issue(s, "Other", nil, ca)
		unknown := s.answer(func(r *ocsp.Response) { r.Status, r.NextUpdate = ocsp.Unknown, time.Now().Add(time.Hour) })
		wrong := func(context.Context, *ocsp.Request) ([]byte, error) { return sign(s, s.root, other, good(s.leaf)), nil }
		s.responder.set(unknown)
		s.start()
		if got := s.state(); got.Stapled || got.LastError != "the responder does not know the certificate" {
			s.Errorf("state %+v", got)
		}
		s.responder.set(wrong)
		s.sleep(6 * time.Second)
		if got := s.state(); got.Stapled || !strings.Contains(got.LastError, "issued by another authority") {
			s.Errorf("state %+v", got)
		}
		s.responder.set(s.good(time.Hour))
		s.sleep(6 * time.Second)
		before := s.shelf.of(s.leaf)
		if before == nil {
			s.Fatal("not stapled")
		}
		for _, bad := range []func(context.Context, *ocsp.Request) ([]byte, error){unknown, wrong} {
			s.responder.set(bad)
			s.stapler.Refresh()
			synctest.Wait()
			if got := s.state(); !got.Stapled || got.Status != Good || got.LastError == "" || !bytes.Equal(s.shelf.of(s.leaf), before) {
				s.Errorf("state %+v, want the answer before", got)
			}
		}
	})
}

// TestStapleOld keeps the newer of two answers: a recorded "good" does not
// undo "revoked".
func TestStapleOld(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.start()
		old := s.shelf.of(s.leaf)
		s.responder.set(s.answer(func(r *ocsp.Response) {
			r.Status, r.RevokedAt, r.NextUpdate = ocsp.Revoked, time.Now(), time.Now().Add(time.Hour)
		}))
		s.sleep(6 * time.Minute)
		if got := s.state(); got.Status != Revoked || !got.Stapled {
			s.Fatalf("state %+v, want revoked and stapled", got)
		}
		if got := s.raised(); !slices.Equal(got, []string{"ocsp_revoked critical"}) {
			s.Errorf("alarms %v", got)
		}
		s.responder.says(old, nil)
		s.sleep(6 * time.Minute)
		if got := s.state(); got.Status != Revoked || got.LastError != "" {
			s.Errorf("state %+v after an old answer", got)
		}
		s.responder.set(s.good(time.Hour)) // a hold was lifted
		s.sleep(6 * time.Minute)
		if got := s.state(); got.Status != Good || len(s.raised()) != 0 {
			s.Errorf("state %+v, alarms %v after a new answer", got, s.raised())
		}
	})
}

// TestMustStaple is OCSP-09.
func TestMustStaple(t *testing.T) {
	feature := func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: oidTLSFeature, Value: []byte{0x30, 3, 2, 1, 5}}}
	}
	perform(t, feature, func(s *stage) {
		s.responder.says(nil, errors.New("connection refused"))
		s.start()
		if got := s.raised(); !slices.Equal(got, []string{"ocsp_must_staple critical"}) || !s.state().MustStaple {
			s.Errorf("alarms %v, state %+v", got, s.state())
		}
		s.responder.set(s.good(10 * time.Minute))
		s.sleep(6 * time.Second)
		if got := s.raised(); len(got) != 0 {
			s.Errorf("alarms %v with an answer", got)
		}
		s.responder.says(nil, errors.New("connection refused"))
		s.sleep(10 * time.Minute)
		if got := s.raised(); !slices.Equal(got, []string{"ocsp_must_staple critical"}) {
			s.Errorf("alarms %v after its end", got)
		}
		s.stapler.Close()
		if got := s.raised(); len(got) != 0 {
			s.Errorf("alarms %v after Close", got)
		}
	})
	for _, other := range [][]byte{{0x30, 3, 2, 1, 17}, {0x30, 3, 2, 1}, {}} {
		leaf := issue(t, "leaf", nil, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: oidTLSFeature, Value: other}}
		})
		if MustStaple(leaf.cert) {
			t.Errorf("feature %x is taken for must-staple", other)
		}
	}
}

// TestStapleRotation is OCSP-08: a new leaf gets an answer of its own at once,
// whether or not somebody says that files were swapped.
func TestStapleRotation(t *testing.T) {
	for _, told := range []bool{true, false} {
		perform(t, nil, func(s *stage) {
			s.start()
			next := issue(s, "leaf", s.root, nil)
			s.shelf.put(cert.Leaf{Cert: next.cert, Issuer: s.root.cert})
			if told {
				s.stapler.Sync()
				synctest.Wait()
			} else {
				s.sleep(6 * time.Minute)
			}
			if got := s.state(); !got.Stapled || got.Serial != cert.Serial(next.cert) {
				s.Errorf("told %v: state %+v", told, got)
			}
			if _, err := ask(s, next, s.root).check(s.shelf.of(next)); err != nil {
				s.Error(err)
			}
			if s.shelf.of(s.leaf) != nil {
				s.Error("the old leaf is still stapled")
			}
		})
	}
}

// TestStapleReload staples again at once when files are loaded again and the
// leaf is the same, without a question.
func TestStapleReload(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.start()
		s.shelf.put(cert.Leaf{Cert: s.leaf.cert, Issuer: s.root.cert})
		s.stapler.Sync()
		if s.shelf.of(s.leaf) == nil || len(s.responder.questions()) != 1 {
			s.Errorf("stapled %v after %d questions", s.shelf.of(s.leaf) != nil, len(s.responder.questions()))
		}
	})
}

// TestStapleLate drops the answer to a question about a leaf that was replaced
// meanwhile.
func TestStapleLate(t *testing.T) {
	perform(t, nil, func(s *stage) {
		honest := s.good(time.Hour)
		s.responder.set(func(ctx context.Context, q *ocsp.Request) ([]byte, error) {
			time.Sleep(10 * time.Second)
			return honest(ctx, q)
		})
		s.start()
		s.shelf.put() // nothing
		s.stapler.Sync()
		s.shelf.put(cert.Leaf{Cert: s.leaf.cert}) // again, but nobody has been told
		s.sleep(time.Minute)
		if s.shelf.of(s.leaf) != nil {
			s.Error("stapled by a watch that had ended")
		}
	})
}

// TestStapleSlow gives a question no more than its time.
func TestStapleSlow(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.responder.set(func(ctx context.Context, _ *ocsp.Request) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		s.start()
		s.sleep(15 * time.Second)
		if got := s.state(); !strings.Contains(got.LastError, `no answer in time: "http://ocsp.example" was given 15s`) {
			s.Errorf("state %+v", got)
		}
	})
}

// TestStapleResponders asks the configured responder, or those of the
// certificate in turn.
func TestStapleResponders(t *testing.T) {
	three := func(c *x509.Certificate) {
		c.OCSPServer = []string{"ldap://a", "http://b.example/x", "http://c.example", "http://d.example", "http://e.example"}
	}
	hosts := func(s *stage) (out []string) {
		for _, a := range s.responder.questions() {
			host, _, _ := strings.Cut(strings.TrimPrefix(a.url, "http://"), "/")
			out = append(out, host)
		}
		return out
	}
	perform(t, three, func(s *stage) {
		s.responder.says(nil, errors.New("connection refused"))
		s.start()
		if got := hosts(s); !slices.Equal(got, []string{"b.example", "c.example", "d.example"}) {
			s.Errorf("asked %v", got)
		}
		o := s.options()
		o.Responder = "http://mine.example"
		if err := s.stapler.Update(o); err != nil {
			s.Fatal(err)
		}
		synctest.Wait()
		if got := hosts(s); got[len(got)-1] != "mine.example" || len(got) != 4 {
			s.Errorf("asked %v", got)
		}
		o.Responder = "mine.example"
		if err := s.stapler.Update(o); err == nil || !strings.Contains(err.Error(), `responder_url: "mine.example" is no http`) {
			s.Errorf("error %v", err)
		}
	})
	perform(t, func(c *x509.Certificate) { c.OCSPServer = nil }, func(s *stage) {
		s.start()
		if got := s.state(); got.LastError != errNoResponder.Error() || len(hosts(s)) != 0 {
			s.Errorf("state %+v", got)
		}
	})
}

// TestStapleIssuer is OCSP-03: the issuer is one of issuer_pem or the chain's,
// but only if it has signed the leaf.
func TestStapleIssuer(t *testing.T) {
	perform(t, nil, func(s *stage) {
		other := issue(s, "Other", nil, ca)
		s.shelf.put(cert.Leaf{Cert: s.leaf.cert})
		s.start()
		if got := s.state(); got.LastError != errNoIssuer.Error() || len(s.responder.questions()) != 0 {
			s.Errorf("state %+v", got)
		}
		o := s.options()
		for _, test := range []struct {
			issuers []*x509.Certificate
			chain   *x509.Certificate
			want    bool
		}{
			{[]*x509.Certificate{other.cert, s.root.cert}, nil, true},
			{[]*x509.Certificate{other.cert}, nil, false},
			{[]*x509.Certificate{other.cert}, s.root.cert, true},
		} {
			s.shelf.put(cert.Leaf{Cert: s.leaf.cert, Issuer: test.chain})
			o.Issuers = test.issuers
			if err := s.stapler.Update(o); err != nil {
				s.Fatal(err)
			}
			synctest.Wait()
			if got := s.state(); got.Stapled != test.want {
				s.Errorf("%+v: state %+v", test, got)
			}
		}
	})
}

// TestStapleSeveral keeps the certificates of a listener apart.
func TestStapleSeveral(t *testing.T) {
	perform(t, nil, func(s *stage) {
		second := issue(s, "second", s.root, nil)
		s.shelf.put(
			cert.Leaf{Cert: s.leaf.cert, Issuer: s.root.cert},
			cert.Leaf{Cert: second.cert, Issuer: s.root.cert, Name: "second.example"},
			cert.Leaf{Cert: s.leaf.cert, Issuer: s.root.cert, Name: "also.example"},
		)
		honest := s.good(time.Hour)
		s.responder.set(func(ctx context.Context, q *ocsp.Request) ([]byte, error) {
			if q.SerialNumber.Cmp(second.cert.SerialNumber) == 0 {
				return nil, errors.New("connection refused")
			}
			return honest(ctx, q)
		})
		s.start()
		all := s.stapler.State()
		if len(all) != 2 || !all[0].Stapled || all[0].Name != "" || all[1].Stapled || all[1].Name != "second.example" {
			s.Errorf("states %+v", all)
		}
	})
}

// TestStapleClose takes all answers off, twice if it must.
func TestStapleClose(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.start()
		s.stapler.Close()
		s.stapler.Close()
		s.stapler.Sync()
		if s.shelf.of(s.leaf) != nil || len(s.stapler.State()) != 0 {
			s.Error("something is left")
		}
	})
}
