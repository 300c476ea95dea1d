package main

import (
	"strings"
	"testing"

	"github.com/wicketmq/wicket/plugins/builtintest"
	"github.com/wicketmq/wicket/sdk/plugintest/cases"
)

// The module that the broker has built in, on the broker's own host, which verifies
// the signatures. Neither tokens nor secrets are in what it logs.
func TestCases(t *testing.T) {
	r := builtintest.Runner(t, "jwt", "1.3")
	suites, err := cases.Read("testdata")
	if err != nil {
		t.Fatal(err)
	}
	logged := 0
	for _, s := range suites {
		for _, c := range s.Cases {
			t.Run(c.Name, func(t *testing.T) {
				res := r.Run(t.Context(), s, c)
				for _, step := range res.Steps {
					if step.Diff != "" {
						t.Errorf("- expected, + answered\n%s%s", step.Diff, strings.Join(res.Notes, "\n"))
					}
				}
				c.Expect = &cases.Verdict{Logs: []string{}} // the log is shown
				logged += secretive(t, r.Run(t.Context(), s, c))
			})
		}
	}
	if logged == 0 {
		t.Error("nothing is logged")
	}
}

// secretive returns the number of lines that a case has logged.
func secretive(t *testing.T, res *cases.Result) (lines int) {
	t.Helper()
	for _, step := range res.Steps {
		for _, line := range step.Got.Logs {
			lines++
			for _, secret := range []string{"eyJ", "hunter2", "wicket-cases-secret", "emqxsecret"} {
				if strings.Contains(line, secret) {
					t.Errorf("logs %q", line)
				}
			}
		}
	}
	return lines
}
