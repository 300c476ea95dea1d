package main

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/wicketmq/wicket/cmd/wicket-bench/report"
)

// output is where results go.
type output struct {
	format string
	html   string
}

func (o *output) flags(f *pflag.FlagSet) {
	f.StringVarP(&o.format, "output", "o", "table", "table or json")
	f.StringVar(&o.html, "html", "", "write a report with charts to this `file`")
}

func (o *output) write(w io.Writer, runs []report.Run) error {
	if o.html != "" {
		if err := writeFile(o.html, func(w io.Writer) error { return report.RunsHTML(w, runs) }); err != nil {
			return err
		}
	}
	switch o.format {
	case "json":
		return report.JSON(w, runs)
	case "table":
		return report.Table(w, runs)
	}
	return fmt.Errorf("output %q is neither table nor json", o.format)
}

// writeDensity writes what was not written as a table along the way.
func (o *output) writeDensity(w io.Writer, results []report.Density) error {
	if o.html != "" {
		if err := writeFile(o.html, func(w io.Writer) error { return report.DensityHTML(w, results) }); err != nil {
			return err
		}
	}
	if o.format == "json" {
		return report.JSON(w, results)
	}
	return nil
}
