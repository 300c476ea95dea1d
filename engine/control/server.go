package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"syscall"
	"time"
)

// Broker is what the server shows and does. Any function may be nil: then
// there is no such path. They are called from several goroutines at once. The
// context of an action ends with the request or after two minutes.
type Broker struct {
	Status       func() Status
	Certificates func() []Certificate
	CRLs         func() []CRL
	Staples      func() []Staple
	Plugins      func() []Plugin
	Upstreams    func() []Upstream
	Metrics      http.Handler
	Access       Access // bans and permissions

	Reload              func(context.Context) error // configuration, plugins, certificates
	RefreshCertificates func(context.Context) error // read the files now
	RefreshCRLs         func(context.Context) error // fetch all lists now
	ClearCRLs           func(context.Context) error // forget those that were fetched
	RefreshStaples      func(context.Context) error // ask the responders now
}

// Limits of the server.
const (
	maxConnections = 32 // further ones wait
	maxHeader      = 8 << 10
	maxBody        = 4 << 10 // no request has one that matters
	requestTime    = 10 * time.Second
	actionTime     = 2 * time.Minute // compiling plugins takes seconds each
)

// Server answers on a control socket.
type Server struct {
	http    http.Server
	log     *slog.Logger
	served  chan struct{}
	allowed func(uid int) bool
}

// Serve answers on the socket, on goroutines of its own, until Close.
func Serve(socket *Socket, b Broker, log *slog.Logger) *Server {
	s := &Server{log: log, served: make(chan struct{}), allowed: ownerOrRoot}
	s.start(socket, b)
	return s
}

func (s *Server) start(socket net.Listener, b Broker) {
	s.http = http.Server{
		Handler:           s.guard(routes(b)),
		ReadHeaderTimeout: requestTime,
		ReadTimeout:       requestTime,
		WriteTimeout:      actionTime + requestTime,
		IdleTimeout:       requestTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnContext:       withPeer,
	}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(limit(socket, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the control socket has ended", "error", err)
		}
	}()
}

// Close ends the server and removes its socket. Requests that are being
// answered have until ctx ends.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.served
	return err
}

func ownerOrRoot(uid int) bool { return uid == 0 || uid == os.Geteuid() }

// peer is the key of the other end's user id in a request's context.
type peer struct{}

func withPeer(ctx context.Context, c net.Conn) context.Context {
	uid := -1 // nobody, who is let do nothing
	for c := c; ; {
		if held, ok := c.(*place); ok {
			c = held.Conn
			continue
		}
		if sc, ok := c.(syscall.Conn); ok {
			if raw, err := sc.SyscallConn(); err == nil {
				uid, _ = peerUID(raw)
			}
		}
		return context.WithValue(ctx, peer{}, uid)
	}
}

// guard stands before every request: who asks, how large, and what becomes of
// a bug.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if bug := recover(); bug != nil {
				s.log.Error("bug: a panic in the control server", "path", r.URL.Path, "panic", fmt.Sprint(bug), "stack", string(debug.Stack()))
				problem(w, http.StatusInternalServerError, "the broker has a bug here; its log says where")
			}
		}()
		uid, ok := r.Context().Value(peer{}).(int)
		if !ok || !s.allowed(uid) {
			s.log.Warn("control request refused", "uid", uid, "path", r.URL.Path)
			problem(w, http.StatusForbidden, fmt.Sprintf("user %d may not control this broker; its own user (%d) and root may", uid, os.Geteuid()))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if r.Method != http.MethodGet {
			s.log.Info("control request", "method", r.Method, "path", r.URL.Path, "uid", uid)
		}
		next.ServeHTTP(w, r)
	})
}

// routes are the paths of version 1.
func routes(b Broker) http.Handler {
	mux := http.NewServeMux()
	show(mux, "/v1/status", b.Status)
	if b.Status != nil {
		show(mux, "/v1/listeners", func() []Listener { return b.Status().Listeners })
		show(mux, "/v1/alarms", func() any { return b.Status().Alarms })
	}
	show(mux, "/v1/certificates", b.Certificates)
	show(mux, "/v1/crls", b.CRLs)
	show(mux, "/v1/staples", b.Staples)
	show(mux, "/v1/plugins", b.Plugins)
	show(mux, "/v1/upstreams", b.Upstreams)
	act(mux, "POST /v1/reload", b.Reload)
	act(mux, "POST /v1/certificates/refresh", b.RefreshCertificates)
	act(mux, "POST /v1/crls/refresh", b.RefreshCRLs)
	act(mux, "DELETE /v1/crls", b.ClearCRLs)
	act(mux, "POST /v1/staples/refresh", b.RefreshStaples)
	b.Access.routes(mux)
	if b.Metrics != nil {
		mux.Handle("GET /metrics", b.Metrics)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem(w, http.StatusNotFound, fmt.Sprintf("this broker knows no %s %s", r.Method, r.URL.Path))
	})
	return mux
}

func show[T any](mux *http.ServeMux, path string, look func() T) {
	if look == nil {
		return
	}
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "application/json", look())
	})
}

func act(mux *http.ServeMux, pattern string, do func(context.Context) error) {
	if do == nil {
		return
	}
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), actionTime)
		defer cancel()
		if err := do(ctx); err != nil {
			problem(w, http.StatusUnprocessableEntity, err.Error())
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// Problem is an error as RFC 9457 writes it.
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func problem(w http.ResponseWriter, status int, detail string) {
	answer(w, status, "application/problem+json", Problem{http.StatusText(status), status, detail})
}

func answer(w http.ResponseWriter, status int, mediaType string, v any) {
	body, err := json.Marshal(v)
	if err != nil { // there is no such value
		status, body = http.StatusInternalServerError, []byte(`{"title":"Internal Server Error","status":500}`)
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the peer has gone: nobody to tell
}
