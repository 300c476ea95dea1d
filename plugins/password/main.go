// Password is the plugin that lets clients in by a password from a users
// file, whose names are user names or client ids; see README.md. The hashing is done by the broker, which grants it
// with "password".
package main

import (
	"errors"
	"strconv"

	"github.com/wicketmq/wicket/plugins/password/login"
	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/config"
)

var book *login.Book

func init() {
	wicket.OnLoad(load)
	wicket.OnAuthenticate(func(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
		return book.Authenticate(ctx, c)
	})
}

func load(l *wicket.LoadInfo) (err error) {
	f, ok := l.File("users_file")
	if !ok {
		return errors.New(`the plugin's config has no "users_file"`)
	}
	o, err := config.Read(l.Config)
	if err != nil {
		return err
	}
	_, _ = o.Text("users_file")
	by, _ := o.Text("user_id_type")
	text, _ := o.Text("default")
	if err := o.Err(); err != nil {
		return err
	}
	key, err := login.ParseKey(by)
	if err != nil {
		return err
	}
	rest, err := login.ParseRest(text)
	if err != nil {
		return err
	}
	if book, err = login.New(f.Content, key, rest); err != nil {
		return errors.New("cannot read users file " + strconv.Quote(f.Path) + ": " + err.Error())
	}
	if book.Len() == 0 {
		wicket.Warn("users file " + strconv.Quote(f.Path) + " has no users: nobody can log in by it")
	}
	if n := book.Weak(); n > 0 {
		wicket.Warn("users file " + strconv.Quote(f.Path) + ": hashes that are plain digests, from which passwords are found by trying: " +
			strconv.Itoa(n) + "; wicket passwd makes better ones")
	}
	return nil
}

func main() {}
