package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/config/emqx"
)

// lossError is an import that left keys behind.
type lossError struct{ error }

type importFlags struct {
	out   string
	force bool
	check bool
}

func importCommand() *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Turn a configuration file of EMQX into Wicket's YAML",
		Long: `Read a configuration file of EMQX, flat keys of 4.x or HOCON of 5.x, and write
the same configuration as YAML. What became of each key is reported on standard
error: a key that could not be carried over has a line with the reason and what
to do instead. Where such a key would have kept somebody out, the import shuts
the door: the listener is disabled, or nobody is let in, until you replace it.

Exit codes: 0 everything was carried over, 4 something was not, 3 the file
cannot be used. Nothing is overwritten without --force.`,
		Example: `  wicket import /opt/emqx/etc/emqx.conf -o wicket.yaml
  wicket import emqx.conf --check > wicket.yaml`,
		Args: someArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return f.run(args[0], c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	flags := c.Flags()
	flags.StringVarP(&f.out, "output", "o", "", "write to `FILE` instead of standard output")
	flags.BoolVar(&f.force, "force", false, "replace the output file if it is there")
	flags.BoolVar(&f.check, "check", false, "also look whether the files that it names can be read")
	return c
}

func (f *importFlags) run(name string, out, errOut io.Writer) error {
	data, err := readBounded(name)
	if err != nil {
		return fmt.Errorf("cannot import: %w", err)
	}
	o := emqx.Options{Secret: sync.OnceValue(rand.Text)}
	if f.out != "" {
		o.Base = filepath.Dir(f.out)
	}
	result := emqx.Import(name, data, o)
	printFindings(errOut, "shut", result.Closed)
	printFindings(errOut, "", result.Lost)
	printFindings(errOut, "note", result.Notes)
	if err := f.good(name, data, o, errOut); err != nil {
		return fmt.Errorf("cannot import %s:\n%w", name, err)
	}
	if err := f.write(result.YAML, out); err != nil {
		return err
	}
	fmt.Fprintf(errOut, "%s: carried over %d keys, not carried over %d\n", name, result.Carried, result.Count())
	if result.Count() > 0 || len(result.Closed) > 0 {
		return lossError{fmt.Errorf("%d keys of %s are not carried over; the lines above say why, and what to do instead", result.Count(), name)}
	}
	return nil
}

// readBounded reads a file, or enough of one that is too large for the import
// to say so.
func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 2<<20))
}

// good loads what was made by the rules of every configuration. Its mistakes
// are those of the file that was imported, at their lines.
func (f *importFlags) good(name string, data []byte, o emqx.Options, errOut io.Writer) error {
	o.Base = ""
	src := config.Sources{Files: []string{name}, Convert: func(string, []byte) config.Converted {
		return converted(emqx.Import(name, data, o))
	}}
	cfg, report, err := config.Load(src)
	if err != nil || !f.check {
		return err
	}
	for _, w := range report.Warnings {
		fmt.Fprintf(errOut, "warning: %s\n", w)
	}
	if missing := config.CheckFiles(cfg, report); len(missing) > 0 {
		return config.Errors(missing)
	}
	return nil
}

// write puts the YAML where it was asked for. It may hold the password of a
// key, so only the owner can read the file.
func (f *importFlags) write(yaml []byte, out io.Writer) error {
	if f.out == "" {
		_, err := out.Write(yaml)
		return err
	}
	if _, err := os.Lstat(f.out); err == nil && !f.force {
		return fmt.Errorf("cannot write %s: it is there already; --force replaces it", f.out)
	}
	file, err := os.CreateTemp(filepath.Dir(f.out), ".wicket-import-*")
	if err != nil {
		return fmt.Errorf("cannot write the configuration: %w", err)
	}
	defer os.Remove(file.Name()) // what is left after a failure
	_, err = file.Write(yaml)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("cannot write the configuration: %w", err)
	}
	if f.force {
		return os.Rename(file.Name(), f.out)
	}
	if err := os.Link(file.Name(), f.out); err != nil { // never over a file that came meanwhile
		return fmt.Errorf("cannot write %s: %w", f.out, errors.Unwrap(err))
	}
	return nil
}

func printFindings(w io.Writer, kind string, list []emqx.Finding) {
	for _, f := range list {
		if kind != "" {
			fmt.Fprintf(w, "%s: ", kind)
		}
		fmt.Fprintln(w, problem(f))
	}
}

// imports converts files of EMQX as they are loaded and remembers what was
// lost, for one line of the log.
type imports struct{ seen []imported }

type imported struct {
	file          string
	carried, lost int
}

// Convert is config.Sources.Convert.
func (i *imports) convert(name string, data []byte) config.Converted {
	r := emqx.Import(name, data, emqx.Options{})
	i.seen = append(i.seen, imported{name, r.Carried, r.Count()})
	return converted(r)
}

// log says once for each load what was imported.
func (i *imports) log(log *slog.Logger) {
	for _, f := range i.seen {
		level := slog.LevelInfo
		if f.lost > 0 {
			level = slog.LevelWarn
		}
		log.Log(context.Background(), level, "configuration imported from EMQX", "file", f.file, "carried_over", f.carried,
			"not_carried_over", f.lost, "report", "wicket import "+f.file)
	}
	i.seen = nil
}

// converted hands an import over to the loader of configurations.
func converted(r *emqx.Result) config.Converted {
	c := config.Converted{YAML: r.YAML, Files: r.Files}
	for _, p := range r.Lines {
		c.Origins = append(c.Origins, config.Origin{File: p.File, Line: p.Line})
	}
	for _, f := range r.Errors {
		c.Problems = append(c.Problems, problem(f))
	}
	for _, f := range r.Closed {
		c.Warnings = append(c.Warnings, problem(f))
	}
	return c
}

func problem(f emqx.Finding) config.Problem {
	return config.Problem{Origin: config.Origin{File: f.File, Line: f.Line}, Key: f.Key, Text: f.Text}
}
