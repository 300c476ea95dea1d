package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/cert"
)

// docs/tls.md is followed as a reader would, block by block: yaml becomes
// wicket.yaml, shell is run, "wicket run" stays running until the next one, and
// a pair of mosquitto lines has to exchange its message. Only the port is
// another.
func TestTLSPage(t *testing.T) {
	t.Parallel()
	need(t, "openssl")
	need(t, "mosquitto_sub")
	r := reader{t: t, dir: t.TempDir()}
	page := read(t, "../../../docs/tls.md")
	for _, block := range regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```").FindAllStringSubmatch(page, -1) {
		switch kind, text := block[1], block[2]; kind {
		case "yaml":
			if !strings.Contains(text, "bind: 0.0.0.0:8883") {
				t.Fatalf("where does this listen?\n%s", text)
			}
			write(t, filepath.Join(r.dir, "wicket.yaml"), strings.Replace(text, "0.0.0.0:8883", "127.0.0.1:0", 1))
		case "sh":
			r.types(text)
		default:
			t.Errorf("nobody tests blocks of %q", kind)
		}
	}
	if r.messages != 2 || r.broker == nil {
		t.Errorf("the page exchanges %d messages, want one in each direction of the story", r.messages)
	}
}

// reader is somebody who follows a page.
type reader struct {
	t        *testing.T
	dir      string
	broker   *process
	port     string
	messages int
}

func (r *reader) types(block string) {
	r.t.Helper()
	block = strings.ReplaceAll(block, "bin/wicket", binary)
	if r.port != "" {
		block = strings.NewReplacer("-p 8883", "-p "+r.port, "localhost:8883", "localhost:"+r.port).Replace(block)
	}
	lines := strings.Split(strings.TrimSpace(block), "\n")
	if strings.HasPrefix(lines[0], "mosquitto_sub") {
		if got := converse(r.t, r.dir, lines[0], lines[1]); got != "t/1 hello" {
			r.t.Errorf("%s shows %q", lines[0], got)
		}
		r.messages++
		return
	}
	last := len(lines) - 1
	args, runs := strings.CutPrefix(lines[last], binary+" run ")
	if runs {
		lines = lines[:last]
	}
	if len(lines) > 0 {
		must(r.t, r.dir, "sh", "-e", "-c", strings.Join(lines, "\n"))
	}
	if runs {
		r.runs(strings.Fields(args))
	}
}

func (r *reader) runs(args []string) {
	r.t.Helper()
	if r.broker != nil {
		r.broker.end()
	}
	r.broker = launchIn(r.t, r.dir, args...)
	_, r.port = hostPort(r.t, r.broker.addr("tls:default"))
	if warnings, _ := r.broker.find(""); slices.ContainsFunc(warnings, isWarning) {
		r.t.Logf("the page's configuration is warned about:\n%s", r.broker.transcript())
	}
}

// Every reason that the log can give for a refused handshake is explained.
func TestTLSPageKnowsEveryReason(t *testing.T) {
	page := read(t, "../../../docs/tls.md")
	_, table, _ := strings.Cut(page, "| `reason` |")
	for _, reason := range cert.Reasons {
		row := regexp.MustCompile(fmt.Sprintf("(?m)^\\|[^|]*`%s`[^|]*\\|", reason))
		if !row.MatchString(table) {
			t.Errorf("docs/tls.md does not explain reason %q", reason)
		}
	}
}
