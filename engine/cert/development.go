package cert

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Paths are the files of the development authority.
type Paths struct {
	CA, CAKey         string // the authority
	Cert, Key         string // for a server on localhost, 127.0.0.1 and ::1
	ClientCert        string // for a client named "client"
	ClientKey         string
	directory, parent string
}

// developmentHosts are all that the development authority may issue for: its
// key lies unencrypted in a data directory, and people add such authorities to
// their systems' trust.
var developmentHosts = []string{"localhost", "127.0.0.1", "::1"}

func developmentPaths(dir string) Paths {
	in := func(name string) string { return filepath.Join(dir, name) }
	return Paths{
		CA: in("ca.pem"), CAKey: in("ca.key"),
		Cert: in("server.pem"), Key: in("server.key"),
		ClientCert: in("client.pem"), ClientKey: in("client.key"),
		directory: dir, parent: filepath.Dir(dir),
	}
}

// Development returns the development authority in dir and makes it, with a
// server and a client certificate, when dir does not exist or is empty: as a
// whole or not at all, readable by its owner only. What exists is checked and
// never changed; an error says what to do.
func Development(dir string) (Paths, error) {
	return development(dir, time.Now)
}

func development(dir string, now func() time.Time) (Paths, error) {
	p := developmentPaths(dir)
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && len(entries) > 0:
		return p, p.check(now())
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return p, fmt.Errorf("cannot read the development certificates: %w", err)
	}
	if err := p.make(now); err != nil {
		// Another process may have been faster; what it made is as good.
		if checked := p.check(now()); checked == nil {
			return p, nil
		}
		return p, fmt.Errorf("cannot make the development certificates in %q: %w", dir, err)
	}
	return p, p.check(now())
}

// make writes everything into a directory beside and renames that.
func (p Paths) make(now func() time.Time) error {
	if err := os.MkdirAll(p.parent, 0o700); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(p.parent, ".certificates-") // mode 0700
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary) // gone after the rename
	t := developmentPaths(temporary)
	authority, ca, err := NewAuthority("Wicket development CA", developmentHosts, now)
	if err != nil {
		return err
	}
	server, err := authority.Server(developmentHosts)
	if err != nil {
		return err
	}
	client, err := authority.Client("client")
	if err != nil {
		return err
	}
	err = errors.Join(ca.Write(t.CA, t.CAKey), server.Write(t.Cert, t.Key), client.Write(t.ClientCert, t.ClientKey))
	if err != nil {
		return err
	}
	return os.Rename(temporary, p.directory)
}

// check makes sure that the files are complete, belong together and are valid.
func (p Paths) check(now time.Time) error {
	var missing []string
	for _, path := range []string{p.CA, p.CAKey, p.Cert, p.Key, p.ClientCert, p.ClientKey} {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, filepath.Base(path))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the development certificates in %q are incomplete: %v missing; %s", p.directory, missing, p.remedy())
	}
	for _, f := range []Files{{Certfile: p.CA, Keyfile: p.CAKey}, {Certfile: p.Cert, Keyfile: p.Key}, {Certfile: p.ClientCert, Keyfile: p.ClientKey}} {
		if _, err := loadPair(f, now); err != nil {
			return fmt.Errorf("the development certificates cannot be used: %w; or %s", err, p.remedy())
		}
	}
	if _, _, err := loadTrust(Options{Files: Files{CACertfile: p.CA}}, now); err != nil {
		return fmt.Errorf("the development certificates cannot be used: %w; or %s", err, p.remedy())
	}
	return nil
}

func (p Paths) remedy() string {
	return fmt.Sprintf("remove the directory %q and start again to make new ones", p.directory)
}
