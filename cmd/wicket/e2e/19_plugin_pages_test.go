package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/sdk/plugintest/cases"
)

// docs/plugins/README.md is followed as a new author would, in an empty
// directory, in each language: every command is run, what is shown has to be
// seen, and the plugin is live in a broker at the end. Only the ports are others.
func TestFirstPluginPage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds plugins")
	}
	need(t, "python3")
	for _, c := range toolchains {
		t.Run(c.language, func(t *testing.T) {
			t.Parallel()
			c.needed(t)
			web, mqtt := fmt.Sprint(freePort(t)), fmt.Sprint(freePort(t))
			said := strings.NewReplacer("8000", web, "1883", mqtt,
				"plugin new door", "plugin new door --lang "+c.language, "language Go …\n", c.inspected())
			dir := firstPlugin(t, said, web, buildPath(c.language == "rust"))
			looksRight(t, dir, c.said)
			brokenSource(t, dir, c.source)
		})
	}
}

// inspected is the line that wicket plugin inspect has about the language.
func (c toolchain) inspected() string {
	if c.said == "" {
		return ""
	}
	return "language " + c.said + " …\n"
}

// firstPlugin does what the page says, as changed by said, and returns the
// directory of the plugin.
func firstPlugin(t *testing.T, said *strings.Replacer, web, path string) string {
	t.Helper()
	r := reader{t: t, dir: t.TempDir()}
	for _, m := range codeBlock.FindAllStringSubmatch(read(t, "../../../docs/plugins/README.md"), -1) {
		kind, text := m[1], said.Replace(m[2])
		switch {
		case kind == "python":
			write(t, filepath.Join(r.dir, "backend.py"), text)
		case kind == "yaml":
			write(t, filepath.Join(r.dir, "wicket.yaml"), text)
		case kind == "":
			r.sees(text)
		case strings.HasPrefix(text, "python3 "):
			backend(t, r.dir, web)
		case strings.HasPrefix(text, "wicket run "):
			launchIn(t, r.dir, strings.Fields(text)[2:]...).addr("tcp:default")
		case strings.HasPrefix(text, "mosquitto_sub "):
			r.converses(strings.Split(strings.TrimSpace(text), "\n"))
		default:
			script := "PATH=" + filepath.Dir(binary) + ":" + path + "\n" + text
			r.said = must(t, r.dir, "sh", "-e", "-c", script).out
			if _, after, ok := strings.Cut(text, "cd "); ok {
				r.dir = filepath.Join(r.dir, strings.Fields(after)[0])
			}
		}
		if t.Failed() {
			t.Fatalf("in the block\n%s", text)
		}
	}
	if r.outputs != 2 || r.messages != 1 {
		t.Errorf("the page shows %d outputs and exchanges %d messages", r.outputs, r.messages)
	}
	return r.dir
}

// backend runs the page's server until the test ends.
func backend(t *testing.T, dir, port string) {
	t.Helper()
	c := exec.Command("python3", "backend.py")
	c.Dir = dir
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	eventually(t, "the backend listens", patience, func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// The file of cases in docs/plugins/testing.md is one.
func TestTestingPage(t *testing.T) {
	t.Parallel()
	n := 0
	for _, m := range codeBlock.FindAllStringSubmatch(read(t, "../../../docs/plugins/testing.md"), -1) {
		if m[1] == "yaml" {
			n++
			if _, err := cases.Parse("cases.yaml", []byte(m[2])); err != nil {
				t.Errorf("%v in\n%s", err, m[2])
			}
		}
	}
	if n != 1 {
		t.Errorf("%d files", n)
	}
}

// Every page on plugins leads somewhere.
func TestPluginPageLinks(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../../docs/plugins/*.md")
	if err != nil || len(pages) < 6 {
		t.Fatal(pages, err)
	}
	for _, page := range pages {
		for _, link := range strings.Split(read(t, page), "](")[1:] {
			to, _, _ := strings.Cut(link, ")")
			to, _, _ = strings.Cut(to, "#")
			if to == "" || strings.Contains(to, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), to)); err != nil {
				t.Errorf("%s links to %s", page, to)
			}
		}
	}
}
