package report

import (
	"fmt"
	"io"
	"strings"
)

// Markdown writes the performance page of a comparison.
func Markdown(w io.Writer, c Comparison) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Performance: %s and %s\n\n", c.A.Name, c.B.Name)
	b.WriteString("This page is written by `wicket-bench`; do not edit it. `make bench-peer` makes it anew,\ntogether with `performance.json`.\n\n")
	fmt.Fprintf(&b, "| | |\n|---|---|\n| command | `%s` |\n| date | %s |\n| commit | %s |\n", c.Command, c.Date, c.Commit)
	fmt.Fprintf(&b, "| machine | %s, %d cores, %s %s, %s |\n", c.Machine.CPU, c.Machine.Cores, c.Machine.OS, c.Machine.Kernel, c.Machine.Arch)
	fmt.Fprintf(&b, "| %s | %s |\n| %s | %s |\n\n", c.A.Name, c.A.Version, c.B.Name, c.B.Version)
	b.WriteString(method)
	for _, unit := range units(c.Rows) {
		writeUnit(&b, c, unit)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const method = `Both brokers run on the same machine over loopback and get the same loads in
turn (A B A B …). Where there are two processors, the brokers are bound to one
and the load generator to the other. Figures are medians of the rounds; the
ratio is the first broker divided by the second, round by round, with its range:
below 1 the first one needs less. "Load" is what the generator itself used for
an operation.

* Processor time is user and system time of the broker's process. A delivery
  is a PUBLISH that a subscriber has got; what its publication cost is in it.
* Memory is the slope of anonymous resident memory over the number of idle
  connections, each with one subscription; with mTLS, each with a certificate
  of its own.
* Handshakes are of TLS 1.3 with X25519, which all have. With the "best" key
  exchange, clients offer X25519MLKEM768 as well, and a broker that knows it
  does that much more.
* Messages without a rate are saturated: each publisher has a window of
  messages on their way, 64 of them, 32 for the fan-out. The generator sends
  half a window at a time (a quarter for the fan-out) and rests where turns
  bring few messages, so that it stays cheaper than the broker.
* Messages with a rate are sent when their time has come, whatever the broker
  does, and their latency counts from that time.
* Both brokers have the same limits of messages in flight (1,000) and queued
  (100,000) for each client, and set TCP_NODELAY. MQTT 3.1.1, TLS 1.3.

`

// units lists the units of the rows in the order of their first use.
func units(rows []Row) []string {
	var out []string
	seen := map[string]bool{}
	for _, r := range rows {
		if !seen[r.Unit] {
			seen[r.Unit] = true
			out = append(out, r.Unit)
		}
	}
	return out
}

func writeUnit(b *strings.Builder, c Comparison, unit string) {
	latency := strings.Contains(unit, "latency")
	bytes := strings.HasPrefix(unit, "B ")
	fmt.Fprintf(b, "## %s\n\n| | %s | %s | ratio |", unit, c.A.Name, c.B.Name)
	switch {
	case latency:
		b.WriteString(" p50 | p99.9 | CPU µs |\n|---|--:|--:|--:|--:|--:|--:|\n")
	case bytes:
		b.WriteString("\n|---|--:|--:|--:|\n")
	default:
		b.WriteString(" per second | load µs | |\n|---|--:|--:|--:|--:|--:|---|\n")
	}
	for _, r := range c.Rows {
		if r.Unit != unit {
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |", r.Name, number(r.A.Median), number(r.B.Median), r.ratio())
		switch {
		case latency:
			fmt.Fprintf(b, " %s, %s | %s, %s | %s, %s |\n", number(r.A.P50), number(r.B.P50),
				number(r.A.P999), number(r.B.P999), number(r.A.CPU), number(r.B.CPU))
		case bytes:
			b.WriteString("\n")
		default:
			fmt.Fprintf(b, " %s, %s | %s, %s | %s |\n", number(r.A.Rate), number(r.B.Rate), number(r.A.OwnCPU), number(r.B.OwnCPU), r.notes(c))
		}
	}
	b.WriteString("\n")
}

// ratio writes the ratio with its range.
func (r Row) ratio() string {
	if len(r.A.Rounds) < 2 {
		return fmt.Sprintf("%.2f", r.Ratio)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", r.Ratio, r.Low, r.High)
}

// notes says what a reader has to know about a row.
func (r Row) notes(c Comparison) string {
	var notes []string
	for _, s := range []struct {
		name string
		v    Values
	}{{c.A.Name, r.A}, {c.B.Name, r.B}} {
		if s.v.Note != "" {
			notes = append(notes, s.name+" "+s.v.Note)
		}
		if s.v.Lost > 0 {
			notes = append(notes, fmt.Sprintf("%s lost %d", s.name, s.v.Lost))
		}
	}
	return strings.Join(notes, "; ")
}
