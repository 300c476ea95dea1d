package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// progress is a line that is written over and over on a terminal, and nothing
// elsewhere.
type progress struct{ out io.Writer }

// newProgress writes to standard error when that is a terminal.
func newProgress() progress {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return progress{}
	}
	return progress{os.Stderr}
}

func (p progress) line(format string, a ...any) {
	if p.out != nil {
		fmt.Fprintf(p.out, "\r\x1b[K"+format, a...)
	}
}

// clear makes room for what comes after.
func (p progress) clear() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
