// Command wicket is the broker and the tools around it. The main package only
// wires the command line; everything else lives below engine.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/signer"
)

// Exit codes, the same for every subcommand.
const (
	exitOK      = 0
	exitRuntime = 1
	exitUsage   = 2
	exitConfig  = 3
	exitLosses  = 4 // "wicket import" left keys behind
)

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func main() { os.Exit(run(os.Args[1:])) }

// run executes the command line and returns the exit code.
func run(args []string) int {
	root := rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(os.Stderr, "wicket: %v\n", err)
	return exitCode(err)
}

func exitCode(err error) int {
	var usage usageError
	var bad config.Errors
	var losses lossError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &bad):
		return exitConfig
	case errors.As(err, &losses):
		return exitLosses
	}
	return exitRuntime
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "wicket",
		Short: "An MQTT broker whose gate is WebAssembly",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q; see wicket --help", args[0])}
			}
			return nil
		},
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(runCommand(), statusCommand(), ctlCommand(), banCommand(), certCommand(), configCommand(), importCommand(), passwdCommand(),
		pluginCommand(), signCommand(), versionCommand())
	return root
}

// signCommandName is the command that the broker starts, and nobody else.
const signCommandName = "sign"

func signCommand() *cobra.Command {
	return &cobra.Command{
		Use:    signCommandName,
		Short:  "Make signatures for the broker that has started this process",
		Hidden: true,
		Args:   noArgs,
		RunE:   func(*cobra.Command, []string) error { return signer.Serve() },
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version and the toolchain it was built with",
		Args:  noArgs,
		Run:   func(c *cobra.Command, _ []string) { fmt.Fprintln(c.OutOrStdout(), version()) },
	}
}
