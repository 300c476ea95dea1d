package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/cmd/wicket-bench/load"
	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
)

// A worker is this program once more. It reads a load and then orders as JSON
// from standard input, and answers each on standard output.

// order is what a worker is told.
type order struct {
	Do          string        `json:"do"`
	Subscribers int           `json:"subscribers,omitempty"`
	Publishers  int           `json:"publishers,omitempty"`
	Rate        float64       `json:"rate,omitempty"`
	Patience    time.Duration `json:"patience,omitempty"`
}

// reply is what a worker answers.
type reply struct {
	Error   string      `json:"error,omitempty"`
	Counts  load.Counts `json:"counts"`
	Seconds float64     `json:"seconds,omitempty"`
	Resumed uint64      `json:"resumed,omitempty"`
	Latency []byte      `json:"latency,omitempty"` // HDR histogram, V2 compressed
	Connect []byte      `json:"connect,omitempty"`
	Missing int         `json:"missing,omitempty"`
}

// worker is a worker process, as its parent sees it.
type worker struct {
	mu   sync.Mutex // one order at a time
	spec load.Spec
	cmd  *exec.Cmd
	in   io.WriteCloser
	send *json.Encoder
	recv *json.Decoder
}

func startWorker(s load.Spec) (*worker, error) {
	me, err := myself()
	if err != nil {
		return nil, err
	}
	w := &worker{spec: s, cmd: exec.Command(me, "worker")}
	w.cmd.Stderr = os.Stderr
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start a worker: %w", err)
	}
	w.send, w.recv = json.NewEncoder(w.in), json.NewDecoder(out)
	return w, w.send.Encode(s)
}

// do gives an order and waits for the answer.
func (w *worker) do(o order) (reply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var r reply
	if err := w.send.Encode(o); err != nil {
		return r, fmt.Errorf("a worker has ended: %w", err)
	}
	if err := w.recv.Decode(&r); err != nil {
		return r, fmt.Errorf("a worker has ended: %w", err)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

// close ends the worker by the end of its input.
func (w *worker) close() error {
	w.in.Close()
	return w.cmd.Wait()
}

func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use: "worker", Hidden: true, Args: cobra.NoArgs, Short: "One of several processes of a load",
		RunE: func(c *cobra.Command, _ []string) error {
			peer.RaiseDescriptors()
			return serve(c.Context(), c.InOrStdin(), c.OutOrStdout())
		},
	}
}

// serve is the worker's side.
func serve(ctx context.Context, in io.Reader, out io.Writer) error {
	orders, answers := json.NewDecoder(in), json.NewEncoder(out)
	var spec load.Spec
	if err := orders.Decode(&spec); err != nil {
		return fmt.Errorf("cannot read the load: %w", err)
	}
	l, err := load.New(spec)
	if err != nil {
		return err
	}
	defer l.Close()
	s := servant{load: l, still: func() error { return nil }}
	for {
		var o order
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := answers.Encode(s.obey(ctx, o)); err != nil {
			return err
		}
	}
}

// servant carries orders out.
type servant struct {
	load  *load.Load
	still func() error // ends the churn
}

func (s *servant) obey(ctx context.Context, o order) (r reply) {
	var err error
	switch o.Do {
	case "connect":
		err = s.load.Connect(ctx, o.Subscribers, o.Publishers)
	case "go":
		s.load.Go()
	case "mark":
		s.load.Mark()
	case "revive":
		s.load.Revive()
	case "counts":
		r.Counts = s.load.Counts()
	case "measured":
		r = newReply(s.load.Measured())
	case "stop":
		r.Missing = s.load.Stop(o.Patience)
	case "err":
		err = s.load.Err()
	case "churn":
		s.churn(ctx, o.Rate)
	case "still":
		err = s.still()
	default:
		err = fmt.Errorf("a worker does not know %q", o.Do)
	}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

// churn begins to replace clients.
func (s *servant) churn(ctx context.Context, rate float64) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.load.Churn(ctx, rate) }()
	s.still = func() error {
		cancel()
		return <-done
	}
}

func newReply(m load.Result) reply {
	return reply{
		Counts: m.Counts, Seconds: m.Seconds, Resumed: m.Resumed,
		Latency: encodeHistogram(m.Latency), Connect: encodeHistogram(m.Connect),
	}
}

func encodeHistogram(h *hdrhistogram.Histogram) []byte {
	b, _ := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase) // into memory
	return b
}
