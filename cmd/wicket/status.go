package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/engine/alarm"
	"github.com/wicketmq/wicket/engine/control"
)

func statusCommand() *cobra.Command {
	var t target
	c := show(&t, "status", "Show what a running broker is and does", "/v1/status", func(w io.Writer, s control.Status) { printStatus(w, &s, time.Now()) })
	c.Long = `Ask a running broker, through its control socket, for its clients, messages,
listeners and alarms. The exit code is 0 when it answers and 1 when there is
none, so that this is a health check as well.

The broker is found by --socket, --data or --config; without these, where
"wicket run" without a configuration file has its data.`
	c.Example = `  wicket status
  wicket status -c /etc/wicket/wicket.yaml
  wicket status --data /var/lib/wicket -o json`
	return t.flags(c)
}

func printStatus(w io.Writer, s *control.Status, now time.Time) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(w, "wicket %s, process %d, up %s\n", cell(s.Version), s.PID, ahead(now.Sub(s.Started)))
	line("data", "%s", cell(s.DataDir))
	c := &s.Clients
	line("clients", "%d connected, %d sessions; %d came, %d refused", c.Connected, c.Sessions, c.Connects, c.Refused)
	m := &s.Messages
	line("messages", "%d received, %d sent, %d dropped, %d denied; %d retained", m.Received, m.Sent, sum(m.Dropped), m.Denied, m.Retained)
	line("memory", "%s, of which live %s; %d goroutines", size(int64(s.Process.MemoryBytes)), size(int64(s.Process.HeapBytes)), s.Process.Goroutines)
	switch {
	case s.Reload == nil:
	case s.Reload.Error == "":
		line("reload", "%s, applied", when(s.Reload.At))
	default:
		line("reload", "%s, FAILED, the configuration before it is in use:", when(s.Reload.At))
		for text := range strings.Lines(s.Reload.Error) {
			line("", "%s", cell(strings.TrimSuffix(text, "\n")))
		}
	}
	fmt.Fprintln(w)
	printListeners(w, s.Listeners)
	if len(s.Alarms) > 0 {
		fmt.Fprintln(w)
		printAlarms(w, s.Alarms)
	}
}

func printListeners(w io.Writer, listeners []control.Listener) {
	var rows [][]string
	for i := range listeners {
		l := &listeners[i]
		handshakes := ""
		if l.Handshakes > 0 || len(l.Refused) > 0 {
			handshakes = fmt.Sprint(l.Handshakes)
		}
		rows = append(rows, []string{
			l.Name, l.Bind, fmt.Sprint(l.Connected), fmt.Sprint(l.Connections), limit(l.MaxConnections),
			fmt.Sprint(l.Accepted), reasons(l.Shed), handshakes, reasons(l.Refused),
		})
	}
	table(w, "no listener is open", []string{"LISTENER", "BIND", "CLIENTS", "CONNECTIONS", "MAX", "ACCEPTED", "SHED", "HANDSHAKES", "REFUSED"}, rows)
}

func limit(n int) string {
	if n == 0 {
		return "infinity"
	}
	return strconv.Itoa(n)
}

// reasons is a sum and what it is made of: "3 (eof 1, no_cert 2)".
func reasons(n map[string]uint64) string {
	if len(n) == 0 {
		return "0"
	}
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(n)) {
		parts = append(parts, fmt.Sprintf("%s %d", reason, n[reason]))
	}
	return fmt.Sprintf("%d (%s)", sum(n), strings.Join(parts, ", "))
}

func sum[N int64 | uint64](m map[string]N) (n N) {
	for _, v := range m {
		n += v
	}
	return n
}

func printAlarms(w io.Writer, alarms []alarm.Alarm) {
	var rows [][]string
	for _, a := range alarms {
		rows = append(rows, []string{string(a.Level), a.Name, a.Object, when(a.Since), a.Text})
	}
	table(w, "no alarm is raised", []string{"LEVEL", "ALARM", "OBJECT", "SINCE", "WHAT TO DO"}, rows)
}
