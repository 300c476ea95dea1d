// Command wicket-bench measures MQTT brokers: what connections cost in memory,
// and what messages, handshakes and connections cost in processor time and
// take in time.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{
		Use:           "wicket-bench",
		Short:         "Measure an MQTT broker",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(connCommand(), pubCommand(), subCommand(), pairCommand(), faninCommand(), fanoutCommand(),
		authCommand(), handshakeCommand(), densityCommand(), reconnectCommand(), floodCommand(), scenarioCommand(), compareCommand(), workerCommand())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "wicket-bench: %v\n", err)
		os.Exit(1)
	}
}
