package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/wicketmq/wicket/engine/password"
	"github.com/wicketmq/wicket/engine/password/users"
)

// passwd is one run of wicket passwd.
type passwd struct {
	file, user string
	algorithm  string
	stdin      bool
	delete     bool
	in         io.Reader
	out        io.Writer

	// terminal reads a line without echo; nil when in is not a terminal.
	terminal func() ([]byte, error)
}

// passwdCommand returns "wicket passwd", which keeps users files.
func passwdCommand() *cobra.Command {
	var p passwd
	c := &cobra.Command{
		Use:   "passwd FILE USER",
		Short: "Add a user to a users file, change a password, or delete a user",
		Long: `Add USER to the users file FILE, or change the password of a user who is there;
rules, comments and everybody else stay as they are. The password is asked for
twice, or read as one line with --password-stdin. It is never an argument, where
others on the machine could see it. The file is replaced in one step, and a
running broker notices. USER is a user name, or a client id where the plugin
password has user_id_type: clientid. A user of the plugin scram needs one of the
scram algorithms, which serve the plugin password too.`,
		Example: `  wicket passwd users alice
  openssl rand -base64 18 | tee secret | wicket passwd users sensor-7 --password-stdin
  wicket passwd devices 00:1b:63:84:45:e6
  wicket passwd users alice --delete`,
		Args: func(c *cobra.Command, args []string) error {
			if err := cobra.ExactArgs(2)(c, args); err != nil {
				return usageError{fmt.Errorf("want FILE and USER: %w", err)}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			p.file, p.user = args[0], args[1]
			p.in, p.out = c.InOrStdin(), c.ErrOrStderr()
			if f, ok := p.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
				p.terminal = func() ([]byte, error) { return readWithoutEcho(int(f.Fd())) }
			}
			return p.run()
		},
	}
	c.Flags().StringVarP(&p.algorithm, "algorithm", "a", password.Algorithms[0],
		"how to hash: "+strings.Join(password.Algorithms, ", "))
	c.Flags().BoolVar(&p.stdin, "password-stdin", false, "read the password from standard input, one line")
	c.Flags().BoolVarP(&p.delete, "delete", "D", false, "delete the user and its rules")
	return c
}

// readWithoutEcho reads a line from a terminal, and gives the echo back when it
// is interrupted.
func readWithoutEcho(fd int) ([]byte, error) {
	state, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	defer close(interrupted)
	defer signal.Stop(interrupted)
	go func() {
		if _, ok := <-interrupted; ok {
			_ = term.Restore(fd, state)
			os.Exit(exitRuntime)
		}
	}()
	return term.ReadPassword(fd)
}

func (p *passwd) run() error {
	if err := p.check(); err != nil {
		return usageError{err}
	}
	if p.delete {
		return p.remove()
	}
	secret, err := p.secret()
	if err != nil {
		return fmt.Errorf("cannot read password: %w", err)
	}
	defer clear(secret)
	hash, err := password.Hash(p.algorithm, secret)
	if err != nil {
		return err
	}
	return password.EditFile(p.file, func(content []byte) ([]byte, error) {
		content, err := users.Set(content, p.user, hash)
		return content, p.inFile(err)
	})
}

func (p *passwd) check() error {
	if err := users.ValidName(p.user); err != nil {
		return err
	}
	for _, a := range password.Algorithms {
		if a == p.algorithm {
			return nil
		}
	}
	return fmt.Errorf("unknown algorithm %q; want one of %s", p.algorithm, strings.Join(password.Algorithms, ", "))
}

// remove does not create a missing file.
func (p *passwd) remove() error {
	return password.EditFile(p.file, func(content []byte) ([]byte, error) {
		if content == nil {
			return nil, fmt.Errorf("cannot delete user %q: there is no file %q", p.user, p.file)
		}
		content, err := users.Delete(content, p.user)
		if errors.Is(err, users.ErrNoUser) {
			return nil, fmt.Errorf("there is no user %q in %q", p.user, p.file)
		}
		return content, p.inFile(err)
	})
}

func (p *passwd) inFile(err error) error {
	if err != nil {
		return fmt.Errorf("cannot edit %q: %w", p.file, err)
	}
	return nil
}

// secret reads the new password.
func (p *passwd) secret() ([]byte, error) {
	if p.stdin {
		return p.line()
	}
	if p.terminal == nil {
		return nil, errors.New("standard input is not a terminal; use --password-stdin")
	}
	first, err := p.ask("New password: ")
	if err != nil {
		return nil, err
	}
	again, err := p.ask("Once more: ")
	defer clear(again)
	switch {
	case err != nil:
		return nil, err
	case !bytes.Equal(first, again):
		clear(first)
		return nil, errors.New("the two are not the same")
	case len(first) == 0:
		return nil, password.ErrEmpty
	}
	return first, nil
}

func (p *passwd) ask(prompt string) ([]byte, error) {
	fmt.Fprint(p.out, prompt)
	secret, err := p.terminal()
	fmt.Fprintln(p.out)
	return secret, err
}

// maxPassword is what a CONNECT can carry [MQTT-3.1.3.6].
const maxPassword = 65535

// line reads one line; a second one is more likely a mistake than a password.
func (p *passwd) line() ([]byte, error) {
	r := bufio.NewReader(io.LimitReader(p.in, maxPassword+3))
	text, err := r.ReadBytes('\n')
	if err != nil && err != io.EOF {
		return nil, err
	}
	if _, err := r.ReadByte(); err == nil {
		return nil, errors.New("want one line on standard input")
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	switch {
	case len(text) == 0:
		return nil, password.ErrEmpty
	case len(text) > maxPassword:
		return nil, errors.New("the password is longer than MQTT allows")
	}
	return text, nil
}
