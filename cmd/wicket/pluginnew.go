package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/cmd/wicket/scaffold"
)

func pluginNewCommand() *cobra.Command {
	var language string
	c := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a directory with a new plugin, its SDK and a first file of cases",
		Long: `Make the directory NAME with a plugin that asks an HTTP server who may come in,
the SDK of its language, which comes out of this program, and a file of cases
that it passes. Nothing is fetched from the network.`,
		Example: `  wicket plugin new door && cd door && wicket plugin build && wicket plugin test`,
		Args:    exactly("the name of the plugin", 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := scaffold.New(args[0], language); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is there. Go on with:\n  cd %s\n  wicket plugin build\n  wicket plugin test\n", args[0], args[0])
			return nil
		},
	}
	c.Flags().StringVar(&language, "lang", scaffold.Languages()[0], strings.Join(scaffold.Languages(), ", "))
	return c
}

func pluginBuildCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "build [DIR]",
		Short: "Compile the plugin in a directory with the toolchain of its language",
		Long: `Compile the plugin in a directory, the current one unless named, to a module that
is called like the directory. The toolchain of its language has to be there;
what to install is said when it is not. A directory without an SDK is built with
the one that is in this program. The module is replaced in one step: a running
broker that uses it loads the new one.`,
		Example: `  wicket plugin build
  wicket plugin build door --out /etc/wicket/door.wasm`,
		Args: atMostOne("the directory of a plugin"),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			begin := time.Now()
			file, err := output(dir, out)
			if err != nil {
				return err
			}
			if err := scaffold.Build(c.Context(), dir, file); err != nil {
				return err
			}
			info, err := os.Stat(file)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %s in %s\n", file, size(info.Size()), time.Since(begin).Round(100*time.Millisecond))
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", "the module to write, a `file`")
	return c
}

// atMostOne wants no argument, or one.
func atMostOne(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usageError{fmt.Errorf("want %s; see %s --help", what, c.CommandPath())}
		}
		return nil
	}
}

// output is the file to build.
func output(dir, out string) (string, error) {
	if out != "" {
		return out, nil
	}
	file, err := scaffold.Output(dir)
	return filepath.Clean(file), err
}
