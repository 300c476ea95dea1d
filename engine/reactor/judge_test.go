package reactor

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// bench is a Judge that refuses the names on its list.
type bench struct {
	mu      sync.Mutex
	revoked map[string]bool
	asked   int
	paths   []int // lengths
}

func (b *bench) revoke(names ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range names {
		b.revoked[n] = true
	}
}

func (b *bench) judge(path []*x509.Certificate) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	b.paths = append(b.paths, len(path))
	switch name := path[0].Subject.CommonName; {
	case name == "bug":
		panic("a bug in the judge")
	case b.revoked[name]:
		return &cert.RevokedError{Serial: cert.Serial(path[0])}
	}
	return nil
}

func newJudgedWorld(t testing.TB, log io.Writer, change func(*Options)) (*world, *authority, *bench) {
	ca, b := newAuthority(t), &bench{revoked: map[string]bool{}}
	w := newWorld(t, func(o *Options) {
		if log != nil {
			o.Log = slog.New(slog.NewTextHandler(log, nil))
		}
		ca.demand(&o.Listeners[1])
		o.Listeners[1].Judge = b.judge
		if change != nil {
			change(o)
		}
	})
	return w, ca, b
}

// device connects with a certificate and an MQTT version.
func (w *world) device(cfg *tls.Config, id string, version mqtt.Version) peer {
	w.t.Helper()
	raw := w.raw(1)
	_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
	p := peer{w.t, tls.Client(raw, cfg)}
	c := mqtt.Connect{Version: version, CleanStart: true, KeepAlive: 60, ClientID: []byte(id)}
	p.send(c.Append(nil, version))
	if version != mqtt.V50 {
		p.expect(connack)
		return p
	}
	head := make([]byte, 2)
	if _, err := io.ReadFull(p, head); err != nil {
		w.t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, p, int64(head[1])); err != nil {
		w.t.Fatal(err)
	}
	return p
}

func hour() time.Time { return time.Now().Add(time.Hour) }

// CERT-12: clients whose certificates have been revoked go, and hear why; the
// others stay.
func TestRejudge(t *testing.T) {
	log := &lines{}
	w, ca, b := newJudgedWorld(t, log, nil)
	old := w.device(ca.client("old", hour()), "old", mqtt.V311)
	modern := w.device(ca.client("modern", hour()), "modern", mqtt.V50)
	good := w.device(ca.client("good", hour()), "good", mqtt.V50)
	plain := peer{t, w.dial(0)}
	plain.send(connectPacket("plain"))
	plain.expect(connack)

	w.r.Rejudge("tls:default") // nothing has changed
	eventually(t, "all are judged", func() bool { return strings.Contains(log.String(), "judged=3 disconnected=0") })

	b.revoke("old", "modern")
	w.r.Rejudge("tls:default")
	rest, err := io.ReadAll(modern)
	if err != nil || !bytes.Equal(rest, []byte{0xE0, 1, byte(mqtt.NotAuthorized)}) && !bytes.Equal(rest, []byte{0xE0, 2, byte(mqtt.NotAuthorized), 0}) {
		t.Errorf("got % x and %v, want DISCONNECT 0x87 and the end", rest, err)
	}
	if rest, err := io.ReadAll(old); err != nil || len(rest) > 0 {
		t.Errorf("MQTT 3.1.1: got % x and %v, want the end", rest, err)
	}
	for _, p := range []peer{good, plain} {
		p.send([]byte{0xC0, 0})
		p.expect([]byte{0xD0, 0})
	}
	eventually(t, "the round is over", func() bool { return strings.Contains(log.String(), "judged=3 disconnected=2") })
	if got := w.r.Stats()[1].Ejected; len(got) != 1 || got["revoked"] != 2 {
		t.Errorf("counted %v", got)
	}
	for _, want := range []string{"CN=modern", "CN=old", "reason=revoked", "serial=10"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %s:\n%s", want, log)
		}
	}
	for _, n := range b.paths {
		if n != 2 {
			t.Errorf("a path of %d certificates was judged, want leaf and anchor", n)
		}
	}
	w.r.Rejudge("tcp:default") // has no judge
	w.r.Rejudge("nobody")
}

// A will is published when its client goes that way.
func TestRejudgePublishesWills(t *testing.T) {
	w, ca, b := newJudgedWorld(t, nil, nil)
	sub := peer{t, w.dial(0)}
	sub.send(connectPacket("watcher"))
	sub.expect(connack)
	sub.send(subscribePacket("gone/#"))
	sub.expect(suback)
	raw := w.raw(1)
	p := peer{t, tls.Client(raw, ca.client("mortal", hour()))}
	c := mqtt.Connect{Version: mqtt.V311, CleanStart: true, ClientID: []byte("mortal"), Will: &mqtt.Will{Topic: []byte("gone/mortal"), Payload: []byte("bye")}}
	p.send(c.Append(nil, mqtt.V311))
	p.expect(connack)
	b.revoke("mortal")
	w.r.Rejudge("tls:default")
	sub.expect(publishPacket("gone/mortal", []byte("bye")))
}

// A client whose handshake has begun before a judgement, and ends after it, is
// judged too.
func TestRejudgeDuringHandshake(t *testing.T) {
	begun, proceed := make(chan struct{}, 1), make(chan struct{})
	w, ca, b := newJudgedWorld(t, nil, func(o *Options) {
		o.Listeners[1].TLS.VerifyConnection = func(tls.ConnectionState) error {
			begun <- struct{}{}
			<-proceed
			return nil
		}
	})
	late := tls.Client(w.raw(1), ca.client("late", hour()))
	go func() { _ = late.Handshake() }()
	<-begun
	b.revoke("late")
	w.r.Rejudge("tls:default")
	eventually(t, "the round is over", func() bool {
		w.r.listeners[1].court.mu.Lock()
		defer w.r.listeners[1].court.mu.Unlock()
		return !w.r.listeners[1].court.sits
	})
	close(proceed)
	eventually(t, "it is gone", func() bool { return w.r.Stats()[1].Ejected["revoked"] == 1 && w.r.openConnections() == 0 })
}

// A bug in the judge costs the client that it struck at.
func TestRejudgeSurvivesBugs(t *testing.T) {
	w, ca, _ := newJudgedWorld(t, io.Discard, nil)
	bug, good := w.device(ca.client("bug", hour()), "bug", mqtt.V311), w.device(ca.client("good", hour()), "good", mqtt.V311)
	w.r.Rejudge("tls:default")
	if err := closedByServer(bug); err != nil {
		t.Error(err)
	}
	good.send([]byte{0xC0, 0})
	good.expect([]byte{0xD0, 0})
	if s := w.r.Stats()[1]; s.Ejected["internal"] != 1 || s.Panics != 1 {
		t.Errorf("counted %v, %d panics", s.Ejected, s.Panics)
	}
}

// Calls in a hurry, and clients that come and go meanwhile, end in one quiet
// state without a goroutine left.
func TestRejudgeInAHurry(t *testing.T) {
	w, ca, b := newJudgedWorld(t, io.Discard, nil)
	first := w.device(ca.client("first", hour()), "first", mqtt.V311)
	goroutines := runtime.NumGoroutine()
	var stop atomic.Bool
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			for !stop.Load() {
				w.r.Rejudge("tls:default")
				runtime.Gosched()
			}
		})
	}
	cfg := ca.client("fleeting", hour())
	for i := range 20 {
		w.device(cfg, fmt.Sprint("fleeting-", i), mqtt.V311).Close()
	}
	b.revoke("first")
	if err := closedByServer(first); err != nil {
		t.Error(err)
	}
	stop.Store(true)
	calls.Wait()
	eventually(t, "goroutines are back", func() bool { return runtime.NumGoroutine() <= goroutines })
	if n := w.r.Stats()[1].Ejected["revoked"]; n != 1 {
		t.Errorf("%d counted, want 1", n)
	}
}

// Stop does not wait for a judge, and a judge does not wait for loops that have
// ended.
func TestStopDuringRejudge(t *testing.T) {
	begun, proceed := make(chan struct{}), make(chan struct{})
	w, ca, _ := newJudgedWorld(t, io.Discard, func(o *Options) {
		o.Listeners[1].Judge = func([]*x509.Certificate) error {
			close(begun)
			<-proceed
			return errors.New("too late")
		}
	})
	w.device(ca.client("one", hour()), "one", mqtt.V311)
	w.r.Rejudge("tls:default")
	<-begun
	w.stop()
	close(proceed)
	court := &w.r.listeners[1].court
	eventually(t, "the judge is through", func() bool {
		court.mu.Lock()
		defer court.mu.Unlock()
		return !court.sits
	})
}

// Steps over the list of connections miss none that stays, also when others
// leave between two steps.
func TestSuspectsWhileOthersLeave(t *testing.T) {
	ln := &listener{}
	l := &loop{}
	for range 3*batch + 7 {
		l.add(&conn{ln: ln, aside: &aside{kept: &kept{}}})
	}
	l.add(&conn{ln: ln})                                            // without a certificate
	l.add(&conn{ln: &listener{}, aside: &aside{kept: &kept{}}})     // of another listener
	l.add(&conn{ln: ln, aside: &aside{kept: &kept{}}, stage: gone}) // no more
	seen := map[*conn]int{}
	for next := 1 << 40; next > 0; {
		var some []suspect
		some, next = l.suspects(ln, next)
		if len(some) > batch {
			t.Fatalf("%d in one step", len(some))
		}
		for _, s := range some {
			seen[s.c]++
		}
		for _, part := range []float64{0, 0.5, 0.999} {
			l.remove(l.conns[int(part*float64(len(l.conns)))])
		}
	}
	for _, c := range l.conns {
		if want := c.ln == ln && c.aside != nil && c.stage != gone; want && seen[c] == 0 {
			t.Fatal("one that stayed was missed")
		} else if !want && seen[c] > 0 {
			t.Fatal("one was judged that had nothing to judge")
		}
	}
}

// A client leaves when its certificate expires, whatever its keep-alive, and
// without Judge.
func TestExpireClients(t *testing.T) {
	t.Parallel()
	log := &lines{}
	w, ca, _ := newJudgedWorld(t, log, func(o *Options) {
		o.Listeners[1].Judge, o.Listeners[1].ExpireClients = nil, true
	})
	end := time.Now().Add(2 * time.Second).Truncate(time.Second)
	brief := w.device(ca.client("brief", end), "brief", mqtt.V50)
	lasting := w.device(ca.client("lasting", hour()), "lasting", mqtt.V311)
	rest, err := io.ReadAll(brief)
	if now := time.Now(); now.Before(end) || now.After(end.Add(5*time.Second)) {
		t.Errorf("it left at %s, its certificate ended at %s", now, end)
	}
	if err != nil || len(rest) < 3 || rest[0] != 0xE0 || rest[2] != byte(mqtt.NotAuthorized) {
		t.Errorf("got % x and %v, want DISCONNECT 0x87 and the end", rest, err)
	}
	lasting.send([]byte{0xC0, 0})
	lasting.expect([]byte{0xD0, 0})
	if got := w.r.Stats()[1].Ejected["expired"]; got != 1 {
		t.Errorf("counted %d", got)
	}
	if !strings.Contains(log.String(), "CN=brief") {
		t.Errorf("the log does not say who:\n%s", log)
	}
}

// With ExpireClients the timer also does what it did before.
func TestExpireClientsAndDeadlines(t *testing.T) {
	t.Parallel()
	w, ca, _ := newJudgedWorld(t, io.Discard, func(o *Options) {
		o.Listeners[1].ExpireClients, o.Listeners[1].ConnectTimeout = true, 500*time.Millisecond
	})
	cfg := ca.client("silent", hour())
	silent := tls.Client(w.raw(1), cfg)
	if err := silent.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := closedByServer(silent); err != nil { // no CONNECT
		t.Error(err)
	}
	c := mqtt.Connect{Version: mqtt.V311, CleanStart: true, KeepAlive: 1, ClientID: []byte("asleep")}
	asleep := peer{t, tls.Client(w.raw(1), cfg)}
	asleep.send(c.Append(nil, mqtt.V311))
	asleep.expect(connack)
	if err := closedByServer(asleep); err != nil { // keep-alive
		t.Error(err)
	}
	if n := w.r.Stats()[1].Ejected["expired"]; n != 0 {
		t.Errorf("%d counted as expired", n)
	}
}

// Without Judge and ExpireClients a connection keeps nothing of a certificate.
func TestNothingIsKeptForNothing(t *testing.T) {
	for _, judged := range []bool{false, true} {
		w, ca, _ := newJudgedWorld(t, io.Discard, func(o *Options) {
			if !judged {
				o.Listeners[1].Judge = nil
			}
		})
		w.device(ca.client("one", hour()), "one", mqtt.V311)
		w.onLoops(func(l *loop) {
			for _, c := range l.conns {
				if (c.aside != nil) != judged {
					t.Errorf("judged %v: kept %+v", judged, c.aside)
				}
				if judged {
					t.Logf("a connection keeps %d bytes of DER", len(c.aside.kept.leaf))
				}
			}
		})
	}
}
