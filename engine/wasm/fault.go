package wasm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/sys"
)

// FaultKind classifies why an instance was thrown away; it is the label of
// the fault counters.
type FaultKind uint8

// The kinds of fault.
const (
	FaultDeadline  FaultKind = iota // the call used up its time slice
	FaultStack                      // endless recursion
	FaultMemory                     // access outside linear memory, or out of memory
	FaultAbort                      // unreachable: a panic or abort in the guest
	FaultExit                       // the guest called proc_exit
	FaultTrap                       // any other trap
	FaultPointer                    // an import was given a bad pointer or length
	FaultMalformed                  // an answer that makes no sense
	FaultStart                      // a replacement instance did not start
	faultKinds
)

var faultNames = [faultKinds]string{"deadline", "stack", "memory", "abort", "exit", "trap", "pointer", "malformed", "start"}

// String returns the kind as a metric label.
func (k FaultKind) String() string {
	if k >= faultKinds {
		return "unknown"
	}
	return faultNames[k]
}

// fault is an error that costs a guest its instance.
type fault struct {
	kind FaultKind
	text string
}

// Error implements error.
func (f *fault) Error() string { return f.text }

func faultf(kind FaultKind, format string, args ...any) *fault {
	return &fault{kind, fmt.Sprintf(format, args...)}
}

// trapKinds maps the engine's error texts, which are all it offers.
var trapKinds = []struct {
	text string
	kind FaultKind
}{
	{"stack overflow", FaultStack},
	{"out of bounds memory access", FaultMemory},
	{"unreachable", FaultAbort},
}

// maxFaultText bounds what a fault puts into a log: a stack trace and what a
// guest printed can be long.
const maxFaultText = 2 << 10

// faultOf converts the error of a guest call. said is what the guest printed
// while it ran.
func faultOf(err error, said string) *fault {
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	text := strings.TrimPrefix(err.Error(), "wasm error: ")
	kind := FaultTrap
	if exit, ok := errors.AsType[*sys.ExitError](err); ok {
		kind = FaultExit
		if code := exit.ExitCode(); code == sys.ExitCodeDeadlineExceeded || code == sys.ExitCodeContextCanceled {
			return &fault{FaultDeadline, "used up its time slice"}
		}
		text = fmt.Sprintf("called proc_exit(%d)", exit.ExitCode())
	} else {
		first, _, _ := strings.Cut(text, "\n")
		for _, t := range trapKinds {
			if strings.Contains(first, t.text) {
				kind = t.kind
				break
			}
		}
	}
	if said != "" {
		text = said + ": " + text
	}
	return &fault{kind, text[:min(len(text), maxFaultText)]}
}
