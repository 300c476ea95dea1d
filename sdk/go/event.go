package wicket

import "github.com/wicketmq/wicket/sdk/go/wire"

// The events and their parts; package wire documents each field.
type (
	// Connect is a client that wants in: its CONNECT packet and what is known
	// about its connection.
	Connect = wire.Authenticate
	// Access is a question about the topics of one PUBLISH or SUBSCRIBE.
	Access = wire.Authorize
	// Topic is one topic name or filter of an Access.
	Topic = wire.Topic
	// TLS is what the handshake of a connection established.
	TLS = wire.TLS
	// Proxy is what a PROXY protocol header said.
	Proxy = wire.Proxy
	// Will is the part of a will message that a decision looks at.
	Will = wire.Will
	// Property is a key with its value.
	Property = wire.Property
	// File is a file that the operator named in the plugin's config.
	File = wire.File
)

// The values of Access.Action, and the bits of Rule.Actions.
const (
	Publish   = wire.Publish
	Subscribe = wire.Subscribe
)

// LoadInfo is what a plugin learns when an instance of it starts.
type LoadInfo struct {
	wire.Load
}

// File returns the file that the operator named under key, such as
// "users_file"; ok is false when the config has no such key.
func (l *LoadInfo) File(key string) (file File, ok bool) {
	for _, f := range l.Files {
		if f.Key == key {
			return f, true
		}
	}
	return File{}, false
}

// The registered handlers. They are set by init functions and read by one
// event at a time.
var handlers struct {
	load         func(*LoadInfo) error
	authenticate func(*Context, *Connect) Verdict
	authorize    func(*Context, *Access) Verdict
	hello        func(*Context, *ClientHello) Verdict
	now          struct{ authenticate, authorize, hello bool } // run without a goroutine
	reuse        bool                                          // nothing of an event is kept
	unload       func()
}

// needs is the lowest minor version of the ABI that the plugin can work with.
var needs int32

// NeedABI says, in an init function, that the plugin cannot work with a broker
// whose ABI is older than 1.minor: such a broker refuses to load it, instead of
// overlooking what it does not know. Next with names or attributes needs 1, Next
// with rules 2; Continue, OnClientHello and OnEvent need 3. Calls that need a grant
// need no more than that: a broker that does not have them refuses the plugin too.
func NeedABI(minor int32) { needs = max(needs, minor) }

// OnLoad registers what runs once per instance, before any event. Its error
// refuses the plugin and is shown to the operator.
func OnLoad(f func(*LoadInfo) error) { handlers.load = f }

// OnAuthenticate registers the handler of CONNECT.
func OnAuthenticate(f func(*Context, *Connect) Verdict) {
	handlers.authenticate, handlers.now.authenticate = f, false
}

// OnAuthenticateNow registers a handler of CONNECT that never waits. It runs
// without a goroutine of its own, which halves what a short handler costs.
// Context's calls that wait return ErrCannotWait, and blocking in any other
// way is a deadlock that ends the instance.
func OnAuthenticateNow(f func(*Context, *Connect) Verdict) {
	handlers.authenticate, handlers.now.authenticate = f, true
}

// OnAuthorize registers the handler of PUBLISH and SUBSCRIBE, asked when the
// rules of the session do not decide. All topics of a packet come in one
// event; see PerTopic. Next may have rules here. Without a handler the answer is
// Next.
func OnAuthorize(f func(*Context, *Access) Verdict) {
	handlers.authorize, handlers.now.authorize = f, false
}

// OnAuthorizeNow registers a handler of PUBLISH and SUBSCRIBE that never
// waits; see OnAuthenticateNow.
func OnAuthorizeNow(f func(*Context, *Access) Verdict) {
	handlers.authorize, handlers.now.authorize = f, true
}

// OnUnload registers what runs before the instance is closed; it has a
// tenth of a second. What it sends to an upstream by Background goes on without
// it, for a second.
func OnUnload(f func()) { handlers.unload = f }
