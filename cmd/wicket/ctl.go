package main

import (
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/engine/control"
)

func ctlCommand() *cobra.Command {
	var t target
	c := t.group("ctl", "Steer a running broker",
		act(&t, "reload", "Read the configuration, plugins and certificates again", "POST /v1/reload", said("reloaded")),
		show(&t, "listeners", "Show the listeners", "/v1/listeners", printListeners),
		show(&t, "alarms", "Show what needs somebody's attention", "/v1/alarms", printAlarms),
		show(&t, "upstreams", "Show the HTTP servers that plugins may ask", "/v1/upstreams", printUpstreams),
		ctlAuthz(&t), ctlCerts(&t), ctlCRL(&t), ctlOCSP(&t), ctlMetrics(&t))
	c.Long = `Look into a running broker and steer it, through its control socket. An action
that fails changes nothing; the reason is printed and the exit code is 1.

The broker is found by --socket, --data or --config; without these, where
"wicket run" without a configuration file has its data.`
	c.Example = `  wicket ctl reload -c /etc/wicket/wicket.yaml
  wicket ctl certs refresh --data /var/lib/wicket
  wicket ctl crl list -o json`
	return t.flags(c)
}

func ctlCerts(t *target) *cobra.Command {
	print := func(w io.Writer, c []control.Certificate) { printCertificates(w, c, time.Now()) }
	return t.group("certs", "The certificates of the listeners",
		show(t, "list", "Show the certificates that are served, and when they expire", "/v1/certificates", print),
		act(t, "refresh", "Read the certificate files now instead of when a change is noticed", "POST /v1/certificates/refresh",
			func(c *cobra.Command, client *control.Client) error {
				return look(c, t, client, "/v1/certificates", print)
			}))
}

func printCertificates(w io.Writer, served []control.Certificate, now time.Time) {
	var rows [][]string
	for _, c := range served {
		name := c.Name
		if name == "" {
			name = "*"
		}
		expires := fmt.Sprintf("%s (%s)", when(c.Expires), ahead(c.Expires.Sub(now)))
		if c.Expires.Before(c.NotAfter) {
			expires += " " + c.ExpiresSubject
		}
		rows = append(rows, []string{c.Listener, name, c.Subject, c.Serial, expires, c.Staple, c.File})
	}
	table(w, "no listener has a certificate", []string{"LISTENER", "NAME", "SUBJECT", "SERIAL", "EXPIRES", "STAPLE", "FILE"}, rows)
}

func ctlCRL(t *target) *cobra.Command {
	after := func(c *cobra.Command, client *control.Client) error { return look(c, t, client, "/v1/crls", printCRLs) }
	return t.group("crl", "The revocation lists for client certificates",
		show(t, "list", "Show the lists that are known", "/v1/crls", printCRLs),
		act(t, "refresh", "Fetch all lists now, and read those of files again", "POST /v1/crls/refresh", after),
		act(t, "clear", "Forget what was fetched, until certificates name it again", "DELETE /v1/crls", after))
}

func printCRLs(w io.Writer, lists []control.CRL) {
	var rows [][]string
	for _, c := range lists {
		rows = append(rows, []string{c.Source, c.State, fmt.Sprint(c.Entries), c.Number, when(c.NextUpdate), when(c.Fetched), c.Issuer, c.Error})
	}
	table(w, "no revocation list is known", []string{"SOURCE", "STATE", "ENTRIES", "NUMBER", "NEXT UPDATE", "FETCHED", "ISSUER", "ERROR"}, rows)
}

func ctlOCSP(t *target) *cobra.Command {
	return t.group("ocsp", "The OCSP answers that go with the listeners' certificates",
		show(t, "list", "Show what is stapled", "/v1/staples", printStaples),
		act(t, "refresh", "Ask the responders again now, without waiting for their answers", "POST /v1/staples/refresh",
			said("the responders are asked; see wicket ctl ocsp list")))
}

func printStaples(w io.Writer, staples []control.Staple) {
	var rows [][]string
	for _, s := range staples {
		stapled := "no"
		if s.Stapled {
			stapled = "yes"
		}
		rows = append(rows, []string{s.Listener, s.Subject, stapled, s.Status, when(s.NextUpdate), when(s.NextAsk), s.Responder, s.Error})
	}
	table(w, "no listener staples", []string{"LISTENER", "SUBJECT", "STAPLED", "STATUS", "NEXT UPDATE", "NEXT QUESTION", "RESPONDER", "ERROR"}, rows)
}

func printUpstreams(w io.Writer, upstreams []control.Upstream) {
	var rows [][]string
	for i := range upstreams {
		u := &upstreams[i]
		maps.DeleteFunc(u.Failed, func(_ string, n uint64) bool { return n == 0 })
		rows = append(rows, []string{
			u.Name, u.State, u.Breaker, u.Protocol, fmt.Sprint(u.Connections), fmt.Sprint(u.OnWire), fmt.Sprint(u.Queued),
			fmt.Sprint(u.Answered), reasons(u.Failed), u.URL, when(u.FailedAt), u.Error,
		})
	}
	table(w, "no upstream is configured", []string{"UPSTREAM", "STATE", "BREAKER", "PROTOCOL", "CONNECTIONS", "ON WIRE", "QUEUED", "ANSWERED", "FAILED", "URL", "LAST FAILURE", "ERROR"}, rows)
}

func ctlMetrics(t *target) *cobra.Command {
	return &cobra.Command{
		Use: "metrics", Short: "Print the figures as Prometheus scrapes them", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := t.client()
			if err != nil {
				return err
			}
			body, err := client.Get(c.Context(), "/metrics")
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(body)
			return err
		},
	}
}
