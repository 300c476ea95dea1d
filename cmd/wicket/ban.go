package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"github.com/wicketmq/wicket/engine/control"
)

// banned names who a ban is about: exactly one of its flags is given.
type banned struct{ values [6]string }

// banFlags are the flags that name who is banned, and what the broker calls them.
var banFlags = [6]struct{ flag, as, help string }{
	{"client-id", "clientid", "client `id`"},
	{"username", "username", "user `name`"},
	{"address", "peerhost", "IP `address`"},
	{"network", "peerhost_net", "`network`, as in 192.0.2.0/24"},
	{"client-id-pattern", "clientid_re", "regular `expression` for client ids"},
	{"username-pattern", "username_re", "regular `expression` for user names"},
}

func (b *banned) flags(c *cobra.Command) {
	for i, f := range banFlags {
		c.Flags().StringVar(&b.values[i], f.flag, "", f.help)
	}
}

// query is who the flags name.
func (b *banned) query(c *cobra.Command) (url.Values, error) {
	q := url.Values{}
	for i, f := range banFlags {
		if !c.Flags().Changed(f.flag) {
			continue
		}
		if q.Has("as") {
			return nil, usageError{errors.New("name one: a ban is about one thing")}
		}
		q.Set("as", f.as)
		q.Set("who", b.values[i])
	}
	if !q.Has("as") {
		return nil, usageError{fmt.Errorf("say who is meant, as in %s --client-id NAME; see --help", c.CommandPath())}
	}
	return q, nil
}

func banCommand() *cobra.Command {
	var t target
	c := t.group("ban", "Keep clients out of a running broker",
		banAdd(&t), show(&t, "list", "Show who is banned", "/v1/bans", printBans), banRemove(&t))
	c.Long = `Keep clients out, whatever passwords and certificates they have. A ban holds at
once, is kept in data_dir over restarts, and ends by itself after its time. A
client whose id is banned is disconnected; other bans stop new connections only.`
	c.Example = `  wicket ban add --client-id sensor-17 --for 1h --reason "floods"
  wicket ban add --network 203.0.113.0/24
  wicket ban remove --client-id sensor-17`
	return t.flags(c)
}

func banAdd(t *target) *cobra.Command {
	var who banned
	var during time.Duration
	var reason, by string
	c := &cobra.Command{
		Use: "add", Short: "Ban a client id, a user name, an address, a network or a pattern", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			q, err := who.query(c)
			switch {
			case err != nil:
				return err
			case during < 0 || during == 0 && c.Flags().Changed("for"):
				return usageError{errors.New("--for: want a time ahead, such as 1h; without it the ban holds for good")}
			case during > 0:
				q.Set("until", time.Now().Add(during).UTC().Truncate(time.Second).Format(time.RFC3339))
			}
			if by == "" {
				if u, err := user.Current(); err == nil {
					by = u.Username
				}
			}
			q.Set("reason", reason)
			q.Set("by", by)
			return t.send(c, "POST", "/v1/bans?"+q.Encode(), "banned")
		},
	}
	who.flags(c)
	c.Flags().DurationVar(&during, "for", 0, "how `long`, as in 90m or 24h; without it for good")
	c.Flags().StringVar(&reason, "reason", "", "`why`, for the list")
	c.Flags().StringVar(&by, "by", "", "`who` has decided it; without it the user of this command")
	return c
}

func banRemove(t *target) *cobra.Command {
	var who banned
	c := &cobra.Command{
		Use: "remove", Short: "End a ban", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			q, err := who.query(c)
			if err != nil {
				return err
			}
			return t.send(c, "DELETE", "/v1/bans?"+q.Encode(), "removed")
		},
	}
	who.flags(c)
	return c
}

func printBans(w io.Writer, bans []control.Ban) {
	var rows [][]string
	for _, b := range bans {
		until := when(b.Until)
		if until == "" {
			until = "for good"
		}
		rows = append(rows, []string{b.As, b.Who, b.From, until, b.Reason, b.By, when(b.At)})
	}
	table(w, "nobody is banned", []string{"AS", "WHO", "FROM", "UNTIL", "REASON", "BY", "SINCE"}, rows)
}

// send carries out an action and prints a sentence.
func (t *target) send(c *cobra.Command, method, path, sentence string) error {
	client, err := t.client()
	if err != nil {
		return err
	}
	if err := client.Do(c.Context(), method, path); err != nil {
		return err
	}
	return said(sentence)(c, client)
}

// ctlAuthz is about what sessions remember of permissions.
func ctlAuthz(t *target) *cobra.Command {
	on := func(use, short, method, path, sentence string) *cobra.Command {
		return &cobra.Command{
			Use: use + " [CLIENT-ID]", Short: short,
			Args: func(_ *cobra.Command, args []string) error {
				if len(args) > 1 {
					return usageError{errors.New("name one client id, or none for all")}
				}
				return nil
			},
			RunE: func(c *cobra.Command, args []string) error {
				if len(args) == 1 {
					path += "?" + url.Values{"client_id": args}.Encode()
				}
				return t.send(c, method, path, sentence)
			},
		}
	}
	return t.group("authz", "What sessions remember of permissions",
		on("clear", "Forget remembered answers of plugins", "DELETE", "/v1/authz/cache", "forgotten"),
		on("recheck", "Forget them, and end the subscriptions that are not permitted any more", "POST", "/v1/authz/recheck", "rechecked"))
}
