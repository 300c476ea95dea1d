package peer

import (
	"os"
	"testing"
	"time"
)

// The process's clock agrees with what getrusage says of the same process.
func TestCPUOfThisProcess(t *testing.T) {
	for OwnCPU() < 40*time.Millisecond { // by the processor, which others may have meanwhile
	}
	before := OwnCPU()
	got, err := CPU(os.Getpid())
	after := OwnCPU()
	if err != nil {
		t.Fatal(err)
	}
	const rounding = 10 * time.Millisecond // getrusage scales ticks
	if got < before-rounding || got > after+rounding {
		t.Errorf("CPU %v is not between %v and %v", got, before, after)
	}
	if got < 20*time.Millisecond {
		t.Errorf("CPU %v after 40 ms of work", got)
	}
	if _, err := CPU(1 << 22); err == nil {
		t.Error("a process that does not exist has a processor time")
	}
}
