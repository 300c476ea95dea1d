package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/control"
)

// target is the running broker that a command is about, and how the answer is
// written.
type target struct {
	files        []string
	data, socket string
	output       string
}

// group makes a command that only holds others; all are about one target.
func (t *target) group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q; see %s --help", args[0], c.CommandPath())}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(commands...)
	return c
}

// flags adds the flags that say which broker, to a command and all below it.
func (t *target) flags(c *cobra.Command) *cobra.Command {
	f := c.PersistentFlags()
	f.StringArrayVarP(&t.files, "config", "c", nil, "configuration `file` of the broker; repeat as for wicket run")
	f.StringVar(&t.data, "data", "", "data `directory` of the broker")
	f.StringVar(&t.socket, "socket", "", "control socket of the broker, a `path`")
	f.StringVarP(&t.output, "output", "o", "table", "table for people, json for programs")
	return c
}

// client finds the broker: by --socket, by --data, by --config, or where a
// broker without any of these has its socket.
func (t *target) client() (*control.Client, error) {
	if t.output != "table" && t.output != "json" {
		return nil, usageError{fmt.Errorf("--output %q: write table or json", t.output)}
	}
	switch {
	case t.socket != "":
		return control.NewClient(t.socket), nil
	case t.data != "" && len(t.files) == 0:
		return control.NewClient(filepath.Join(t.data, "control.sock")), nil
	}
	src := configSources(t.files)
	if t.data != "" {
		src.Overrides = []config.Override{{Key: "data_dir", Value: t.data, Flag: "--data"}}
	}
	cfg, _, err := config.Load(src)
	if err != nil {
		return nil, fmt.Errorf("cannot read which broker is meant; --data or --socket names it without a configuration:\n%w", err)
	}
	if !cfg.Control.Enable {
		return nil, errors.New("control.enable is false in this configuration: its broker has no control socket")
	}
	return control.NewClient(cfg.ControlSocket()), nil
}

// show makes a command that prints what the broker answers to a path.
func show[T any](t *target, use, short, path string, print func(io.Writer, T)) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := t.client()
			if err != nil {
				return err
			}
			return look(c, t, client, path, print)
		},
	}
}

func look[T any](c *cobra.Command, t *target, client *control.Client, path string, print func(io.Writer, T)) error {
	out := c.OutOrStdout()
	if t.output == "json" {
		body, err := client.Get(c.Context(), path)
		if err != nil {
			return err
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, body, "", "  "); err != nil {
			return fmt.Errorf("cannot understand the broker's answer: %w", err)
		}
		_, err = indented.WriteTo(out)
		return err
	}
	answer, err := control.Look[T](c.Context(), client, path)
	if err != nil {
		return err
	}
	print(out, answer)
	return nil
}

// act makes a command that tells the broker to do something, and then shows
// what has come of it.
func act(t *target, use, short, action string, after func(*cobra.Command, *control.Client) error) *cobra.Command {
	method, path, _ := strings.Cut(action, " ")
	return &cobra.Command{
		Use: use, Short: short, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := t.client()
			if err != nil {
				return err
			}
			if err := client.Do(c.Context(), method, path); err != nil {
				return err
			}
			return after(c, client)
		},
	}
}

// said makes an after of act that prints a sentence.
func said(sentence string) func(*cobra.Command, *control.Client) error {
	return func(c *cobra.Command, _ *control.Client) error {
		_, err := fmt.Fprintln(c.OutOrStdout(), sentence)
		return err
	}
}

// table prints rows under headings; without rows, the sentence none.
func table(w io.Writer, none string, headings []string, rows [][]string) {
	if len(rows) == 0 {
		fmt.Fprintln(w, none)
		return
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer tw.Flush()
	fmt.Fprintln(tw, strings.Join(headings, "\t"))
	for _, row := range rows {
		for i := range row {
			row[i] = cell(row[i])
		}
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
}

// cell makes a text that a stranger may have chosen fit for a terminal; an
// empty one is a dash.
func cell(text string) string {
	if text == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, text)
}

// when is a moment to the second.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// ahead is a time to come, or past, in its largest units.
func ahead(d time.Duration) string {
	switch {
	case d < 0:
		return ahead(-d) + " ago"
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%ds", int(d.Seconds()))
}

// size is a number of bytes.
func size(n int64) string {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}} {
		if n >= unit.bytes {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.bytes), unit.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}
