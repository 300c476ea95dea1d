package cert

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// journey is a listener, a client that keeps its session, and a clock.
type journey struct {
	t      *testing.T
	o      Options
	cfg    *tls.Config
	b      *Bundle
	client *tls.Config
	ahead  atomic.Int64 // of the server's clock
}

// newJourney makes a listener for the clients of authorities.
func newJourney(t *testing.T, version uint16, client []*entity, authorities ...*entity) *journey {
	t.Helper()
	server := issue(t, "localhost", nil, authorities[0], func(c *x509.Certificate) { forLocalhost(c); c.NotAfter = c.NotAfter.Add(1000 * time.Hour) })
	j := &journey{t: t, client: presenting(client...)}
	j.client.ServerName, j.client.MaxVersion = "localhost", version
	j.client.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	j.o = Options{
		Files:      files(t, certPEM(server), keyPEM(t, server.key), certPEM(authorities...)),
		VerifyPeer: true, RequirePeer: true, Depth: 10, Tickets: true,
		Now: func() time.Time { return time.Now().Add(time.Duration(j.ahead.Load())) },
	}
	var err error
	if j.cfg, j.b, err = ServerConfig(j.o); err != nil {
		t.Fatal(err)
	}
	return j
}

func (j *journey) reload() {
	j.t.Helper()
	swap, err := j.b.Prepare(j.o)
	if err != nil {
		j.t.Fatal(err)
	}
	swap()
}

func (j *journey) trusts(authorities ...*entity) {
	j.t.Helper()
	if err := os.WriteFile(j.o.CACertfile, []byte(certPEM(authorities...)), 0o600); err != nil {
		j.t.Fatal(err)
	}
	j.reload()
}

func (j *journey) accepted(resumed bool) {
	j.t.Helper()
	state, serverErr, clientErr := shake(j.t, j.cfg, j.client)
	if serverErr != nil || clientErr != nil || state.DidResume != resumed {
		j.t.Errorf("resumed %v, want %v; server %v, client %v", state.DidResume, resumed, serverErr, clientErr)
	}
}

// refused tells by the alert who refused: crypto/tls does not resume what it
// would not accept, so that its full handshake has the exact alert, and our
// rules have bad_certificate.
func (j *journey) refused(want Reason, alert string) {
	j.t.Helper()
	state, serverErr, clientErr := shake(j.t, j.cfg, j.client)
	if state.HandshakeComplete || Classify(serverErr) != want || clientErr == nil || !strings.Contains(clientErr.Error(), alert) {
		j.t.Errorf("%q (%v), client %v; want %q, %q", Classify(serverErr), serverErr, clientErr, want, alert)
	}
}

// A session is resumed only as long as a full handshake would succeed
// (CERT-06, TLS-24).
func TestResumptionIsCheckedAgain(t *testing.T) {
	long := func(c *x509.Certificate) { ca(c); c.NotAfter = c.NotAfter.Add(1000 * time.Hour) }
	root, next := issue(t, "root", nil, nil, long), issue(t, "next", nil, nil, long)
	brief := issue(t, "brief", nil, root, ca) // an hour
	device := issue(t, "device", nil, root, nil)
	deviceLong := issue(t, "device", nil, brief, func(c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(1000 * time.Hour) })
	tests := []struct {
		name   string
		client []*entity
		change func(*journey)
		want   Reason // "" for a session that goes on
		alert  string
	}{
		{"nothing", []*entity{device}, func(*journey) {}, "", ""},
		{"files swapped", []*entity{device}, (*journey).reload, "", ""},
		{"authority added", []*entity{device}, func(j *journey) { j.trusts(next, root) }, "", ""},
		{"authority removed", []*entity{device}, func(j *journey) { j.trusts(next) }, ReasonUnknownCA, "unknown certificate authority"},
		{"certificate expired", []*entity{device}, func(j *journey) { j.ahead.Store(int64(2 * time.Hour)) }, ReasonExpired, "expired certificate"},
		{"intermediate expired", []*entity{deviceLong, brief}, func(j *journey) { j.ahead.Store(int64(2 * time.Hour)) }, ReasonExpired, "expired certificate"},
		{"revoked", []*entity{device}, func(j *journey) { j.o.Revocation.(*oracle).set(&RevokedError{Serial: Serial(device.cert)}) }, ReasonRevoked, "bad certificate"},
		{"depth lowered", []*entity{deviceLong, brief}, func(j *journey) { j.o.Depth = 0; j.reload() }, ReasonTooDeep, "bad certificate"},
		{"usage asked for", []*entity{device}, func(j *journey) { j.o.ExtKeyUsage = []string{"clientAuth"}; j.reload() }, ReasonBadUsage, "bad certificate"},
		{"anchors moved", []*entity{deviceLong, brief}, func(j *journey) { j.o.PartialChain = 1; j.trusts(root, next) }, ReasonUnknownCA, "unknown certificate authority"},
	}
	for _, tt := range tests {
		for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(tt.name+" "+tls.VersionName(v), func(t *testing.T) {
				j := newJourney(t, v, tt.client, root)
				j.o.Revocation = new(oracle)
				j.reload()
				j.accepted(false)
				j.accepted(true)
				tt.change(j)
				if tt.want == "" {
					j.accepted(true)
					return
				}
				j.refused(tt.want, tt.alert)
				if j.o.Revocation.(*oracle).asked < 2 {
					t.Error("the resumed handshake was not asked about")
				}
			})
		}
	}
}

// What crypto/tls checks of a resumed session by itself is checked by our own
// rules as well: they see a session here whose authority is gone.
func TestRulesStandAlone(t *testing.T) {
	root, next := issue(t, "root", nil, nil, ca), issue(t, "next", nil, nil, ca)
	device := issue(t, "device", nil, root, nil)
	j := newJourney(t, tls.VersionTLS13, []*entity{device}, root)
	session := tls.ConnectionState{
		DidResume:        true,
		PeerCertificates: []*x509.Certificate{device.cert},
		VerifiedChains:   [][]*x509.Certificate{{device.cert, root.cert}},
	}
	if err := j.b.verify(session); err != nil {
		t.Fatal(err)
	}
	j.ahead.Store(int64(2 * time.Hour))
	if err := j.b.verify(session); Classify(err) != ReasonExpired {
		t.Errorf("%v", err)
	}
	j.ahead.Store(0)
	j.trusts(next)
	if err := j.b.verify(session); Classify(err) != ReasonUnknownCA {
		t.Errorf("%v", err)
	}
	session.PeerCertificates, session.VerifiedChains = nil, nil
	if err := j.b.verify(session); Classify(err) != ReasonNoCert {
		t.Errorf("%v", err)
	}
}

// kept is a session cache that can be told to keep what it has.
type kept struct {
	tls.ClientSessionCache
	frozen bool
}

func (k *kept) Put(key string, s *tls.ClientSessionState) {
	if !k.frozen {
		k.ClientSessionCache.Put(key, s)
	}
}

// A key seals for a day and opens for another, however long nobody came.
func TestTicketKeysRotate(t *testing.T) {
	long := func(c *x509.Certificate) { ca(c); c.NotAfter = c.NotAfter.Add(1000 * time.Hour) }
	root := issue(t, "root", nil, nil, long)
	device := issue(t, "device", nil, root, func(c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(1000 * time.Hour) })
	type step struct {
		hours   time.Duration
		resumed bool
	}
	for _, tt := range []struct {
		name   string
		frozen bool // always the first ticket, not the newest
		steps  []step
	}{
		{"first ticket", true, []step{{1, true}, {23, true}, {25, true}, {47, true}, {49, false}, {200, false}}},
		{"newest ticket", false, []step{{23, true}, {45, true}, {67, true}, {89, true}}},
		{"nobody for two days", true, []step{{49, false}}},
		{"nobody for a day", true, []step{{30, true}, {53, true}, {55, false}}}, // the key was changed at the 30th hour
	} {
		for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(tt.name+" "+tls.VersionName(v), func(t *testing.T) {
				j := newJourney(t, v, []*entity{device}, root)
				cache := &kept{ClientSessionCache: j.client.ClientSessionCache}
				j.client.ClientSessionCache = cache
				j.accepted(false)
				cache.frozen = tt.frozen
				for _, s := range tt.steps {
					j.ahead.Store(int64(s.hours * time.Hour))
					j.reload() // changes nothing about the keys
					j.accepted(s.resumed)
				}
			})
		}
	}
}

func TestTicketsSwitchedByReload(t *testing.T) {
	root := issue(t, "root", nil, nil, ca)
	j := newJourney(t, tls.VersionTLS13, []*entity{issue(t, "device", nil, root, nil)}, root)
	j.accepted(false)
	j.accepted(true)
	j.o.Tickets = false
	j.reload()
	j.accepted(false)
	j.accepted(false)
	j.o.Tickets = true
	j.reload()
	j.accepted(true) // by a ticket from before: the keys have stayed
}

func TestNoTicketsByDefault(t *testing.T) {
	server := issue(t, "localhost", nil, nil, forLocalhost)
	cfg, b, err := ServerConfig(Options{Files: files(t, certPEM(server), keyPEM(t, server.key), "")})
	if err != nil {
		t.Fatal(err)
	}
	client := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	twice := func(wantResumed bool) {
		t.Helper()
		for i := range 2 {
			state, serverErr, clientErr := shake(t, cfg, client)
			if state.DidResume != (wantResumed && i == 1) || serverErr != nil || clientErr != nil {
				t.Errorf("resumed %v, server %v, client %v", state.DidResume, serverErr, clientErr)
			}
		}
	}
	twice(false)
	swap, err := b.Prepare(Options{Files: files(t, certPEM(server), keyPEM(t, server.key), ""), Tickets: true})
	if err != nil {
		t.Fatal(err)
	}
	swap()
	twice(true)
}
