package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the wicket that all tests run, built once.
var binary string

func TestMain(m *testing.M) {
	if os.Getenv(agentVariable) != "" {
		os.Exit(runPahoGo(os.Args[1:]))
	}
	os.Exit(buildAndRun(m))
}

// together is how many tests run at once unless -parallel says otherwise: most
// of the time they wait for something.
const together = "4"

// sideBySide sets -parallel.
func sideBySide() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given && !raceEnabled {
		_ = flag.Set("test.parallel", together)
	}
}

func buildAndRun(m *testing.M) int {
	sideBySide()
	dir, err := os.MkdirTemp("", "wicket-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "wicket")
	args := []string{"build", "-o", binary}
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "github.com/wicketmq/wicket/cmd/wicket")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build wicket: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
