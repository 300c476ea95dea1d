package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// dialer opens the connection below HTTP and TLS; tests have others.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// link is what is known of a connection below HTTP.
type link struct {
	asked bool      // the server wanted a certificate of ours
	conn  *tls.Conn // for HTTP/2
}

// linkKey is where the context of a dial has its link.
type linkKey struct{}

// handshakeError is a failure of TLS, as opposed to one below it.
type handshakeError struct{ error }

func (e handshakeError) Unwrap() error { return e.error }

// newTransport makes what connections are made with: net/http's for HTTP/2.
func (s *settings) newTransport(dial dialer, host string) {
	if s.dial = dial; dial == nil {
		s.dial = (&net.Dialer{}).DialContext
	}
	if s.scheme == "https" {
		s.client = s.TLS.config(host, s.HTTP2, s.PoolSize)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	s.transport = &http.Transport{
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxAnswerField,
		Protocols:              protocols,
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerConnection: 1 << 20,
			MaxReceiveBufferPerStream:     64 << 10,
			SendPingTimeout:               lookAgain,
			PingTimeout:                   5 * time.Second,
		},
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return ctx.Value(linkKey{}).(*link).conn, nil
		},
	}
}

// open makes a connection below HTTP. rw is what HTTP is spoken on, either raw
// itself or TLS.
func (s *settings) open(ctx context.Context) (raw *tap, rw net.Conn, err error) {
	below, err := s.dial(ctx, "tcp", s.address)
	if err != nil {
		return nil, nil, err
	}
	if raw = newTap(below); s.client == nil {
		return raw, raw, nil
	}
	t := tls.Client(raw, s.client)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // there is nothing to save
		return nil, nil, handshakeError{err}
	}
	return raw, t, nil
}

// connect opens a connection. The error is one of ours.
func (u *Upstream) connect(ctx context.Context, s *settings, timeout time.Duration) (*conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errConnectTimeout)
	defer cancel()
	l := new(link)
	ctx = context.WithValue(ctx, linkKey{}, l)
	raw, rw, err := s.open(ctx)
	if err != nil {
		return nil, u.connectError(ctx, s, timeout, err)
	}
	c := &conn{up: u, s: s, link: l, used: time.Now(), gone: make(chan struct{})}
	if t, ok := rw.(*tls.Conn); ok && t.ConnectionState().NegotiatedProtocol == "h2" {
		l.conn = t
		if c.mux, err = s.transport.NewClientConn(ctx, s.scheme, s.address); err != nil {
			_ = raw.Close() // there is nothing to save
			return nil, u.connectError(ctx, s, timeout, err)
		}
		c.cc, c.http2 = c.mux, true
		c.mux.SetStateHook(func(*http.ClientConn) { c.changed() })
		return c, nil
	}
	c.line = newLine(c, raw, rw)
	c.cc = c.line
	u.set.running.Go(c.line.run)
	return c, nil
}

var (
	errConnectTimeout = errors.New("connect_timeout")
	errTimeout        = errors.New("timeout")
	errGone           = errors.New("the connection was closed")
	errClosed         = errors.New("the upstream is not there any more")
)

func (u *Upstream) connectError(ctx context.Context, s *settings, timeout time.Duration, err error) *Error {
	tlsError, isTLS := errors.AsType[handshakeError](err)
	switch {
	case context.Cause(ctx) == errConnectTimeout:
		return u.fail(Timeout, fmt.Errorf("no connection to %s within %v", s.address, timeout))
	case ctx.Err() != nil:
		return u.fail(Canceled, context.Cause(ctx))
	case isTLS:
		return u.fail(TLS, fmt.Errorf("TLS handshake with %s: %w", s.address, tlsError.error))
	}
	return u.fail(Refused, fmt.Errorf("cannot connect: %w", err))
}

// exchangeError says what ended an exchange that has no response: cause is why
// we gave it up, if we did.
func (u *Upstream) exchangeError(cause error, c *conn, err error) *Error {
	given, ok := cause.(*Error)
	switch {
	case ok:
		return given
	case cause == errTimeout:
		return u.fail(Timeout, errors.New("no complete answer in time"))
	case u.life.Err() != nil:
		return u.fail(Canceled, errClosed)
	case cause != nil:
		return u.fail(Canceled, cause)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := c.rejected(err); ok {
		return u.fail(TLS, e)
	}
	switch {
	case errors.Is(err, errFields), strings.Contains(err.Error(), "response header list larger"):
		return u.fail(TooLarge, fmt.Errorf("the header of the answer is larger than %d bytes", maxAnswerField))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return u.fail(Broken, errors.New("the connection was closed before the end of the answer"))
	}
	return u.fail(Broken, err)
}

// rejected reports whether a server ended the connection because it does not
// like our certificate: in TLS 1.3 it says so after our side of the handshake
// is over (RFC 8446 section 4.4.2.4).
func (c *conn) rejected(err error) (error, bool) {
	alert, isAlert := errors.AsType[*net.OpError](err)
	switch {
	case isAlert && alert.Op == "remote error":
		err = alert
	case !c.link.asked || c.served.Load():
		return nil, false
	}
	switch {
	case !c.link.asked:
		return err, true
	case c.s.TLS.Certificate == nil:
		return fmt.Errorf("the server wants a client certificate, and there is none (certfile): %w", err), true
	}
	return fmt.Errorf("the server wants a client certificate, and ended the connection when it had ours (certfile): %w", err), true
}

func (u *Upstream) fail(k Kind, err error) *Error { return &Error{u.name, k, err} }
