package e2e

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/engine/cert"
)

// docs/tls.md is followed as a reader would, block by block: yaml becomes a
// file, shell is run, "wicket run" stays running until the next one, servers
// until the end, a pair of mosquitto lines has to exchange its message, and
// what a command is said to print it has to print. Only the ports are others.
func TestTLSPage(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"openssl", "mosquitto_sub", "python3", "haproxy"} {
		need(t, program)
	}
	r := reader{t: t, dir: t.TempDir(), ports: map[string]string{}}
	page := read(t, "../../../docs/tls.md")
	last := 0
	for _, at := range codeBlock.FindAllStringSubmatchIndex(page, -1) {
		kind, text := page[at[2]:at[3]], r.at(page[at[4]:at[5]])
		follows := strings.TrimSpace(page[last:at[0]]) == ""
		last = at[1]
		switch {
		case kind == "yaml":
			r.configures(text)
		case kind == "haproxy":
			write(t, filepath.Join(r.dir, "haproxy.cfg"), text)
		case kind == "sh":
			r.types(text)
		case kind != "":
			t.Errorf("nobody tests blocks of %q", kind)
		case follows:
			r.sees(text)
		}
		if t.Failed() {
			t.Fatalf("in the block\n%s", text)
		}
	}
	if want := strings.Count(page, "\nmosquitto_sub "); r.messages != want || want < 4 || r.outputs < 4 || r.broker == nil {
		t.Errorf("the page exchanges %d messages, want %d, and shows %d outputs", r.messages, want, r.outputs)
	}
}

var codeBlock = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// reader is somebody who follows a page.
type reader struct {
	t        *testing.T
	dir      string
	broker   *process
	port     string            // where the broker listens in place of 8883
	ports    map[string]string // in place of the others
	said     string            // by the last commands
	messages int
	outputs  int
}

var otherPorts = regexp.MustCompile(`\b(1883|8884|8080|9877)\b`)

// at puts other ports in place of the page's.
func (r *reader) at(text string) string {
	return otherPorts.ReplaceAllStringFunc(text, func(port string) string {
		if r.ports[port] == "" {
			r.ports[port] = fmt.Sprint(freePort(r.t))
		}
		return r.ports[port]
	})
}

// configures writes wicket.yaml, or the file that the first line names.
func (r *reader) configures(text string) {
	r.t.Helper()
	name, whole := "wicket.yaml", strings.Contains(text, "bind: 0.0.0.0:8883")
	if m := regexp.MustCompile(`^# (\w+\.yaml)\n`).FindStringSubmatch(text); m != nil {
		name = m[1]
	} else if !whole {
		r.t.Fatalf("where does this listen?\n%s", text)
	}
	write(r.t, filepath.Join(r.dir, name), strings.Replace(text, "0.0.0.0:8883", "127.0.0.1:0", 1))
}

func (r *reader) types(block string) {
	r.t.Helper()
	r.said = ""
	block = strings.ReplaceAll(block, "bin/wicket", binary)
	if r.port != "" {
		block = strings.NewReplacer("-p 8883", "-p "+r.port, "localhost:8883", "localhost:"+r.port).Replace(block)
	}
	lines := strings.Split(strings.TrimSpace(block), "\n")
	if strings.HasPrefix(lines[0], "mosquitto_sub") {
		r.converses(lines)
		return
	}
	if m := server.FindStringSubmatch(lines[0]); m != nil && len(lines) == 1 {
		r.serves(lines[0])
		return
	}
	last := len(lines) - 1
	args, runs := strings.CutPrefix(lines[last], binary+" run ")
	if runs {
		lines = lines[:last]
	}
	if len(lines) > 0 {
		out := must(r.t, r.dir, "sh", "-e", "-c", strings.Join(lines, "\n"))
		r.said = out.out + out.errOut
	}
	if runs {
		r.runs(strings.Fields(args))
	}
}

// converses lets two lines exchange the message of the second.
func (r *reader) converses(lines []string) {
	r.t.Helper()
	m := regexp.MustCompile(` -t (\S+) -m (\S+)$`).FindStringSubmatch(lines[1])
	if m == nil || len(lines) != 2 {
		r.t.Fatalf("what is the message of %q?", lines)
	}
	if got := converse(r.t, r.dir, lines[0], lines[1]); got != m[1]+" "+m[2] {
		r.t.Errorf("%s shows %q", lines[0], got)
	}
	r.messages++
}

// server is a command that does not end.
var server = regexp.MustCompile(`^(haproxy|python3 -m http\.server|openssl ocsp -port) `)

// serves starts a command that does not end, and waits until it listens.
func (r *reader) serves(line string) {
	r.t.Helper()
	c := exec.Command("sh", "-c", "exec "+line)
	var said output
	c.Dir, c.Stdout, c.Stderr = r.dir, &said, &said
	if err := c.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if r.t.Failed() {
			r.t.Logf("%s:\n%s", line, said.String())
		}
	})
	port := r.ports["8884"] // haproxy has it in its file
	for _, p := range r.ports {
		if strings.Contains(line, p) {
			port = p
		}
	}
	eventually(r.t, line, patience, func() bool {
		if strings.HasPrefix(line, "openssl ") { // a connection without a question confuses it
			return strings.Contains(said.String(), "waiting for OCSP client")
		}
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func (r *reader) runs(args []string) {
	r.t.Helper()
	if r.broker != nil {
		r.broker.end()
	}
	r.broker = launchIn(r.t, r.dir, args...)
	_, r.port = hostPort(r.t, r.broker.addr("tls:default"))
	if slices.Contains(args, "stapling.yaml") { // a reader is not as quick as this
		r.broker.wait("OCSP answer stapled", patience)
	}
	if warnings, _ := r.broker.find(""); slices.ContainsFunc(warnings, isWarning) {
		r.t.Logf("the page's configuration is warned about:\n%s", r.broker.transcript())
	}
}

// sees compares what was printed with lines of the page, in which an ellipsis
// stands for anything within a line.
func (r *reader) sees(lines string) {
	r.t.Helper()
	r.outputs++
	for line := range strings.Lines(lines) {
		var parts []string
		for part := range strings.SplitSeq(strings.TrimSpace(line), "…") {
			words := strings.Fields(part)
			for i := range words {
				words[i] = regexp.QuoteMeta(words[i])
			}
			parts = append(parts, strings.Join(words, `\s+`))
		}
		if !regexp.MustCompile("(?m)" + strings.Join(parts, `[^\n]*`)).MatchString(r.said) {
			r.t.Errorf("the page shows %q, and it is not printed:\n%s", strings.TrimSpace(line), r.said)
		}
	}
}

// Every reason that the log can give for a refused handshake is explained.
func TestTLSPageKnowsEveryReason(t *testing.T) {
	for _, name := range []string{"tls.md", "tls.zh.md"} {
		_, table, _ := strings.Cut(read(t, "../../../docs/"+name), "| `reason` |")
		for _, reason := range cert.Reasons {
			row := regexp.MustCompile(fmt.Sprintf("(?m)^\\|[^|]*`%s`[^|]*\\|[^|]+\\|", reason))
			if !row.MatchString(table) {
				t.Errorf("docs/%s does not explain reason %q", name, reason)
			}
		}
	}
}

// The page in Chinese has the same commands and files, and as many headings,
// rows and items: what is tested of one holds for the other.
func TestTLSPageInChinese(t *testing.T) {
	english, chinese := read(t, "../../../docs/tls.md"), read(t, "../../../docs/tls.zh.md")
	a, b := codeBlock.FindAllString(english, -1), codeBlock.FindAllString(chinese, -1)
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("block %d differs:\n%s\n%s", i+1, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		t.Errorf("%d blocks in English, %d in Chinese", len(a), len(b))
	}
	for what, pattern := range map[string]string{"headings": `(?m)^#+ `, "rows": `(?m)^\|`, "items": `(?m)^\* `} {
		p := regexp.MustCompile(pattern)
		if n, m := len(p.FindAllString(codeBlock.ReplaceAllString(english, ""), -1)), len(p.FindAllString(codeBlock.ReplaceAllString(chinese, ""), -1)); n != m {
			t.Errorf("%d %s in English, %d in Chinese", n, what, m)
		}
	}
}
