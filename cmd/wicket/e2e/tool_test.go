package e2e

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// need makes sure that a program is there.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	absent(t, program)
}

// absent ends a test for want of something: skipped on a contributor's
// machine, failed where CI=true.
func absent(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed; .ci/run installs it", what)
	}
	t.Skipf("%s is not installed", what)
}

// result is what a finished program left.
type result struct {
	code        int
	out, errOut string
}

// tool runs a program to its end, for at most half a minute.
func tool(t *testing.T, dir, stdin string, name string, args ...string) result {
	t.Helper()
	need(t, name)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var out, errOut bytes.Buffer
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Stdout, c.Stderr = dir, &out, &errOut
	c.Stdin = strings.NewReader(stdin)
	err := c.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s %s: not done in time\n%s%s", name, strings.Join(args, " "), out.String(), errOut.String())
	}
	if err != nil && c.ProcessState == nil {
		t.Fatalf("%s: %v", name, err)
	}
	return result{c.ProcessState.ExitCode(), out.String(), errOut.String()}
}

// must runs a program that has to succeed.
func must(t *testing.T, dir string, name string, args ...string) result {
	t.Helper()
	r := tool(t, dir, "", name, args...)
	if r.code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s%s", name, strings.Join(args, " "), r.code, r.out, r.errOut)
	}
	return r
}

// hostPort splits an address for clients that want two flags.
func hostPort(t *testing.T, addr string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}
