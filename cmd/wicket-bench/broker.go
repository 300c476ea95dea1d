package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// wicket is a broker that this process has started for a measurement.
type wicket struct {
	cmd   *exec.Cmd
	data  string
	lines chan logLine
}

// logLine is what is read of a line of the broker's log.
type logLine struct {
	Msg         string `json:"msg"`
	Listener    string `json:"listener"`
	Bind        string `json:"bind"`
	Connections int    `json:"connections"`
	Goroutines  int    `json:"goroutines"`
	Heap        int64  `json:"heap_bytes"`
}

// startWicket runs the program with a plain and a TLS listener on free ports
// and nobody asked for credentials.
func startWicket(program string, extra ...string) (*wicket, map[string]string, error) {
	data, err := os.MkdirTemp("", "wicket-bench-")
	if err != nil {
		return nil, nil, err
	}
	args := append([]string{"run", "--log-format", "json", "--anonymous", "allow", "--data", data,
		"--listen", "tcp://127.0.0.1:0", "--listen", "tls://127.0.0.1:0"}, extra...)
	w := &wicket{cmd: exec.Command(program, args...), data: data, lines: make(chan logLine, 64)}
	stderr, err := w.cmd.StderrPipe()
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("cannot start %q: %w", program, err), os.RemoveAll(data))
	}
	go w.read(stderr)
	addrs := map[string]string{}
	for len(addrs) < 2 {
		l, err := w.next("listening")
		if err != nil {
			w.stop()
			return nil, nil, err
		}
		addrs[l.Listener] = l.Bind
	}
	return w, addrs, nil
}

func (w *wicket) read(stderr io.Reader) {
	defer close(w.lines)
	in := bufio.NewScanner(stderr)
	for in.Scan() {
		var l logLine
		if json.Unmarshal(in.Bytes(), &l) != nil {
			fmt.Fprintln(os.Stderr, in.Text())
			continue
		}
		if l.Msg == "listening" || l.Msg == "snapshot" {
			w.lines <- l
		}
	}
}

// next waits for a line with the message given.
func (w *wicket) next(msg string) (logLine, error) {
	timeout := time.After(30 * time.Second)
	for {
		select {
		case l, ok := <-w.lines:
			if !ok {
				return l, errors.New("the broker has ended")
			}
			if l.Msg == msg {
				return l, nil
			}
		case <-timeout:
			return logLine{}, fmt.Errorf("the broker did not say %q in time", msg)
		}
	}
}

// snapshot makes the broker collect its garbage and returns what it holds.
func (w *wicket) snapshot() (logLine, error) {
	if err := w.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return logLine{}, err
	}
	return w.next("snapshot")
}

// file is a file of the broker's development authority.
func (w *wicket) file(name string) string { return filepath.Join(w.data, "dev", name) }

// stop ends the broker and removes its data.
func (w *wicket) stop() {
	_ = w.cmd.Process.Kill()
	for range w.lines {
	}
	_ = w.cmd.Wait()
	_ = os.RemoveAll(w.data)
}
