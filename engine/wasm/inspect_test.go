package wasm

import (
	"slices"
	"strings"
	"testing"

	"github.com/wicketmq/wicket/plugins"
)

func TestInspect(t *testing.T) {
	h := newHost(t, HostOptions{CacheDir: goCache})
	module, _ := plugins.Builtin("password")
	info, err := h.Inspect(t.Context(), module)
	if err != nil {
		t.Fatal(err)
	}
	if info.Language != "Go" || !strings.HasPrefix(info.ABI, "1.") || !slices.Equal(info.Grants, []string{"password"}) || len(info.Problems) > 0 ||
		info.Size != len(module) || info.StartMemory == 0 || info.Start <= 0 || info.Functions == 0 || info.Memory.Min == 0 {
		t.Errorf("%+v", info)
	}
	if !slices.Contains(info.Hooks, "wicket_authenticate") || !slices.Contains(info.Hooks, "wicket_completed") {
		t.Errorf("hooks %q", info.Hooks)
	}
	verify := slices.IndexFunc(info.Imports, func(f Function) bool { return f.Name == "password_verify" })
	if verify < 0 || info.Imports[verify] != (Function{"wicket", "password_verify", "(i64, i32, i32) -> i64", "password"}) {
		t.Errorf("imports %+v", info.Imports)
	}
}

// What is wrong is listed, each by itself, and nothing of such a module runs.
func TestInspectProblems(t *testing.T) {
	h := newHost(t, HostOptions{})
	empty := []byte("\x00asm\x01\x00\x00\x00")
	info, err := h.Inspect(t.Context(), empty)
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Problems) < 3 || info.ABI != "" || info.StartMemory != 0 {
		t.Errorf("%q", info.Problems)
	}
	if _, err := h.Inspect(t.Context(), []byte("#!/bin/sh")); err == nil || !strings.Contains(err.Error(), "not a WebAssembly binary") {
		t.Error(err)
	}
}

// The producers section is foreign text like any other.
func TestProducersMalformed(t *testing.T) {
	section := func(body string) []byte {
		return append([]byte("\x00asm\x01\x00\x00\x00\x00"), append([]byte{byte(len(body))}, body...)...)
	}
	for body, want := range map[string]int{
		"\x09producers\x01\x08language\x01\x02Go\x041.26": 1,
		"\x09producers\x01\x08language\x02\x02Go\x041.26": 1,
		"\x09producers\xff\xff\xff\xff\x0f":               0,
		"\x09producers\x01\x08lang":                       0,
		"\x09prod":                                        0,
	} {
		if got := producers(section(body)); len(got) != want {
			t.Errorf("%q: %q", body, got)
		}
	}
}
