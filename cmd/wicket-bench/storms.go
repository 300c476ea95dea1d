package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/cmd/wicket-bench/load"
	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
	"github.com/wicketmq/wicket/cmd/wicket-bench/report"
)

// storms is a command that connects and leaves over and over.
type storms struct {
	common
	resume bool
}

func authCommand() *cobra.Command {
	s := &storms{}
	c := &cobra.Command{
		Use: "auth", Short: "Connections that show user name and password, over and over",
		Long: `Connect, be admitted, and leave, as often as --connect-rate says or it goes. A
broker that is started for it asks for a password: wicket by its password
plugin, mosquitto by its password file. Another one is given its users by --addr
and --username.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return s.run(c, peer.Options{Username: s.spec.Username, Password: s.spec.Password})
		},
	}
	s.flags(c)
	s.spec.Username, s.spec.Password = "device", "correct horse"
	for name, value := range map[string]string{"username": "device", "password": "correct horse"} {
		c.Flags().Lookup(name).DefValue = value
	}
	return c
}

func handshakeCommand() *cobra.Command {
	s := &storms{}
	c := &cobra.Command{
		Use: "handshake", Short: "TLS connections, over and over",
		Long: `Connect over TLS, exchange CONNECT and CONNACK, and leave, as often as
--connect-rate says or it goes. With --resume, each connection but the first of
each dialer resumes a session.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if s.target.transport == plain {
				return errors.New("a handshake needs --transport tls or mtls")
			}
			return s.run(c, peer.Options{})
		},
	}
	s.flags(c)
	c.Flags().BoolVar(&s.resume, "resume", false, "resume TLS sessions")
	c.Flags().Lookup("transport").DefValue = oneWay
	s.target.transport = oneWay
	return c
}

func (s *storms) run(c *cobra.Command, o peer.Options) error {
	if s.spec.Sources == 0 {
		s.spec.Sources = 200 // a closed connection keeps its port for a minute
	}
	return s.with(o, func(b *peer.Broker) error {
		run, err := s.measure(c.Context(), c.Name(), b)
		if err != nil {
			return err
		}
		return s.output.write(c.OutOrStdout(), []report.Run{run})
	})
}

func (s *storms) measure(ctx context.Context, name string, b *peer.Broker) (report.Run, error) {
	g, err := load.NewStorm(s.spec, s.resume)
	if err != nil {
		return report.Run{}, err
	}
	defer g.Close()
	show := newProgress()
	defer show.clear()
	run, err := measure(ctx, name, g, b, s.timing, show)
	run.Clients = s.spec.Dialers
	if err == nil && s.resume && run.Resumed < run.Operations*9/10 {
		err = fmt.Errorf("%s resumed %d of %d sessions", run.Broker, run.Resumed, run.Operations)
	}
	return run, err
}
