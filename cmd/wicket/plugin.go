package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/engine/control"
)

func pluginCommand() *cobra.Command {
	var t target
	return t.group("plugin", "Plugins: those of a running broker, and tools to write your own", pluginListCommand(),
		pluginNewCommand(), pluginBuildCommand(), pluginTestCommand(), pluginInspectCommand(),
		pluginBenchCommand(), pluginDevCommand())
}

func pluginListCommand() *cobra.Command {
	var t target
	c := show(&t, "list", "Show the plugins of a running broker, in the order in which they are asked", "/v1/plugins", printPlugins)
	c.Example = `  wicket plugin list
  wicket plugin list --data /var/lib/wicket -o json`
	return t.flags(c)
}

func printPlugins(w io.Writer, plugins []control.Plugin) {
	var rows [][]string
	for i := range plugins {
		p := &plugins[i]
		rows = append(rows, []string{
			p.Name, p.File, strings.Join(p.Asked, ", "), p.SHA256[:min(12, len(p.SHA256))], p.ABI, when(p.Loaded), fmt.Sprintf("%d/%d", p.Up, p.Workers),
			fmt.Sprint(p.Requests), fmt.Sprint(p.Failed()), perCall(p), p.Breaker,
		})
	}
	table(w, "no plugin is in auth.chain", []string{"PLUGIN", "FILE", "ASKED ABOUT", "SHA256", "ABI", "LOADED", "UP", "REQUESTS", "FAILED", "PER CALL", "BREAKER"}, rows)
}

// perCall is the mean time of a call into the guest.
func perCall(p *control.Plugin) string {
	if p.Calls == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f µs", p.Seconds/float64(p.Calls)*1e6)
}
