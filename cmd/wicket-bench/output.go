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

// check finds a wrong format before there is anything to write.
func (o *output) check() error {
	if o.format != "json" && o.format != "table" {
		return fmt.Errorf("output %q is neither table nor json", o.format)
	}
	return nil
}

// write writes runs.
func (o *output) write(w io.Writer, runs []report.Run) error {
	if o.html != "" {
		if err := writeFile(o.html, func(w io.Writer) error { return report.RunsHTML(w, runs) }); err != nil {
			return err
		}
	}
	if o.format == "json" {
		return report.JSON(w, runs)
	}
	return report.Table(w, runs)
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
