package main

import (
	"context"

	"github.com/wicketmq/wicket/cmd/wicket-bench/load"
)

// startLoad connects a load, in this process or shared among worker processes.
func startLoad(ctx context.Context, s load.Spec, workers int) (generator, error) {
	return load.Start(ctx, s)
}
