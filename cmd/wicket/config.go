package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/engine/config"
)

func configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check, explain and print configurations",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q; see wicket config --help", args[0])}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		configCheckCommand(),
		configExplainCommand(),
		configPrintCommand("default", "Print the annotated configuration file to start from", config.Sample),
		configPrintCommand("schema", "Print the JSON Schema of a configuration file, for editors", config.JSONSchema),
	)
	return c
}

// noArgs is cobra.NoArgs with the exit code for wrong usage.
func noArgs(c *cobra.Command, args []string) error {
	if err := cobra.NoArgs(c, args); err != nil {
		return usageError{err}
	}
	return nil
}

// configSources are the files given with -c, or else what a broker without a
// file runs with; the environment counts in both.
func configSources(files []string) config.Sources {
	src := config.Sources{Files: files, Env: config.Environ(), Convert: new(imports).convert}
	if len(files) == 0 {
		src.Base = config.Development
	}
	return src
}

func configFilesFlag(c *cobra.Command, files *[]string) {
	c.Flags().StringArrayVarP(files, "config", "c", nil, "configuration `file` (.yaml, .toml, .json, or .conf of EMQX); repeat to layer several")
}

func configExplainCommand() *cobra.Command {
	var files []string
	c := &cobra.Command{
		Use:   "explain KEY",
		Short: "Say what a key means, and where its value comes from",
		Example: `  wicket config explain mqtt.idle_timeout
  wicket config explain listeners.tls.default.tls.verify -c wicket.yaml`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("name one key, as in: wicket config explain mqtt.idle_timeout")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return configExplain(c.OutOrStdout(), args[0], files) },
	}
	configFilesFlag(c, &files)
	return c
}

func configExplain(out io.Writer, key string, files []string) error {
	cfg, report, bad := config.Load(configSources(files))
	x, err := config.Explain(key, cfg, report)
	if err != nil {
		return usageError{err}
	}
	fmt.Fprintf(out, "%s\n  %s\n\n", x.Key, x.Doc)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "  %-12s %s\n", name, value)
		}
	}
	row("type", x.Type)
	row("below it", strings.Join(x.Below, ", "))
	row("default", x.Default)
	row("environment", x.Env)
	if x.Restart {
		row("change", "takes effect at restart")
	} else {
		row("change", "takes effect on reload")
	}
	if x.Set {
		row("value", x.Value)
		row("from", x.Origin.String())
	}
	return bad
}

func configPrintCommand(name, short string, text func() string) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := io.WriteString(c.OutOrStdout(), text())
			return err
		},
	}
}
