// Package proxy reads the PROXY protocol header, versions 1 and 2, that a load
// balancer puts in front of a connection. Section numbers are those of the
// protocol's text, proxy-protocol.txt of HAProxy.
//
// It is a pure parser: any goroutine may call it, it keeps nothing and
// allocates nothing for a header that is in order. The byte slices of a
// [Header] lie in the window that was parsed and are good as long as that is.
//
// Whether a header may be believed is for the caller to decide: whoever can
// reach the listener can write one (section 5).
package proxy
