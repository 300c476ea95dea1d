package crl

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wicketmq/wicket/engine/cert"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// web is a server of lists.
type web struct {
	*httptest.Server
	mu     sync.Mutex
	bodies map[string][]byte // by path; without one, 404
	gets   atomic.Int32
	hold   chan struct{} // if set, answers wait for it
}

func newWeb(t testing.TB) *web {
	w := &web{bodies: map[string][]byte{}}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	return w
}

func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.gets.Add(1)
	if w.hold != nil {
		select {
		case <-w.hold:
		case <-r.Context().Done():
			return
		}
	}
	w.mu.Lock()
	b, ok := w.bodies[r.URL.Path]
	w.mu.Unlock()
	if !ok {
		http.NotFound(rw, r)
		return
	}
	rw.Write(b)
}

// put serves a list and returns its URL.
func (w *web) put(name string, body []byte) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bodies[name] = body
	return w.URL + name
}

func newCache(t testing.TB, o Options) *Cache {
	c := NewCache(o)
	t.Cleanup(c.Close)
	return c
}

func newChecker(t testing.TB, c *Cache, o CheckerOptions) *Checker {
	t.Helper()
	k, err := c.NewChecker(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// wants checks a verdict: "" is none, "revoked", or a part of the reason why it
// is undetermined.
func wants(t testing.TB, err error, want string) {
	t.Helper()
	var revoked *cert.RevokedError
	var undetermined *cert.UndeterminedError
	switch {
	case want == "" && err == nil:
	case want == "revoked" && errors.As(err, &revoked):
	case want != "" && want != "revoked" && errors.As(err, &undetermined) && strings.Contains(err.Error(), want):
	default:
		t.Errorf("got %v, want %q", err, want)
	}
}

// The result table of the specification (2.3), J5 and CRL-07..CRL-09.
func TestVerdicts(t *testing.T) {
	w := newWeb(t)
	root := issue(t, "root", nil, ca)
	rekeyed := issue(t, "root", nil, ca)
	other := issue(t, "other", nil, ca)
	url := w.URL + "/list"
	device := issue(t, "device", root, at(url))
	stranger := issue(t, "stranger", root, nil)
	html := []byte("<!DOCTYPE html><html><body>It works!</body></html>")
	both := func(fs ...func(*x509.RevocationList)) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			for _, f := range fs {
				f(l)
			}
		}
	}
	for _, tc := range []struct {
		name string
		body []byte
		want string
	}{
		{"not named", root.publish(t, nil, stranger), ""},
		{"empty list", root.publish(t, nil), ""},
		{"named", root.publish(t, nil, stranger, device), "revoked"},
		{"PEM", inPEM(root.publish(t, nil, device)), "revoked"},
		{"PEM, not named", inPEM(root.publish(t, nil)), ""},
		{"PEM of two issuers", inPEM(other.publish(t, nil), root.publish(t, nil, device)), "revoked"},
		{"PEM, the newest counts", inPEM(root.publish(t, validity(-2*time.Hour, time.Hour), device), root.publish(t, validity(-time.Hour, time.Hour))), ""},
		{"removed", root.publish(t, func(l *x509.RevocationList) { l.RevokedCertificateEntries[0].ReasonCode = reasonRemove }, device), ""},
		{"no nextUpdate", cutNextUpdate(t, root, root.publish(t, nil)), ""},
		{"other issuer", other.publish(t, nil), `its issuer is "CN=other", not "CN=root"`},
		{"other key", rekeyed.publish(t, nil), `not signed by "CN=root"`},
		{"past nextUpdate", root.publish(t, validity(-2*time.Hour, -time.Hour)), "out of date since"},
		{"past nextUpdate, named", root.publish(t, validity(-2*time.Hour, -time.Hour), device), "revoked"},
		{"future", root.publish(t, validity(time.Hour, 2*time.Hour)), "in the future; compare the clocks"},
		{"critical extension", root.publish(t, extra([]int{1, 2, 3}, true, []byte{5, 0})), "unknown critical extension (1.2.3)"},
		{"other extension", root.publish(t, extra([]int{1, 2, 3}, false, []byte{5, 0})), ""},
		{"delta", root.publish(t, extra(oidDeltaIndicator, true, []byte{2, 1, 1})), "delta list"},
		{"issuing point", root.publish(t, idp(fullName("http://x/", url))), ""},
		{"issuing point, named", root.publish(t, idp(fullName(url)), device), "revoked"},
		{"other issuing point", root.publish(t, idp(fullName(url+"/2"))), "none of the certificate's distribution points"},
		{"users only", root.publish(t, idp(flag(1))), ""},
		{"authorities only", root.publish(t, idp(flag(2))), "for authorities only"},
		{"some reasons", root.publish(t, idp(flag(3))), "some reasons"},
		{"some reasons, named", root.publish(t, idp(flag(3)), device), "revoked"},
		{"indirect", root.publish(t, idp(flag(4))), "indirect list"},
		{"attributes only", root.publish(t, idp(flag(5))), "attribute certificates only"},
		{"bad issuing point", root.publish(t, extra(oidIssuingPoint, true, []byte{5, 0})), "issuing distribution point is malformed"},
		{"two issuing points", root.publish(t, both(idp(flag(1)), idp(flag(1)))), "two issuing distribution points"},
		{"empty", nil, "it is empty"},
		{"garbage", []byte("garbage"), "neither PEM nor DER"},
		{"page", html, "a web page"},
		{"certificate", root.cert.Raw, "cannot be used"},
		{"PEM of a key", []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "PEM of another kind"},
		{"half DER", root.publish(t, nil)[:100], "cut off"},
		{"half PEM", inPEM(root.publish(t, nil))[:100], "damaged or cut off"},
		{"broken signature", damaged(root.publish(t, nil)), `not signed by "CN=root"`},
		{"404", nil, "404 Not Found"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.put("/list", tc.body)
			if tc.name == "404" {
				delete(w.bodies, "/list")
			}
			k := newChecker(t, newCache(t, Options{}), CheckerOptions{})
			before := w.gets.Load()
			for range 3 {
				wants(t, k.Check(t.Context(), path(device, root)), tc.want)
			}
			if n := w.gets.Load() - before; n != 1 {
				t.Errorf("%d fetches", n)
			}
			if err := k.Known(path(device, root)); (err != nil) != (tc.want == "revoked") {
				t.Errorf("known: %v", err)
			}
		})
	}
}

// cutNextUpdate takes the optional nextUpdate out of a list and signs it again.
func cutNextUpdate(t testing.TB, by *entity, der []byte) []byte {
	t.Helper()
	return resign(t, by, der, func(tbs []byte) []byte {
		old, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		field := append([]byte{0x17, 13}, old.NextUpdate.UTC().Format("060102150405Z")...)
		return []byte(strings.Replace(string(tbs), string(field), "", 1))
	})
}

// damaged changes the signature.
func damaged(der []byte) []byte {
	der[len(der)-1] ^= 1
	return der
}

func TestRevokedError(t *testing.T) {
	w := newWeb(t)
	root := issue(t, "root", nil, ca)
	device := issue(t, "device", root, at(w.URL+"/list"))
	when := time.Now().Add(-time.Minute).Truncate(time.Second).UTC()
	w.put("/list", root.publish(t, nil, device))
	err := newChecker(t, newCache(t, Options{}), CheckerOptions{}).Check(t.Context(), path(device, root))
	r, ok := errors.AsType[*cert.RevokedError](err)
	if !ok || r.Serial != cert.Serial(device.cert) || r.Reason != 1 || r.At.Sub(when).Abs() > 5*time.Second || r.Source != w.URL+"/list" {
		t.Errorf("got %+v (%v), want %v", r, err, when)
	}
}

// What certificates name as distribution points, or do not (CRL-02).
func TestDistributionPoints(t *testing.T) {
	w := newWeb(t)
	root := issue(t, "root", nil, ca)
	gone := issue(t, "gone", root, nil)
	w.put("/all", root.publish(t, nil, gone))
	w.put("/reasons", root.publish(t, idp(flag(3))))
	secure := httptest.NewTLSServer(w)
	defer secure.Close()
	for _, tc := range []struct {
		name   string
		change func(*x509.Certificate)
		want   string
	}{
		{"none", nil, `names no distribution point, and no local list is issued by "CN=root"`},
		{"LDAP only", at("ldap://h/cn=x", "file:///etc/passwd"), "none of its distribution points is an http or https URL"},
		{"LDAP first", at("ldap://h/cn=x", w.URL+"/all"), ""},
		{"https, of which only the list is verified (T-27)", at(secure.URL + "/all"), ""},
		{"the second", at(w.URL+"/none", w.URL+"/all"), ""},
		{"the second knows all reasons", at(w.URL+"/reasons", w.URL+"/all"), ""},
		{"neither", at(w.URL+"/none", w.URL+"/reasons"), `404 Not Found; revocation list`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := newChecker(t, newCache(t, Options{}), CheckerOptions{})
			wants(t, k.Check(t.Context(), path(issue(t, "device", root, tc.change), root)), tc.want)
		})
	}
}

func TestPolicies(t *testing.T) {
	w := newWeb(t)
	root := issue(t, "root", nil, ca)
	device, lost := issue(t, "device", root, at(w.URL+"/list")), issue(t, "lost", root, at(w.URL+"/none"))
	w.put("/list", root.publish(t, validity(-2*time.Hour, -time.Hour)))
	for _, tc := range []struct {
		options     CheckerOptions
		stale, none string
		stats       CheckerStats
	}{
		{CheckerOptions{}, "out of date", "404", CheckerStats{Undetermined: 2}},
		{CheckerOptions{AllowStale: true}, "", "404", CheckerStats{Stale: 1, Undetermined: 1}},
		{CheckerOptions{AllowUnavailable: true}, "out of date", "", CheckerStats{FailOpen: 1, Undetermined: 1}},
		{CheckerOptions{AllowUnavailable: true, AllowStale: true}, "", "", CheckerStats{FailOpen: 1, Stale: 1}},
	} {
		k := newChecker(t, newCache(t, Options{}), tc.options)
		wants(t, k.Check(t.Context(), path(device, root)), tc.stale)
		wants(t, k.Check(t.Context(), path(lost, root)), tc.none)
		if got := k.Stats(); got != tc.stats {
			t.Errorf("%+v: %+v, want %+v", tc.options, got, tc.stats)
		}
	}
	w.put("/list", root.publish(t, nil, device))
	k := newChecker(t, newCache(t, Options{}), CheckerOptions{AllowStale: true, AllowUnavailable: true})
	wants(t, k.Check(t.Context(), path(device, root)), "revoked")
}

func TestCheckChain(t *testing.T) {
	w := newWeb(t)
	root := issue(t, "root", nil, ca)
	sub := issue(t, "sub", root, func(c *x509.Certificate) { ca(c); at(w.URL + "/root")(c) })
	device := issue(t, "device", sub, at(w.URL+"/sub"))
	w.put("/root", root.publish(t, idp(flag(2)), sub))
	w.put("/sub", sub.publish(t, nil))
	c := newCache(t, Options{})
	wants(t, newChecker(t, c, CheckerOptions{}).Check(t.Context(), path(device, sub, root)), "")
	chain := newChecker(t, c, CheckerOptions{CheckChain: true})
	wants(t, chain.Check(t.Context(), path(device, sub, root)), "revoked")
	wants(t, chain.Known(path(device, sub, root)), "revoked")

	w.put("/root", root.publish(t, idp(flag(1))))
	c.Clear()
	wants(t, chain.Check(t.Context(), path(device, sub, root)), "for end entities only")
	w.put("/root", root.publish(t, nil))
	c.Clear()
	wants(t, chain.Check(t.Context(), path(device, sub, root)), "")
	wants(t, chain.Check(t.Context(), path(root)), "trust anchor itself")
	if err := chain.Known(path(root)); err != nil {
		t.Error(err)
	}
}

// An issuer whose certificate may not sign lists, and one of version 1, which
// cannot say so.
func TestIssuerMaySign(t *testing.T) {
	w := newWeb(t)
	root := issue(t, "root", nil, func(c *x509.Certificate) { ca(c); c.KeyUsage = x509.KeyUsageCertSign })
	device := issue(t, "device", root, at(w.URL+"/list"))
	w.put("/list", root.publish(t, nil))
	wants(t, newChecker(t, newCache(t, Options{}), CheckerOptions{}).Check(t.Context(), path(device, root)), "lacks cA or cRLSign")
}

// Two authorities whose certificates name one URL do not get in each other's
// way, whoever comes first.
func TestForeignURL(t *testing.T) {
	w := newWeb(t)
	root, evil := issue(t, "root", nil, ca), issue(t, "evil", nil, ca)
	url := w.put("/list", root.publish(t, nil))
	c := newCache(t, Options{})
	k := newChecker(t, c, CheckerOptions{})
	wants(t, k.Check(t.Context(), path(issue(t, "x", evil, at(url)), evil)), "its issuer is")
	wants(t, k.Check(t.Context(), path(issue(t, "device", root, at(url)), root)), "")
	if n := len(c.State()); n != 2 {
		t.Errorf("%d lists", n)
	}
}

// J5.9, J5.11, C4: 1,000 first handshakes on two listeners make one fetch; each
// gives its share of the processors back while it waits, and one that leaves
// takes nothing from the others.
func TestOneFetchForAll(t *testing.T) {
	w := newWeb(t)
	w.hold = make(chan struct{})
	root := issue(t, "root", nil, ca)
	url := w.put("/list", root.publish(t, nil))
	device := issue(t, "device", root, at(url))
	c := newCache(t, Options{})
	ks := []*Checker{newChecker(t, c, CheckerOptions{}), newChecker(t, c, CheckerOptions{CheckChain: true})}

	hasty, leave := context.WithCancel(t.Context())
	var waiting, all sync.WaitGroup
	waiting.Add(1000)
	for i := range 1000 {
		ctx := t.Context()
		if i == 0 {
			ctx = hasty
		}
		ctx = cert.WithWaiter(ctx, func(f func()) { waiting.Done(); f() })
		all.Go(func() {
			err := ks[i%2].Check(ctx, path(device, root))
			if i == 0 {
				wants(t, err, "did not arrive in time: context canceled")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	waiting.Wait()
	leave()
	close(w.hold)
	all.Wait()
	if n := w.gets.Load(); n != 1 || c.Stats().Fetches != 1 {
		t.Errorf("%d fetches, %+v", n, c.Stats())
	}
}

// J5.10: more lists than there is room for.
func TestCapacity(t *testing.T) {
	w := newWeb(t)
	root := issue(t, "root", nil, ca)
	k := newChecker(t, newCache(t, Options{}), CheckerOptions{})
	device := func(n int) []*x509.Certificate {
		url := w.put(fmt.Sprintf("/%d", n), root.publish(t, nil))
		return path(issue(t, "device", root, at(url)), root)
	}
	first := device(0)
	wants(t, k.Check(t.Context(), first), "")
	for n := 1; n <= DefaultCapacity; n++ {
		wants(t, k.Check(t.Context(), device(n)), "")
	}
	states := k.cache.State()
	if len(states) != DefaultCapacity || k.cache.Stats().Evictions != 1 {
		t.Errorf("%d lists, %+v", len(states), k.cache.Stats())
	}
	for _, s := range states {
		if s.Source == w.URL+"/0" {
			t.Errorf("the oldest is still there")
		}
	}
	before := w.gets.Load()
	wants(t, k.Check(t.Context(), first), "")
	wants(t, k.Check(t.Context(), first), "")
	if n := w.gets.Load() - before; n != 1 {
		t.Errorf("%d fetches", n)
	}
	// attempts that failed go before lists
	wants(t, k.Check(t.Context(), path(issue(t, "x", root, at(w.URL+"/none")), root)), "404")
	wants(t, k.Check(t.Context(), device(200)), "")
	for _, s := range k.cache.State() {
		if s.Source == w.URL+"/none" {
			t.Errorf("kept %+v", s)
		}
	}
}

// A refreshed list that is wrong in any way leaves the old one in force
// (U-36), and a right one in either format replaces it.
func TestBadRefresh(t *testing.T) {
	w := newWeb(t)
	root, other := issue(t, "root", nil, ca), issue(t, "other", nil, ca)
	device := issue(t, "device", root, at(w.URL+"/list"))
	stolen := issue(t, "stolen", root, at(w.URL+"/list"))
	changes := make(chan struct{}, 10)
	var mu sync.Mutex
	var healths []Health
	c := newCache(t, Options{MaxSize: 4 << 10, OnChange: func() { changes <- struct{}{} }, OnState: func(s State) {
		mu.Lock()
		healths = append(healths, s.Health)
		mu.Unlock()
	}})
	k := newChecker(t, c, CheckerOptions{})
	w.put("/list", root.publish(t, validity(-time.Hour, time.Hour), stolen))
	check := func(want string) {
		t.Helper()
		wants(t, k.Check(t.Context(), path(device, root)), want)
		wants(t, k.Check(t.Context(), path(stolen, root)), "revoked")
	}
	check("")
	<-changes
	for name, body := range map[string][]byte{
		"garbage": []byte("garbage"), "empty": {}, "issuer": other.publish(t, nil), "damaged": damaged(root.publish(t, nil)),
		"half": root.publish(t, nil)[:50], "large": make([]byte, 5<<10), "future": root.publish(t, validity(time.Hour, 2*time.Hour)),
		"older": root.publish(t, validity(-2*time.Hour, time.Hour)), "delta": root.publish(t, extra(oidDeltaIndicator, true, []byte{2, 1, 1})),
	} {
		w.put("/list", body)
		if err := c.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), w.URL+"/list") {
			t.Errorf("%s: refreshed: %v", name, err)
		}
		check("")
		if s := c.State()[0]; s.Health != Unreachable || s.LastError == "" || s.Entries != 1 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	w.put("/list", inPEM(root.publish(t, validity(-time.Minute, time.Hour), stolen)))
	if err := c.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	check("")
	if len(changes) != 0 {
		t.Error("told of a change that is none")
	}
	w.put("/list", root.publish(t, nil, stolen, device))
	if err := c.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	check("revoked")
	if len(changes) != 1 {
		t.Errorf("%d changes", len(changes))
	}
	mu.Lock()
	defer mu.Unlock()
	if got := fmt.Sprint(healths); got != "[current unreachable current]" {
		t.Errorf("told %s", got)
	}
}

// J5.3: after Clear, the next handshake fetches.
func TestClear(t *testing.T) {
	w := newWeb(t)
	root := issue(t, "root", nil, ca)
	device := issue(t, "device", root, at(w.URL+"/list"))
	c := newCache(t, Options{})
	k := newChecker(t, c, CheckerOptions{})
	wants(t, k.Check(t.Context(), path(device, root)), "404")
	w.put("/list", root.publish(t, nil))
	wants(t, k.Check(t.Context(), path(device, root)), "404") // not asked again at once
	c.Clear()
	wants(t, k.Check(t.Context(), path(device, root)), "")
	w.put("/list", root.publish(t, nil, device))
	c.Clear()
	if len(c.State()) != 0 {
		t.Errorf("left %+v", c.State())
	}
	wants(t, k.Check(t.Context(), path(device, root)), "revoked")
}

func TestClosed(t *testing.T) {
	w := newWeb(t)
	root := issue(t, "root", nil, ca)
	device := issue(t, "device", root, at(w.put("/list", root.publish(t, nil))))
	w.hold = make(chan struct{})
	c := newCache(t, Options{})
	k := newChecker(t, c, CheckerOptions{})
	done := make(chan error)
	waits := make(chan struct{})
	go func() {
		done <- k.Check(cert.WithWaiter(t.Context(), func(f func()) { close(waits); f() }), path(device, root))
	}()
	<-waits
	c.Close()
	wants(t, <-done, "cannot be determined")
	wants(t, k.Check(t.Context(), path(device, root)), "closed")
	if err := c.Refresh(t.Context()); err == nil {
		t.Error("refreshed")
	}
	c.Close()
}

// Local lists (CRL-12): file and directory, PEM and DER, and no fetch where
// they suffice.
func TestLocal(t *testing.T) {
	w := newWeb(t)
	root, other := issue(t, "root", nil, ca), issue(t, "other", nil, ca)
	rekeyed := issue(t, "root", nil, ca)
	device, stolen := issue(t, "device", root, at(w.URL+"/list")), issue(t, "stolen", root, nil)
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	write("all.crl", inPEM(other.publish(t, nil), rekeyed.publish(t, nil, device), root.publish(t, nil, stolen)))
	write("a.der", root.publish(t, validity(-time.Hour, time.Hour), device)) // superseded
	write("ca.pem", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	write("README", []byte("lists"))
	write(".hidden.crl", []byte("half"))
	if err := os.Mkdir(filepath.Join(dir, "more.crl"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{dir, filepath.Join(dir, "all.crl")} {
		c := newCache(t, Options{})
		k := newChecker(t, c, CheckerOptions{Path: where})
		wants(t, k.Known(path(device, root)), "")
		wants(t, k.Check(t.Context(), path(device, root)), "")
		wants(t, k.Check(t.Context(), path(stolen, root)), "revoked")
		wants(t, k.Check(t.Context(), path(issue(t, "x", other, nil), other)), "")
		wants(t, k.Check(t.Context(), path(issue(t, "y", issue(t, "third", nil, ca), nil), issue(t, "third", nil, ca))), "names no distribution point")
		if n := w.gets.Load(); n != 0 {
			t.Errorf("%d fetches", n)
		}
		states := c.State()
		if len(states) != 3 {
			t.Errorf("%d lists", len(states))
		}
		for _, s := range states {
			if !s.Local || s.Health != Current || s.Source != filepath.Join(dir, "all.crl") {
				t.Errorf("%s: %+v", where, s)
			}
		}
	}
}

func TestLocalErrors(t *testing.T) {
	dir := t.TempDir()
	told := 0
	c := newCache(t, Options{OnState: func(State) { told++ }})
	name := filepath.Join(dir, "x.crl")
	for _, tc := range []struct{ body, want string }{
		{"", "it is empty"},
		{"x", "neither PEM nor DER"},
		{"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "PEM of another kind"},
		{"-----BEGIN X509 CRL-----\nAAAA\n", "damaged or cut off"},
		{"0\x82\xff\xff", "cut off"},
	} {
		if err := os.WriteFile(name, []byte(tc.body), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.NewChecker(CheckerOptions{Path: name}); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", tc.body, err)
		}
		if told != 0 { // an alarm about what never was in use
			t.Errorf("%q: told of %d states besides the error", tc.body, told)
		}
		k := newChecker(t, c, CheckerOptions{Path: dir}) // the other files of a directory are not to suffer
		if s := c.State(); len(s) != 1 && !strings.Contains(tc.body, "CERTIFICATE") || len(s) == 1 && (s[0].Health != Missing || s[0].Source != name) {
			t.Errorf("%q: %+v", tc.body, s)
		}
		k.Close()
		told = 0
	}
	if _, err := c.NewChecker(CheckerOptions{Path: filepath.Join(dir, "none")}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
	if s := c.State(); len(s) != 0 {
		t.Errorf("left %+v", s)
	}
}

// A file that is being written, or gone, leaves what it held in force.
func TestLocalReload(t *testing.T) {
	root := issue(t, "root", nil, ca)
	device, stolen := issue(t, "device", root, nil), issue(t, "stolen", root, nil)
	name := filepath.Join(t.TempDir(), "ca.crl")
	write := func(data []byte) {
		t.Helper()
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var changes atomic.Int32
	var told []Health
	c := newCache(t, Options{OnChange: func() { changes.Add(1) }, OnState: func(s State) { told = append(told, s.Health) }})
	write(root.publish(t, nil, stolen))
	k := newChecker(t, c, CheckerOptions{Path: name})
	second := newChecker(t, c, CheckerOptions{Path: name})
	check := func(want string) {
		t.Helper()
		wants(t, k.Check(t.Context(), path(device, root)), want)
		wants(t, second.Check(t.Context(), path(stolen, root)), "revoked")
	}
	check("")
	fresh := root.publish(t, nil, stolen, device)
	for _, data := range [][]byte{nil, fresh[:100], []byte("garbage")} {
		write(data)
		if err := c.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v", err)
		}
		check("")
		if s := c.State(); len(s) != 1 || s[0].Health != Unreachable || s[0].LastError == "" {
			t.Errorf("%+v", s)
		}
	}
	os.Remove(name)
	if err := c.Refresh(t.Context()); err == nil {
		t.Error("a file that is gone is no error")
	}
	check("")
	if n := changes.Load(); n != 1 {
		t.Errorf("%d changes", n)
	}
	write(inPEM(fresh))
	if err := c.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	check("revoked")
	if n := changes.Load(); n != 2 {
		t.Errorf("%d changes", n)
	}
	k.Close()
	k.Close()
	if len(c.State()) != 1 {
		t.Error("a list went that somebody uses")
	}
	second.Close()
	if got := fmt.Sprint(told); got != "[current unreachable current gone]" {
		t.Errorf("told %s", got)
	}
	check("revoked")
}
