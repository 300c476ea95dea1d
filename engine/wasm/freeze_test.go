package wasm

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "add to ../../sdk/abi-v1.golden what is new")

const (
	frozen = "../../sdk/abi-v1.golden"
	proto  = "../../sdk/wicket.proto"
	page   = "../../sdk/ABI.md"
)

// TestFrozen holds version 1 of the ABI to the list that is frozen: what the host
// offers and calls, and the messages. A line that is there stays for ever; new
// ones are added by -update.
func TestFrozen(t *testing.T) {
	text, err := os.ReadFile(frozen)
	if err != nil && !*update {
		t.Fatal(err)
	}
	have, is := golden(string(text)), append(tables(), messages(t)...)
	slices.Sort(is)
	for _, line := range have {
		if !slices.Contains(is, line) {
			t.Errorf("gone, or changed: %s", line)
		}
	}
	if t.Failed() {
		t.Fatal("version 1 of the ABI only ever grows: put it back")
	}
	if slices.Equal(have, is) {
		return
	}
	if *update {
		head := "# Version 1 of the plugin ABI, frozen: lines are added by go test ./engine/wasm -run Frozen -update, and never changed.\n"
		if err := os.WriteFile(frozen, []byte(head+strings.Join(is, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, line := range is {
		if !slices.Contains(have, line) {
			t.Errorf("new; -update adds it, for ever: %s", line)
		}
	}
}

func golden(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines
}

// tables are what the host knows.
func tables() (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for name, e := range exports {
		if e.required {
			add("export %s%s required", name, e.signature)
		} else {
			add("export %s%s", name, e.signature)
		}
	}
	add("export %s", exportMemory)
	for name, i := range imports {
		add("%s", strings.TrimSpace(fmt.Sprintf("import %s%s %s", name, i.signature, i.grant)))
	}
	for name, bit := range grants {
		add("feature %d %s", bit, name)
	}
	add("feature %d events", featureEvents)
	for name, code := range map[string]int32{"DENY": codeDeny, "ALLOW": codeAllow, "NEXT": codeNext, "PENDING": codePending, "CONTINUE": codeContinue} {
		add("code %d %s", code, name)
	}
	for name, bit := range map[string]int{"authenticate": hearsAuthenticate, "authorize": hearsAuthorize, "client_hello": hearsHello, "event": hearsEvent} {
		add("hears %d %s", bit, name)
	}
	add("result resolve: %d accepted, %d unknown, %d malformed", resolveOK, resolveUnknown, resolveMalformed)
	add("result of calls: %d not granted, %d too many, %d malformed", callNotGranted, callTooMany, callMalformed)
	return lines
}

var (
	blockStart = regexp.MustCompile(`^(message|enum) (\w+) \{`)
	fieldLine  = regexp.MustCompile(`^  (?:(repeated) )?(?:(\w+) )?(\w+) = (\d+)(?: \[packed = false\])?;`)
)

// messages are the fields and values of wicket.proto.
func messages(t *testing.T) (lines []string) {
	text, err := os.ReadFile(proto)
	if err != nil {
		t.Fatal(err)
	}
	kind, block := "", ""
	for line := range strings.Lines(string(text)) {
		if m := blockStart.FindStringSubmatch(line); m != nil {
			kind, block = m[1], m[2]
			continue
		}
		m := fieldLine.FindStringSubmatch(line)
		switch {
		case m == nil && strings.HasPrefix(line, "  ") && !strings.HasPrefix(strings.TrimSpace(line), "//"):
			t.Errorf("cannot read %q", line)
		case m != nil && kind == "enum":
			lines = append(lines, fmt.Sprintf("enum %s %s %s", block, m[4], m[3]))
		case m != nil:
			lines = append(lines, fmt.Sprintf("message %s %s %s", block, m[4], strings.TrimSpace(m[1]+" "+m[2])+" "+m[3]))
		}
	}
	if len(lines) < 100 {
		t.Errorf("%d lines of messages", len(lines))
	}
	return lines
}

// TestEnums: numbers that the host uses are those of wicket.proto.
func TestEnums(t *testing.T) {
	is := messages(t)
	for name, n := range map[string]int{
		"enum Status %d OK": int(statusOK), "enum Status %d MISMATCH": int(statusMismatch), "enum Status %d TIMEOUT": int(statusTimeout),
		"enum Status %d REFUSED": int(statusRefused), "enum Status %d MALFORMED": int(statusMalformed), "enum Status %d FAILED": int(statusFailed),
	} {
		if line := fmt.Sprintf(name, n); !slices.Contains(is, line) {
			t.Errorf("wicket.proto has no %q", line)
		}
	}
}

// TestPage: the page names every import and export.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(slices.Sorted(maps.Keys(imports)), slices.Sorted(maps.Keys(exports))) {
		if !regexp.MustCompile("`" + name + "[`(]").Match(text) {
			t.Errorf("sdk/ABI.md does not name %s", name)
		}
	}
}

// TestTables: each import has a function, and each function is in the table.
func TestTables(t *testing.T) {
	if a, b := slices.Sorted(maps.Keys(imports)), slices.Sorted(maps.Keys(hostFuncs)); !slices.Equal(a, b) {
		t.Errorf("imports %q, functions %q", a, b)
	}
}
