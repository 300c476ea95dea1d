package ocsp

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/wicketmq/wicket/engine/alarm"
	"github.com/wicketmq/wicket/engine/cert"
)

const (
	// shortest is the shortest time between two questions when all is well.
	shortest = time.Minute

	// retry is the time between two questions when there was no answer. It
	// doubles once a minute of them was in vain, up to the refresh interval.
	retry      = 5 * time.Second
	quickTries = 12
)

// watch keeps the answer about one certificate fresh. One goroutine runs it.
type watch struct {
	s          *Stapler
	leaf       *x509.Certificate
	name       string
	question   *question // nil when it cannot be asked
	mustStaple bool
	kick       chan struct{}
	cancel     context.CancelFunc

	// Guarded by s.mu.
	answer    *Answer
	expiry    *time.Timer // takes answer off
	stapled   bool
	responder string
	nextAsk   time.Time
	err       error // of the last question
	failures  int   // in a row
}

func (w *watch) run(ctx context.Context) {
	for {
		pause, inUse := w.round(ctx)
		if !inUse {
			w.s.Sync() // files were swapped and nobody has told us
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-w.kick:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// wake has the question asked again now.
func (w *watch) wake() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// round asks once and returns the time until the next question, and whether
// the target still has the leaf, as far as that has come out.
func (w *watch) round(ctx context.Context) (pause time.Duration, inUse bool) {
	w.s.mu.Lock()
	o := w.s.o
	w.s.mu.Unlock()
	responder, a, err := w.ask(ctx, &o)

	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if ctx.Err() != nil {
		return 0, true
	}
	if err == nil && a.Status == Unknown {
		err = errors.New("the responder does not know the certificate")
	}
	if err != nil {
		w.fail(responder, err)
	} else {
		w.adopt(responder, a)
	}
	w.raise()
	pause = w.pause(o.Refresh)
	w.nextAsk = time.Now().Add(pause)
	return pause, w.stapled || w.answer == nil
}

// ask asks the responders in turn until one answers.
func (w *watch) ask(ctx context.Context, o *Options) (responder string, a *Answer, err error) {
	list := []string{o.Responder}
	if o.Responder == "" {
		if list, err = responders(w.leaf); err != nil {
			return "", nil, err
		}
	}
	for _, responder = range list {
		if a, err = w.question.ask(ctx, o.Fetch, responder, o.Timeout); err == nil {
			break
		}
	}
	return responder, a, err
}

// pause is the time until the next question: a tenth at random is added, so
// that the certificates of a fleet do not ask at the same moment.
func (w *watch) pause(refresh time.Duration) time.Duration {
	d := refresh
	if w.failures > 0 {
		d = min(backoff(w.failures), max(refresh, retry))
	} else {
		d = max(min(d, time.Until(w.answer.until)/2), shortest)
	}
	return d + rand.N(d/10)
}

func backoff(failures int) time.Duration {
	return retry << min(max(failures-quickTries, 0), 20)
}

// adopt takes an answer into use unless the one in use is newer, as when a
// cache of the responder's or somebody on the way hands out an old one.
func (w *watch) adopt(responder string, a *Answer) {
	log := w.log(responder)
	w.responder = responder
	if old := w.answer; old == nil || !a.ThisUpdate.Before(old.ThisUpdate) {
		w.use(a)
		if old == nil || old.Status != a.Status || w.err != nil {
			log.Info("OCSP answer stapled", "status", string(a.Status), "next_update", a.NextUpdate)
		}
	}
	w.err, w.failures = nil, 0
}

// use staples an answer until it ends.
func (w *watch) use(a *Answer) {
	if w.expiry != nil {
		w.expiry.Stop()
	}
	w.answer = a
	w.expiry = time.AfterFunc(time.Until(a.until), func() { w.expire(a) })
	w.staple()
}

// staple gives the target the answer. The target forgets answers when files
// are loaded again.
func (w *watch) staple() {
	if w.answer != nil {
		w.stapled = w.s.o.Target.Staple(w.leaf, w.answer.Raw)
	}
}

// expire takes an answer off that has ended, unless it was replaced.
func (w *watch) expire(a *Answer) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if w.answer != a {
		return
	}
	w.forget()
	w.log(w.responder).Error("OCSP answer is out of date and no longer stapled", "next_update", a.NextUpdate, "last_error", w.errText())
	w.raise()
}

// forget takes the answer off.
func (w *watch) forget() {
	if w.answer == nil {
		return
	}
	w.expiry.Stop()
	w.answer, w.stapled = nil, false
	w.s.o.Target.Staple(w.leaf, nil)
}

// fail notes that there was no answer, and logs it when that is news.
func (w *watch) fail(responder string, err error) {
	news := w.err == nil || w.err.Error() != err.Error()
	w.responder, w.err = responder, err
	w.failures++
	if !news {
		return
	}
	if w.answer != nil {
		w.log(responder).Warn("cannot refresh the OCSP answer; the one before stays", "error", err, "until", w.answer.until)
		return
	}
	w.log(responder).Error("no OCSP answer to staple", "error", err)
}

// raise raises and clears the alarms as things stand.
func (w *watch) raise() {
	alarms := w.s.o.Alarms
	if alarms == nil {
		return
	}
	if w.answer != nil && w.answer.Status == Revoked {
		alarms.Raise(AlarmRevoked, w.object(), alarm.Critical, "the responder says that the listener's certificate "+
			cert.Serial(w.leaf)+" was revoked at "+stamp(w.answer.RevokedAt)+"; clients that check refuse it: get another one")
	} else {
		alarms.Clear(AlarmRevoked, w.object())
	}
	if w.mustStaple && w.answer == nil {
		alarms.Raise(AlarmMustStaple, w.object(), alarm.Critical, "the listener's certificate "+cert.Serial(w.leaf)+
			" must not be shown without an OCSP answer (RFC 7633), and there is none: "+w.errText()+"; clients that check refuse it")
	} else {
		alarms.Clear(AlarmMustStaple, w.object())
	}
}

func (w *watch) object() string { return w.s.o.Listener + ":" + cert.Serial(w.leaf) }

func (w *watch) errText() string {
	if w.err == nil {
		return ""
	}
	return w.err.Error()
}

func (w *watch) log(responder string) *slog.Logger {
	return w.s.o.Log.With("listener", w.s.o.Listener, "subject", cert.Subject(w.leaf.RawSubject),
		"serial", cert.Serial(w.leaf), "responder", responder)
}

// state is called with s.mu held.
func (w *watch) state() State {
	s := State{
		Listener: w.s.o.Listener, Name: w.name, Subject: cert.Subject(w.leaf.RawSubject), Serial: cert.Serial(w.leaf),
		Responder: w.responder, NextAsk: w.nextAsk, LastError: w.errText(), Stapled: w.stapled, MustStaple: w.mustStaple,
	}
	if a := w.answer; a != nil {
		s.Status, s.ProducedAt, s.ThisUpdate, s.NextUpdate = a.Status, a.ProducedAt, a.ThisUpdate, a.NextUpdate
	}
	return s
}

var oidTLSFeature = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}

// statusRequest is the number of the TLS extension status_request (RFC 6066).
const statusRequest = 5

// MustStaple reports whether a certificate has the TLS feature status_request
// (RFC 7633 section 4.2.3).
func MustStaple(leaf *x509.Certificate) bool {
	for _, e := range leaf.Extensions {
		var features []int
		if e.Id.Equal(oidTLSFeature) {
			rest, err := asn1.Unmarshal(e.Value, &features)
			return err == nil && len(rest) == 0 && slices.Contains(features, statusRequest)
		}
	}
	return false
}
