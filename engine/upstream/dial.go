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
	"sync/atomic"
	"time"
)

// dialer opens the connection below HTTP and TLS; tests have others.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// link is what is known of a connection below HTTP.
type link struct {
	asked bool         // the server wanted a certificate of ours
	sent  atomic.Int64 // bytes that HTTP/1.1 has written
}

// linkKey is where the context of a dial has its link.
type linkKey struct{}

// counted counts what HTTP/1.1 writes: a request of which nothing was written
// has not been seen by anybody.
type counted struct {
	net.Conn
	link *link
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.link.sent.Add(int64(n))
	return n, err
}

// handshakeError is a failure of TLS, as opposed to one below it.
type handshakeError struct{ error }

func (e handshakeError) Unwrap() error { return e.error }

func (s *settings) newTransport(dial dialer, host string) {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(s.HTTP2)
	s.transport = &http.Transport{
		Proxy:                  nil, // that of the environment is for other programs
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxAnswerField,
		ReadBufferSize:         2 << 10,
		WriteBufferSize:        2 << 10,
		Protocols:              protocols,
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerConnection: 1 << 20,
			MaxReceiveBufferPerStream:     64 << 10,
			SendPingTimeout:               lookAgain,
			PingTimeout:                   5 * time.Second,
		},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return counted{c, ctx.Value(linkKey{}).(*link)}, nil
		},
	}
	if s.scheme != "https" {
		return
	}
	client := s.TLS.config(host, s.HTTP2, s.PoolSize)
	s.transport.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		t := tls.Client(c, client)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = c.Close() // there is nothing to save
			return nil, handshakeError{err}
		}
		if t.ConnectionState().NegotiatedProtocol == "h2" {
			return t, nil // net/http wants to see it
		}
		return counted{t, ctx.Value(linkKey{}).(*link)}, nil
	}
}

// connect opens a connection. The error is one of ours.
func (u *Upstream) connect(ctx context.Context, s *settings, timeout time.Duration) (*conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errConnectTimeout)
	defer cancel()
	l := new(link)
	cc, err := s.transport.NewClientConn(context.WithValue(ctx, linkKey{}, l), s.scheme, s.address)
	if err != nil {
		return nil, u.connectError(ctx, s, timeout, err)
	}
	c := &conn{up: u, s: s, cc: cc, link: l, http2: cc.Available() > 1, used: time.Now(), gone: make(chan struct{})}
	cc.SetStateHook(c.changed)
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

// exchangeError says what ended an exchange that has no response.
func (u *Upstream) exchangeError(ctx context.Context, c *conn, err error) *Error {
	switch cause := context.Cause(ctx); {
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
	switch text := err.Error(); {
	case strings.Contains(text, "response headers exceeded"), strings.Contains(text, "response header list larger"):
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
