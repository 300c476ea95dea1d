package acme

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wicketmq/wicket/engine/alarm"
	"github.com/wicketmq/wicket/engine/cert"
)

// office stands in for an authority.
type office struct {
	t       *testing.T
	life    time.Duration
	forName string // instead of the names asked for

	mu     sync.Mutex
	err    error // instead of a certificate
	orders int
}

func (o *office) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

func (o *office) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.orders
}

func (o *office) issue(_ context.Context, names []string) ([][]byte, crypto.Signer, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.orders++
	if o.err != nil {
		return nil, nil, o.err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		o.t.Fatal(err)
	}
	if o.forName != "" {
		names = []string{o.forName}
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(int64(o.orders)), DNSNames: names, NotBefore: time.Now().Add(-time.Second), NotAfter: time.Now().Add(o.life - time.Second)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		o.t.Fatal(err)
	}
	return [][]byte{der}, key, nil
}

// desk is a manager with all that is around it.
type desk struct {
	*Manager
	office *office
	alarms *alarm.Registry
	log    *bytes.Buffer

	mu      sync.Mutex
	renewed []string
}

func (d *desk) files() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.renewed)
}

func newDesk(t *testing.T, dir string, o *office) *desk {
	t.Helper()
	d := &desk{office: o, log: &bytes.Buffer{}}
	log := slog.New(slog.NewTextHandler(d.log, nil))
	d.alarms = alarm.New(log, time.Now)
	var err error
	d.Manager, err = New(Options{
		Authority: Authority{Directory: "https://ca.example/dir"}, Dir: dir, Certificates: [][]string{{"broker.example.com", "mqtt.example.com"}},
		Challenges: &Challenges{}, Log: log, Alarms: d.alarms, Now: time.Now,
		Renewed: func(file string) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.renewed = append(d.renewed, file)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	d.issue, d.random = o.issue, func() float64 { return 0 }
	return d
}

func (d *desk) end() {
	d.Stop()
	<-d.Done()
}

func TestObtainAndRenew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "ca")
		o := &office{t: t, life: 90 * day}
		d := newDesk(t, dir, o)
		d.Start(nil)
		synctest.Wait()
		file := filepath.Join(dir, "broker.example.com.pem")
		if len(d.files()) != 1 || d.files()[0] != file {
			t.Fatalf("renewed %q\n%s", d.files(), d.log)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		if _, err := cert.ClientPair(cert.Files{Certfile: file, Keyfile: file}, time.Now()); err != nil {
			t.Error(err)
		}
		time.Sleep(60*day - 2*time.Second)
		synctest.Wait()
		if o.count() != 1 {
			t.Fatalf("%d orders before two thirds of the life are over", o.count())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if o.count() != 2 || len(d.files()) != 2 {
			t.Fatalf("%d orders, renewed %q", o.count(), d.files())
		}
		d.end()

		// The next process finds it, and the account.
		again := newDesk(t, dir, o)
		if !again.account.(*ecdsa.PrivateKey).Equal(d.account) {
			t.Error("another account")
		}
		again.Start(nil)
		time.Sleep(50 * day) // up to a tenth of 30 days early
		synctest.Wait()
		if o.count() != 2 {
			t.Errorf("%d orders", o.count())
		}
		again.end()
		if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	})
}

// A directory that fails changes nothing; it is asked again less and less often,
// and an alarm comes when the end is near.
func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{t: t, life: 30 * day}
		d := newDesk(t, t.TempDir(), o)
		d.Start(nil)
		synctest.Wait()
		before, err := os.ReadFile(d.files()[0])
		if err != nil {
			t.Fatal(err)
		}
		o.fail(errors.New("the directory is on fire"))
		level := func() alarm.Level {
			synctest.Wait()
			for _, a := range d.alarms.List() {
				if a.Name == AlarmName && a.Object == "broker.example.com" && strings.Contains(a.Text, "on fire") {
					return a.Level
				}
			}
			return ""
		}
		time.Sleep(22 * day) // it should have been renewed after 20 days
		if got := level(); got != "" {
			t.Errorf("8 days before the end: %q", got)
		}
		if n := o.count() - 1; n < 8 || n > 14 {
			t.Errorf("%d tries in two days", n)
		}
		time.Sleep(2 * day)
		if got := level(); got != alarm.Warning {
			t.Errorf("6 days before the end: %q", got)
		}
		time.Sleep(5*day + 12*time.Hour)
		if got := level(); got != alarm.Critical {
			t.Errorf("half a day before the end: %q", got)
		}
		if after, _ := os.ReadFile(d.files()[0]); !bytes.Equal(before, after) || len(d.files()) != 1 {
			t.Error("the file has changed")
		}
		o.fail(nil)
		time.Sleep(6 * time.Hour)
		if got := level(); got != "" || len(d.files()) != 2 || len(d.alarms.List()) != 0 {
			t.Errorf("after the fire: %q, renewed %d times", got, len(d.files()))
		}
		d.end()
	})
}

// What an authority issues is looked at before it is used.
func TestWrongCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		o := &office{t: t, life: 30 * day, forName: "somebody.example.com"}
		d := newDesk(t, dir, o)
		d.Start(nil)
		synctest.Wait()
		if _, err := os.Stat(File(dir, "broker.example.com")); err == nil || len(d.files()) != 0 {
			t.Error("a certificate for somebody else is kept")
		}
		if a := d.alarms.List(); len(a) != 1 || a[0].Level != alarm.Critical || !strings.Contains(a[0].Text, "clients are refused") {
			t.Errorf("alarms %+v", a)
		}
		d.end()
	})
}

// A certificate that lacks a name, or has expired while the broker was down, is
// replaced at once.
func TestUnfitIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		o := &office{t: t, life: 30 * day, forName: "broker.example.com"}
		chain, key, _ := o.issue(t.Context(), nil)
		if _, err := save(File(dir, "broker.example.com"), nil, chain, key, time.Now()); err != nil {
			t.Fatal(err)
		}
		o.forName = ""
		d := newDesk(t, dir, o)
		d.Start(nil)
		synctest.Wait()
		d.end()
		if len(d.files()) != 1 {
			t.Errorf("one name of two: renewed %d times\n%s", len(d.files()), d.log)
		}
		time.Sleep(31 * day)
		d = newDesk(t, dir, o)
		d.Start(nil)
		synctest.Wait()
		d.end()
		if len(d.files()) != 1 {
			t.Errorf("expired: renewed %d times", len(d.files()))
		}
	})
}

// A manager begins when the one before it has ended, and one that was stopped
// before does nothing.
func TestOneAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{t: t, life: 30 * day}
		d := newDesk(t, t.TempDir(), o)
		before := make(chan struct{})
		d.Start(before)
		synctest.Wait()
		if o.count() != 0 {
			t.Error("it did not wait")
		}
		d.Stop()
		close(before)
		<-d.Done()
		if o.count() != 0 {
			t.Error("an order after Stop")
		}
	})
}

func TestAccountKey(t *testing.T) {
	dir := t.TempDir()
	if _, err := accountKey(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "account.key")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := accountKey(dir); err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "damaged") {
		t.Errorf("%v", err)
	}
}

func TestDir(t *testing.T) {
	for directory, want := range map[string]string{
		"https://acme-v02.api.letsencrypt.org/directory": "d/acme-v02.api.letsencrypt.org_directory",
		"https://127.0.0.1:14000/../dir?x=%2f":           "d/127.0.0.1_14000_.._dir_x__2f",
	} {
		if got := Dir("d", directory); got != want {
			t.Errorf("%s: %s", directory, got)
		}
	}
}

func TestChallenges(t *testing.T) {
	var c Challenges
	first, second := &tls.Certificate{}, &tls.Certificate{}
	end := c.put("Broker.example.com", first)
	if c.For("broker.EXAMPLE.com") != first || c.For("example.com") != nil || c.For("") != nil {
		t.Error("names")
	}
	endSecond := c.put("broker.example.com", second)
	end()
	if c.For("broker.example.com") != second {
		t.Error("the end of one challenge took another's answer")
	}
	endSecond()
	if c.For("broker.example.com") != nil {
		t.Error("an answer after the end")
	}
}
