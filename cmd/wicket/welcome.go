package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"text/template"

	"github.com/wicketmq/wicket/engine"
	"github.com/wicketmq/wicket/engine/config"
	"github.com/wicketmq/wicket/engine/password"
	"github.com/wicketmq/wicket/engine/password/users"
)

// demoUser is the user of a broker that was started without a configuration.
const demoUser = "demo"

// firstUser makes the users file of the built-in configuration, once, with
// one user, and returns the user's password. It returns "" when the file is
// there, or when the configuration is somebody's own.
func firstUser(cfg *config.Config, builtIn bool) (string, error) {
	if !builtIn {
		return "", nil
	}
	path := filepath.Join(cfg.DataDir, "users")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return "", fmt.Errorf("cannot make data_dir %q: %w", cfg.DataDir, err)
	}
	secret := rand.Text()[:16]
	hash, err := password.Hash("argon2id", []byte(secret))
	if err != nil {
		return "", err
	}
	return secret, password.EditFile(path, func(content []byte) ([]byte, error) {
		return users.Set(content, demoUser, hash)
	})
}

var welcome = template.Must(template.New("").Parse(`
Wicket listens. Paste these into two more terminals:

  mosquitto_sub {{.TLS}} -u {{.User}} -P {{.Password}} -t 'hello/#' -v
  mosquitto_pub {{.TCP}} -u {{.User}} -P {{.Password}} -t hello/world -m 'it works'

{{if .New}}The password of user "{{.User}}" is shown this once; only its hash is kept, in {{.Users}}.
{{else}}User "{{.User}}" was made by an earlier start, and only the hash of its password is kept.
A new password: bin/wicket passwd {{.Users}} {{.User}}
{{end}}
`))

// printWelcome tells how to see a first message.
func printWelcome(w io.Writer, e *engine.Engine, cfg *config.Config, secret string) error {
	files, err := engine.DevelopmentFiles(cfg.DataDir)
	if err != nil {
		return err
	}
	data := struct {
		User, Password, Users, TCP, TLS string
		New                             bool
	}{User: demoUser, Password: secret, Users: filepath.Join(cfg.DataDir, "users"), New: secret != ""}
	if !data.New {
		data.Password = "PASSWORD"
	}
	for _, l := range e.Listeners() {
		host, port, err := net.SplitHostPort(l.Bind)
		if err != nil {
			return err
		}
		if at := fmt.Sprintf("-h %s -p %s", host, port); l.Transport == "tls" {
			data.TLS = at + " --cafile " + files.CACertfile
		} else {
			data.TCP = at
		}
	}
	return welcome.Execute(w, data)
}
