package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/cmd/wicket/scaffold"
	"github.com/wicketmq/wicket/sdk/plugintest/cases"
)

// caseRun is one run of wicket plugin test.
type caseRun struct {
	where  string // directory or file of the cases
	plugin string
	only   string
	output string
	update bool
	out    io.Writer
	errOut io.Writer
}

func pluginTestCommand() *cobra.Command {
	var r caseRun
	c := &cobra.Command{
		Use:   "test [DIR|FILE.yaml]",
		Short: "Run a plugin against its cases: questions, the answers of its upstreams, and the verdict that is expected",
		Long: `Run the cases of a file, or of cases.yaml, *.cases.yaml and cases/*.yaml of a
directory, which is the current one unless named. The module runs in the
broker's own host; only the network and the clock are stand-ins. Each case gets
a plugin of its own. Exit code 1 says that a case does not pass.

docs/plugins/testing.md has every key of a case.`,
		Example: `  wicket plugin test
  wicket plugin test cases.yaml --plugin door.wasm
  wicket plugin test --plugin builtin:password users.cases.yaml
  wicket plugin test --update`,
		Args: atMostOne("one directory or file of cases"),
		RunE: func(c *cobra.Command, args []string) error {
			r.where, r.out, r.errOut = ".", c.OutOrStdout(), c.ErrOrStderr()
			if len(args) > 0 {
				r.where = args[0]
			}
			return r.run(c.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&r.plugin, "plugin", "", "the module, a `file` or builtin:NAME; the one that wicket plugin build makes unless said")
	f.StringVar(&r.only, "run", "", "only the cases whose name has this `text` in it")
	f.BoolVar(&r.update, "update", false, "write what the plugin answers into the cases that do not pass")
	f.StringVarP(&r.output, "output", "o", "table", "table for people, json for programs")
	return c
}

// errCases says that cases did not pass; the table says which.
var errCases = errors.New("not all cases pass")

func (r *caseRun) run(ctx context.Context) error {
	if err := checkOutput(r.output); err != nil {
		return err
	}
	suites, err := cases.Read(r.where)
	if err != nil {
		return err
	}
	file, err := r.file()
	if err != nil {
		return err
	}
	results, err := runCases(ctx, file, suites, r.only)
	if err != nil {
		return err
	}
	return r.report(results)
}

// file is the module to test.
func (r *caseRun) file() (string, error) {
	if r.plugin != "" {
		return r.plugin, nil
	}
	dir := r.where
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	file, err := scaffold.Output(dir)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("there is no %q: run wicket plugin build %s, or name the module with --plugin", file, dir)
	}
	if newer := scaffold.Stale(dir, file); newer != "" {
		fmt.Fprintf(r.errOut, "wicket: %s is newer than %s: run wicket plugin build\n", newer, file)
	}
	return file, nil
}

func runCases(ctx context.Context, file string, suites []*cases.Suite, only string) ([]*cases.Result, error) {
	binary, err := module(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read plugin: %w", err)
	}
	runner, err := cases.NewRunner(binary, file, moduleCache())
	if err != nil {
		return nil, err
	}
	defer runner.Close()
	var results []*cases.Result
	for _, s := range suites {
		for _, c := range s.Cases {
			if strings.Contains(c.Name, only) {
				results = append(results, runner.Run(ctx, s, c))
			}
		}
	}
	if len(results) == 0 {
		return nil, fmt.Errorf("no case has %q in its name", only)
	}
	return results, nil
}

func (r *caseRun) report(results []*cases.Result) error {
	if r.update {
		n, err := cases.Update(results)
		fmt.Fprintf(r.errOut, "wicket: %d answers written\n", n)
		if err != nil {
			return err
		}
	}
	passed := 0
	for _, one := range results {
		if one.Pass {
			passed++
		}
	}
	if r.output == "json" {
		e := json.NewEncoder(r.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(results); err != nil {
			return err
		}
	} else {
		printResults(r.out, results)
		fmt.Fprintf(r.out, "\n%d of %d cases pass\n", passed, len(results))
	}
	if passed < len(results) && !r.update {
		return errCases
	}
	return nil
}

func printResults(w io.Writer, results []*cases.Result) {
	width := 0
	for _, r := range results {
		width = max(width, len([]rune(r.Name)))
	}
	file := ""
	for _, r := range results {
		if r.File != file {
			file = r.File
			fmt.Fprintln(w, file)
		}
		verdict := "pass"
		if !r.Pass {
			verdict = "FAIL"
		}
		fmt.Fprintf(w, "  %s  %-*s  %-6s %s\n", verdict, width, r.Name, decided(r), r.Took.Round(100*time.Microsecond))
		if r.Pass {
			continue
		}
		for _, s := range r.Steps {
			if s.Diff != "" {
				fmt.Fprintln(w, "        - expected, + answered")
				fmt.Fprint(w, indent(s.Diff, "        "))
			}
		}
		for _, n := range r.Notes {
			fmt.Fprint(w, indent(n+"\n", "        "))
		}
	}
}

// decided is the decision of the last question.
func decided(r *cases.Result) string {
	if len(r.Steps) == 0 {
		return "-"
	}
	return or(r.Steps[len(r.Steps)-1].Got.Decision, "-")
}

func indent(text, by string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(by + line)
	}
	return b.String()
}
