package peer

import (
	"bufio"
	"os"
	"os/exec"
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

// A broker's processes count as the broker: those that run, those below them,
// and those that have ended.
func TestUsedCountsDescendants(t *testing.T) {
	work := "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; "
	spent := func(script string) time.Duration {
		t.Helper()
		c := exec.Command("sh", "-c", script)
		hold, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { hold.Close(); _ = c.Wait() }()
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		cpu, anonymous, err := Used(c.Process.Pid)
		if err != nil || anonymous == 0 {
			t.Fatal(anonymous, err)
		}
		return cpu
	}
	for what, script := range map[string]string{
		"itself":       work + "echo; read x",
		"a child":      "(" + work + "echo; read x); true",
		"a grandchild": "( (" + work + "echo; read x); true); true",
		"an ended one": "(" + work + "true); echo; read x",
	} {
		if got := spent(script); got < 20*time.Millisecond {
			t.Errorf("work of %s: %v", what, got)
		}
	}
	if idle := spent("echo; read x"); idle > 20*time.Millisecond {
		t.Errorf("without work: %v", idle)
	}
}
