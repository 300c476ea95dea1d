// Command wicket-bench measures brokers: what a connection costs in memory,
// and, in time, what a message costs in processor time.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{
		Use:           "wicket-bench",
		Short:         "Measure an MQTT broker",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(densityCommand(), pairCommand())
	if err := root.Execute(); err != nil {
		fmt.Fprintf(os.Stderr, "wicket-bench: %v\n", err)
		os.Exit(1)
	}
}
