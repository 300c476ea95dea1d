// Package limit is what the plugin ratelimit does: it counts CONNECTs by who they
// come from, in windows that the broker keeps for all instances of the plugin.
package limit

import (
	"net/netip"
	"strconv"
	"strings"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/config"
)

// Limits are the limits of a configuration, in its order.
type Limits struct {
	list     []limit
	denyFull bool
	full     wicket.Counter
}

// limit is how many clients of one kind may connect: burst in each window.
type limit struct {
	by      string
	subject func(*wicket.Connect) string // empty: the limit is not about this client
	key     string                       // what keys begin with
	burst   int64
	window  int64 // milliseconds
	hold    int64 // milliseconds that who came too often is kept out; 0: to the end of the window
	refused wicket.Counter
}

// New reads the configuration of the plugin.
func New(text string) (*Limits, error) {
	o, err := config.Read(text)
	if err != nil {
		return nil, err
	}
	l := &Limits{full: wicket.NewCounter("ratelimit_full_total", "CONNECTs that could not be counted, because kv.max_bytes is used up.")}
	list, _ := o.Objects("limits")
	for _, one := range list {
		l.list = append(l.list, read(one))
	}
	switch full, set := o.Text("when_full"); {
	case !set || full == "next":
	case full == "deny":
		l.denyFull = true
	default:
		o.Fault("when_full", `want next or deny, not "`+full+`"`)
	}
	if len(list) == 0 {
		o.Fault("limits", "want at least one, such as {by: peer, rate: 10/s}")
	}
	return l, o.Err()
}

func read(o *config.Object) (l limit) {
	l.by, _ = o.Text("by")
	rate, _ := o.Text("rate")
	var ok bool
	if l.subject, ok = subjectOf(l.by); !ok {
		o.Fault("by", `want peer, prefix/24, common_name, clientid or username, not "`+l.by+`"`)
	}
	n, unit, ok := parseRate(rate)
	if !ok {
		o.Fault("rate", `want how many in what time, such as 10/s, 100/m or 5/30s, not "`+rate+`"`)
		n, unit = 1, 1
	}
	l.burst = n
	if burst, set := o.Int("burst"); set {
		if l.burst = burst; burst < 1 || burst > 1e9 {
			o.Fault("burst", "want a number from 1 to a thousand million")
			l.burst = n
		}
	}
	if hold, set := o.Text("for"); set {
		if l.hold, ok = parseTime(hold); !ok {
			o.Fault("for", `want a time such as 30s, 1m or 1h, not "`+hold+`"`)
		}
	}
	l.window = max(1, l.burst*unit/n)
	l.key = l.by + "/" + strconv.FormatInt(l.window, 10) + ":"
	l.refused = wicket.NewCounter("ratelimit_refused_total", "CONNECTs refused because there were too many, by what was counted.", "by", l.by)
	return l
}

// Authenticate refuses a client that comes too often, and has no opinion on
// others. The first limit that is exceeded decides; those after it do not count
// the CONNECT.
func (l *Limits) Authenticate(c *wicket.Connect) wicket.Verdict {
	for i := range l.list {
		switch within, err := l.list[i].count(c); {
		case err != nil:
			l.full.Inc()
			if l.denyFull {
				return wicket.Deny().Reason(wicket.ServerBusy)
			}
		case !within:
			l.list[i].refused.Inc()
			return wicket.Deny().Reason(wicket.ConnectionRateExceeded)
		}
	}
	return wicket.Next()
}

// count counts a client; false says that it comes too often.
func (l *limit) count(c *wicket.Connect) (within bool, err error) {
	who := l.subject(c)
	if who == "" {
		return true, nil
	}
	key := l.key + short(who)
	if l.hold > 0 {
		if _, held := wicket.KV.Get("!" + key); held {
			return false, nil
		}
	}
	n, err := wicket.KV.Add(key, 1, l.window)
	if err != nil || n <= l.burst {
		return true, err
	}
	if l.hold > 0 {
		_ = wicket.KV.Set("!"+key, nil, l.hold) // without room for it, until the window ends
	}
	return false, nil
}

// longest is how much of a name a key has.
const longest = 190

// short makes a name fit into a key: a long one is counted by its beginning and
// its length.
func short(who string) string {
	if len(who) <= longest {
		return who
	}
	return who[:longest] + "#" + strconv.Itoa(len(who))
}

// subjectOf returns what is counted, by the name in the configuration.
func subjectOf(by string) (f func(*wicket.Connect) string, ok bool) {
	switch by {
	case "peer":
		return func(c *wicket.Connect) string { return network(c, 32, 64) }, true
	case "common_name":
		return commonName, true
	case "clientid":
		return func(c *wicket.Connect) string { return c.ClientID }, true
	case "username":
		return func(c *wicket.Connect) string { return c.Username }, true
	}
	bits, ok := strings.CutPrefix(by, "prefix/")
	if !ok {
		return nil, false
	}
	four, six, both := strings.Cut(bits, "/")
	v4, ok4 := parseBits(four, 32)
	v6, ok6 := 64, true
	if both {
		v6, ok6 = parseBits(six, 128)
	}
	return func(c *wicket.Connect) string { return network(c, v4, v6) }, ok4 && ok6
}

func parseBits(text string, most int) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 1 && n <= most
}

// network is the client's address, or the network that it is in.
func network(c *wicket.Connect, v4, v6 int) string {
	peer, err := netip.ParseAddrPort(c.Peer)
	if err != nil {
		return ""
	}
	a := peer.Addr().Unmap().WithZone("")
	bits := v6
	if a.Is4() {
		bits = v4
	}
	if bits == a.BitLen() {
		return a.String()
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// commonName is the one of a certificate that somebody has verified.
func commonName(c *wicket.Connect) string {
	switch {
	case c.Proxy != nil && c.Proxy.Verified:
		return c.Proxy.CommonName
	case c.TLS != nil && c.TLS.CertificateVerified:
		return c.TLS.CommonName
	}
	return ""
}

// parseRate reads 10/s, 100/m or 5/30s: how many in how many milliseconds.
func parseRate(text string) (n, unit int64, ok bool) {
	count, per, ok := strings.Cut(text, "/")
	n, err := strconv.ParseInt(count, 10, 64)
	if !ok || err != nil || n < 1 || n > 1e9 {
		return 0, 0, false
	}
	if per != "" && (per[0] < '0' || per[0] > '9') {
		per = "1" + per
	}
	unit, ok = parseTime(per)
	return n, unit, ok
}

// parseTime reads a time such as 500ms, 30s, 1m, 2h or 1d, in milliseconds.
func parseTime(text string) (ms int64, ok bool) {
	ms, ok = config.Milliseconds(text)
	return ms, ok && ms >= 1 && ms <= 30*86_400_000
}
