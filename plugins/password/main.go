// Password is the plugin that lets clients in by user name and password from a
// users file; see README.md. The hashing is done by the broker, which grants it
// with "password".
package main

import (
	"errors"
	"strconv"

	"github.com/wicketmq/wicket/plugins/password/login"
	wicket "github.com/wicketmq/wicket/sdk/go"
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
	if book, err = login.New(f.Content); err != nil {
		return errors.New("cannot read users file " + strconv.Quote(f.Path) + ": " + err.Error())
	}
	if book.Len() == 0 {
		wicket.Warn("users file " + strconv.Quote(f.Path) + " has no users: nobody can log in by it")
	}
	return nil
}

func main() {}
