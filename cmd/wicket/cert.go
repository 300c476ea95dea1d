package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/engine"
	"github.com/wicketmq/wicket/engine/cert"
	"github.com/wicketmq/wicket/engine/config"
)

// certCommand makes and shows certificates, for trying things out and for
// small installations without an authority of their own.
func certCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "cert",
		Short: "Make, show and check certificates",
		Long:  "Make, show and check certificates. All that are made are on ECDSA P-256, keys are readable by their owner only, and nothing is ever overwritten.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q; see wicket cert --help", args[0])}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(certCACommand(), certServerCommand(), certClientCommand(), certShowCommand(), certCheckCommand())
	return c
}

func certCACommand() *cobra.Command {
	var dir, name string
	var hosts []string
	c := &cobra.Command{
		Use:     "ca",
		Short:   "Make an authority: ca.pem and ca.key",
		Example: "  wicket cert ca --name \"Plant CA\" --host plant.example",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, issued, err := cert.NewAuthority(name, hosts, time.Now)
			if err != nil {
				return err
			}
			return writePair(c, issued, dir, "ca")
		},
	}
	dirFlag(c, &dir)
	c.Flags().StringVar(&name, "name", "Wicket CA", "common name")
	c.Flags().StringArrayVar(&hosts, "host", nil, "host name (with those below it) or address it may issue for; repeatable, none means any")
	return c
}

func certServerCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:     "server HOST...",
		Short:   "Issue a server certificate for host names and addresses",
		Example: "  wicket cert server mqtt.plant.example 10.0.0.5",
		Args:    someArgs(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, hosts []string) error {
			return issueIn(c, dir, hosts[0], func(a *cert.Authority) (cert.Issued, error) { return a.Server(hosts) })
		},
	}
	dirFlag(c, &dir)
	return c
}

func certClientCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:     "client NAME",
		Short:   "Issue a client certificate with a common name",
		Example: "  wicket cert client pump-7",
		Args:    someArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return issueIn(c, dir, args[0], func(a *cert.Authority) (cert.Issued, error) { return a.Client(args[0]) })
		},
	}
	dirFlag(c, &dir)
	return c
}

func certShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show FILE...",
		Short:   "Show what the certificates of PEM files say",
		Example: "  wicket cert show server.pem",
		Args:    someArgs(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, paths []string) error {
			for _, path := range paths {
				certs, err := cert.Certificates(path)
				if err != nil {
					return err
				}
				for i, x := range certs {
					fmt.Fprintf(c.OutOrStdout(), "%s, certificate %d of %d\n", path, i+1, len(certs))
					showCertificate(c.OutOrStdout(), x, time.Now())
				}
			}
			return nil
		},
	}
}

func certCheckCommand() *cobra.Command {
	var files []string
	var listener string
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Say step by step whether a listener would admit a client certificate",
		Long: `Apply the rules of a TLS listener to the client certificate in a PEM file, with
the intermediates that follow it there, and print each step. Revocation is asked
about as the listener would, which may fetch lists and ask responders. Whether
the client has the private key is not looked at. The exit code is 0 when the
certificate is admitted, 1 when it is refused, 2 for wrong usage, 3 when the
configuration is not good.`,
		Example: "  wicket cert check --listener tls:default -c /etc/wicket/wicket.yaml client.pem",
		Args:    someArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return certCheck(c.Context(), c.OutOrStdout(), files, listener, args[0])
		},
	}
	configFilesFlag(c, &files)
	c.Flags().StringVar(&listener, "listener", "tls:default", "TLS listener, as in listeners.tls of the configuration")
	return c
}

// certCheckTimeout bounds what is asked of the network.
const certCheckTimeout = time.Minute

func certCheck(ctx context.Context, out io.Writer, files []string, listener, path string) error {
	cfg, _, err := config.Load(configSources(files))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, certCheckTimeout)
	defer cancel()
	steps, err := engine.CheckClient(ctx, cfg, listener, path)
	if _, ok := errors.AsType[*engine.NoListenerError](err); ok {
		return usageError{err}
	}
	if err != nil {
		return fmt.Errorf("cannot check by the rules of listener %q: %w", listener, err)
	}
	for _, s := range steps {
		fmt.Fprintf(out, "%-12s %-8s %s\n", s.Name, s.Verdict, s.Text)
	}
	if s := cert.Refused(steps); s != nil {
		return fmt.Errorf("%q is refused: %s", path, s.Reason)
	}
	fmt.Fprintln(out, "admitted")
	return nil
}

func dirFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "dir", ".", "directory of ca.pem and ca.key, where new files go too")
}

// someArgs makes a wrong number of arguments a usage error.
func someArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// issueIn issues with the authority in dir and writes the pair there.
func issueIn(c *cobra.Command, dir, name string, issue func(*cert.Authority) (cert.Issued, error)) error {
	a, err := cert.LoadAuthority(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key"), time.Now)
	if err != nil {
		return fmt.Errorf("cannot use the authority (wicket cert ca makes one): %w", err)
	}
	issued, err := issue(a)
	if err != nil {
		return err
	}
	return writePair(c, issued, dir, fileName(name))
}

func writePair(c *cobra.Command, issued cert.Issued, dir, base string) error {
	certfile, keyfile := filepath.Join(dir, base+".pem"), filepath.Join(dir, base+".key")
	if err := issued.Write(certfile, keyfile); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s\n%s\n", certfile, keyfile)
	return nil
}

// fileName makes a name safe for a file of its own in a directory.
func fileName(name string) string {
	safe := strings.Map(func(r rune) rune {
		if strings.ContainsRune("._-", r) || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, name)
	return strings.Replace(safe, ".", "_", len(safe)-len(strings.TrimLeft(safe, ".")))
}

func showCertificate(w io.Writer, x *x509.Certificate, now time.Time) {
	id := cert.IdentityOf(x)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %-10s %s\n", name, value)
		}
	}
	line("subject", id.Subject)
	line("issuer", cert.Subject(x.RawIssuer))
	line("names", printable(slices.Concat(id.DNS, id.IPs, id.URIs, id.Emails)))
	line("serial", id.Serial)
	line("from", x.NotBefore.UTC().Format(time.RFC3339))
	line("to", x.NotAfter.UTC().Format(time.RFC3339)+remaining(x, now))
	line("key", x.PublicKeyAlgorithm.String())
	line("sha256", id.SHA256)
	if x.IsCA {
		line("authority", "yes")
	}
}

// printable joins names that a stranger may have chosen for a terminal.
func printable(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		q := fmt.Sprintf("%q", n)
		quoted[i] = q[1 : len(q)-1]
	}
	return strings.Join(quoted, ", ")
}

func remaining(x *x509.Certificate, now time.Time) string {
	switch left := x.NotAfter.Sub(now); {
	case left < 0:
		return " (expired)"
	case now.Before(x.NotBefore):
		return " (not valid yet)"
	default:
		return fmt.Sprintf(" (%d days left)", int(left.Hours()/24))
	}
}
