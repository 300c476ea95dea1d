package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// Client asks a running broker.
type Client struct {
	path string
	http http.Client
}

// NewClient makes a client for the broker with that control socket. It
// connects at the first request.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", path)
	}
	return &Client{path: path, http: http.Client{
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true, DisableCompression: true},
		Timeout:   actionTime + 2*requestTime,
	}}
}

// NotRunningError says that nobody answers on a control socket.
type NotRunningError struct{ Path string }

func (e *NotRunningError) Error() string {
	return fmt.Sprintf("no broker answers on %q; start one with \"wicket run\", or say which one with --config, --data or --socket", e.Path)
}

// maxAnswer bounds what is read of an answer: a status with thousands of
// listeners fits.
const maxAnswer = 64 << 20

// Get asks for a path, as in "/v1/status", and returns the body.
func (c *Client) Get(ctx context.Context, path string) ([]byte, error) {
	return c.do(ctx, http.MethodGet, path)
}

// Do carries out an action, as in POST "/v1/reload".
func (c *Client) Do(ctx context.Context, method, path string) error {
	_, err := c.do(ctx, method, path)
	return err
}

// Look asks for a path and decodes the answer.
func Look[T any](ctx context.Context, c *Client, path string) (out T, err error) {
	body, err := c.Get(ctx, path)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return out, fmt.Errorf("cannot understand the broker's answer to %s: is it of another version? %w", path, err)
	}
	return out, nil
}

func (c *Client) do(ctx context.Context, method, path string) ([]byte, error) {
	if err := checkLength(c.path); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://wicket"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot ask the broker: %w", err)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("cannot read the broker's answer to %s: %w", path, err)
	}
	if answer.StatusCode >= 300 {
		return nil, refusal(answer, body)
	}
	return body, nil
}

func (c *Client) unreachable(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return &NotRunningError{c.path}
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("cannot open %q: it belongs to another user; do this as the broker's user or as root", c.path)
	}
	return fmt.Errorf("cannot ask the broker on %q: %w", c.path, innermost(err))
}

// refusal turns a problem into a sentence.
func refusal(answer *http.Response, body []byte) error {
	var p Problem
	if json.Unmarshal(body, &p) != nil || p.Detail == "" {
		p.Detail = strings.TrimSpace(answer.Status)
	}
	return errors.New(p.Detail)
}
