package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/wasm"
	"github.com/wicketmq/wicket/plugins"
)

func pluginInspectCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "inspect FILE.wasm|builtin:NAME",
		Short: "Show what a plugin is, which questions it wants to be asked, and what it must be granted",
		Long: `Show what a module is and wants: its hooks, its imports and the grants that they
need with the lines of configuration to write, its memory, and the version of
the ABI. One instance is started in the sandbox to ask it for that version; it
is given no configuration. Exit code 1 says that a broker would refuse it.`,
		Example: `  wicket plugin inspect door.wasm
  wicket plugin inspect builtin:password -o json`,
		Args: exactly("the module", 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			return inspect(c, args[0], output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table for people, json for programs")
	return c
}

// exactly wants a number of arguments, or says which.
func exactly(what string, n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("want %s; see %s --help", what, c.CommandPath())}
		}
		return nil
	}
}

func checkOutput(output string) error {
	if output != "table" && output != "json" {
		return usageError{fmt.Errorf("--output %q: write table or json", output)}
	}
	return nil
}

// module reads a plugin from its file, or one that comes with the broker.
func module(name string) ([]byte, error) {
	if builtin, ok := strings.CutPrefix(name, config.BuiltinPrefix); ok {
		b, ok := plugins.Builtin(builtin)
		if !ok {
			return nil, fmt.Errorf("there is no built-in plugin %q; there is %s", builtin, strings.Join(plugins.Names, ", "))
		}
		return b, nil
	}
	return os.ReadFile(name)
}

// moduleCache is where compiled modules are kept between runs of the tools:
// the user's own, since whoever can write there can run code.
func moduleCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "wicket", "plugins")
}

// inspectingHost uses the tools' cache of compiled modules, unless somebody else
// may have touched it.
func inspectingHost() (*wasm.Host, error) {
	options := wasm.HostOptions{CacheDir: moduleCache(), Log: slog.New(slog.DiscardHandler)}
	if host, err := wasm.NewHost(options); err == nil {
		return host, nil
	}
	options.CacheDir = ""
	return wasm.NewHost(options)
}

func inspect(c *cobra.Command, name, output string) error {
	binary, err := module(name)
	if err != nil {
		return fmt.Errorf("cannot inspect: %w", err)
	}
	host, err := inspectingHost()
	if err != nil {
		return err
	}
	defer host.Close()
	info, err := host.Inspect(c.Context(), binary)
	if err != nil {
		return fmt.Errorf("cannot inspect %q: %w", name, err)
	}
	if output == "json" {
		e := json.NewEncoder(c.OutOrStdout())
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		err = e.Encode(info)
	} else {
		printInfo(c.OutOrStdout(), name, info)
	}
	if err == nil && len(info.Problems) > 0 {
		return fmt.Errorf("a broker would refuse %q", name)
	}
	return err
}

// hookTexts say what a hook is for.
var hookTexts = map[string]string{
	"wicket_client_hello":  "is asked who may begin a TLS handshake",
	"wicket_authenticate":  "is asked who may connect",
	"wicket_authorize":     "is asked about topics that the session's rules leave open",
	"wicket_auth_continue": "is given what a client answers in an exchange (AUTH)",
	"wicket_event":         "is told of what has happened, as `events` says",
	"wicket_timer":         "is called by the timers that it sets",
	"wicket_completed":     "hears the outcome of what it asks the broker to do",
	"wicket_unload":        "is told before it ends",
}

func printInfo(w io.Writer, name string, i *wasm.Info) {
	rows := [][]string{
		{"size", size(int64(i.Size))}, {"sha256", i.SHA256}, {"abi", i.ABI}, {"language", i.Language},
		{"made by", strings.Join(i.Producers, "; ")},
		{"memory", extent(i.Memory, 64<<10)}, {"after start", size(int64(i.StartMemory))},
		{"functions", fmt.Sprint(i.Functions)}, {"tables", tables(i.Tables)},
	}
	for _, r := range rows {
		fmt.Fprintf(w, "%-12s %s\n", r[0], cell(r[1]))
	}
	fmt.Fprintln(w, "\nhooks")
	for _, h := range i.Hooks {
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-22s %s", h, or(hookTexts[h], "this broker does not call it")), " "))
	}
	fmt.Fprintln(w, "\nimports")
	for _, f := range i.Imports {
		grant := ""
		if f.Grant != "" {
			grant = "needs the grant " + f.Grant
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-44s %-34s %s", cell(f.Module+"."+f.Name), cell(f.Signature), grant), " "))
	}
	if len(i.Problems) > 0 {
		fmt.Fprintln(w, "\nproblems")
		for _, p := range i.Problems {
			fmt.Fprintln(w, "  "+cell(p))
		}
		return
	}
	fmt.Fprint(w, "\nconfiguration\n"+configLines(name, i))
}

// configLines are what a broker needs to run a plugin.
func configLines(file string, i *wasm.Info) string {
	name := strings.TrimSuffix(filepath.Base(file), ".wasm")
	grants, builtin := i.Grants, false
	if after, ok := strings.CutPrefix(file, config.BuiltinPrefix); ok {
		name, builtin = after, true
	}
	text := fmt.Sprintf("  plugins:\n    %s:\n      file: %s\n", name, file)
	if len(grants) > 0 && !builtin { // those that come with the broker have what they need
		text += fmt.Sprintf("      grants: [%s]\n", strings.Join(grants, ", "))
	}
	for _, g := range grants {
		if g == wasm.GrantHTTP {
			text += "      upstreams: [] # the names that it asks, as under the key upstreams\n"
		}
		if g == wasm.GrantKV {
			text += "      kv: { max_bytes: 16MB } # what it may keep\n"
		}
	}
	if slices.Contains(i.Hooks, "wicket_event") {
		text += "      # events: [connected, disconnected, refused, subscribed, unsubscribed, denied] # if it hears them\n"
	}
	return text + fmt.Sprintf("  auth:\n    chain: [%s]\n", name)
}

func extent(e wasm.Extent, unit int64) string {
	text := "at least " + size(int64(e.Min)*unit)
	if e.Max > 0 {
		text += ", at most " + size(int64(e.Max)*unit)
	}
	return text
}

func tables(list []wasm.Extent) string {
	var out []string
	for _, e := range list {
		text := fmt.Sprintf("%d entries", e.Min)
		if e.Max > 0 {
			text += fmt.Sprintf(", at most %d", e.Max)
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

func or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
