package auth

import (
	"net/netip"
	"time"
)

// Greeter is a Decider that hears [Hello]: it says whether a client may begin a
// TLS handshake. It answers as Authenticate does; of its Verdict only Decision
// and ReasonText are read, and the text is for the log.
type Greeter interface {
	Decider
	Hello(h *ClientHello, done func(Verdict))
}

// ClientHello is what somebody claims who begins a TLS handshake (RFC 8446
// section 4.1.2): nothing of it is proven, and nothing has been computed for it
// yet. Numbers are those of IANA, in the order of the wire and without GREASE
// (RFC 8701). It may be kept and is not changed.
type ClientHello struct {
	Listener string // name, such as "tls:default"
	Peer     netip.AddrPort
	Proxy    *Proxy // nil without a PROXY header

	// Names, in which bytes that are not printable ASCII are written as \xNN.
	ServerName string // RFC 6066 section 3; empty without
	ALPN       []string

	Versions         []uint16
	Suites           []uint16
	Extensions       []uint16
	Groups           []uint16
	SignatureSchemes []uint16
	JA4              string // fingerprint in the form of JA4

	Deadline time.Time // of the handshake; an answer after it is of no use. Zero: none
}

// Greeting is the answer to a ClientHello.
type Greeting struct {
	Denied     bool
	ReasonText string // for the log; empty unless a decider gave one
	Decider    string // who decided; empty when nobody had an opinion
	Err        error  // what the operator should see of a fault
}

// HearsHello reports whether [Gate.Hello] would ask anybody. It is cheap: it is
// called for each connection.
func (g *Gate) HearsHello() bool { return g.greets }

// Hello asks the chain whether somebody may begin a TLS handshake, and calls
// done exactly once, on any goroutine, possibly before it returns. The first
// answer other than Next decides; when nobody has an opinion the handshake goes
// on, for it alone lets nobody in.
func (g *Gate) Hello(h *ClientHello, done func(Greeting)) {
	g.asked.Add(1)
	(&greeting{gate: g, hello: h, done: done}).ask(0)
}

// greeting is a ClientHello on its way through the chain.
type greeting struct {
	gate  *Gate
	hello *ClientHello
	done  func(Greeting)
}

// ask puts the question to the deciders from the i-th on, until one of them
// decides or has to be waited for.
func (q *greeting) ask(i int) {
	for ; i < len(q.gate.chain); i++ {
		l := &q.gate.chain[i]
		if l.greeter == nil {
			continue
		}
		ans, ok := ask(l.name,
			func(done func(Verdict)) { l.greeter.Hello(q.hello, done) },
			func(ans answer) {
				if !q.settle(l, ans) {
					q.ask(i + 1)
				}
			})
		if !ok || q.settle(l, ans) {
			return
		}
	}
	q.finish(Greeting{})
}

// settle ends the greeting unless the answer is Next.
func (q *greeting) settle(l *link, ans answer) bool {
	v := &ans.verdict
	if ans.fault == nil && v.Decision == Next {
		return false
	}
	out := Greeting{Denied: ans.fault != nil || v.Decision != Allow, Decider: l.name, Err: ans.fault}
	if len(v.ReasonText) <= maxReasonText && printable(v.ReasonText) {
		out.ReasonText = v.ReasonText
	}
	q.finish(out)
	return true
}

func (q *greeting) finish(a Greeting) {
	q.gate.answered.Add(1)
	q.done(a)
}
