package exchange

import (
	"crypto/sha256"
	"errors"
	"strconv"

	"github.com/wicketmq/wicket/plugins/http/backend"
	"github.com/wicketmq/wicket/plugins/password/login"
	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/config"
)

// Server is a configuration ready to be asked. It is not changed after New.
type Server struct {
	mechanisms []*Mechanism
	users      directory
	secret     []byte // behind the salts of those who are not there; nil: see [Mechanism.fake]
}

// Bounds of iteration_count: what RFC 7677 asks for at least, and what a client
// is willing to compute at most.
const (
	minIterations     = 4096
	maxIterations     = 4_000_000
	defaultIterations = 4096
)

const minSecret = 16 // bytes

// New reads the plugin's settings. The notes are what an operator should be told
// of settings that work.
func New(l *wicket.LoadInfo) (s *Server, notes []string, err error) {
	o, err := config.Read(l.Config)
	if err != nil {
		return nil, nil, err
	}
	said(o)
	s = &Server{secret: secret(l, o)}
	named := algorithm(o)
	iterations := iterationCount(o)
	text, _ := o.Text("default")
	rest, err := login.ParseRest(text)
	if err != nil {
		o.Fault("", err.Error())
	}
	_, _ = o.Text("users_file")
	if f, ok := l.File("users_file"); ok || !o.Has("method") {
		if ok && o.Has("method") {
			o.Fault("method", "a server is another place for users than users_file: set one of them")
		}
		if !ok {
			o.Fault("users_file", "missing: want a file that `wicket passwd --algorithm scram-sha-256` writes, or method and path of an HTTP server")
		} else if notes, err = s.fromFile(&f, rest, iterations, named); err != nil {
			return nil, nil, err
		}
		return s, notes, o.Err()
	}
	if o.Has("default") {
		o.Fault("default", "it belongs to users_file; the rules of a server's users come with its answers")
	}
	src, notes := backend.NewSource(l, o)
	if s.secret == nil {
		o.Fault("secret", "missing: want some random text, such as `openssl rand -base64 24` prints, from which the salts of users that the server does not know are made, so that they look like others")
	}
	if named == nil {
		named = sha256Mechanism
	}
	s.mechanisms = []*Mechanism{named}
	s.users = &server{src, credential{salt: make([]byte, saltSize), iterations: iterations}}
	return s, notes, o.Err()
}

// fromFile reads the users. What is offered follows from them unless it is said.
func (s *Server) fromFile(f *wicket.File, rest login.Rest, iterations int, named *Mechanism) (notes []string, err error) {
	name := strconv.Quote(f.Path)
	users, err := readFile(f.Content, rest, iterations)
	if err != nil {
		return nil, errors.New("cannot read users file " + name + ": " + err.Error())
	}
	s.users = users
	for _, m := range []*Mechanism{sha256Mechanism, sha512Mechanism} {
		if m == named || named == nil && len(users.models[m]) > 0 {
			s.mechanisms = append(s.mechanisms, m)
		}
	}
	if len(s.mechanisms) == 0 {
		s.mechanisms = []*Mechanism{sha256Mechanism}
	}
	for _, m := range s.mechanisms {
		if len(users.models[m]) == 0 {
			notes = append(notes, "users file "+name+" has no users with a credential for "+m.Name+": nobody can log in by it; write some with `wicket passwd --algorithm scram-sha-256`")
		}
	}
	return notes, nil
}

// said takes the keys of EMQX that have one value here.
func said(o *config.Object) {
	if text, ok := o.Text("mechanism"); ok && text != "scram" {
		o.Fault("mechanism", "want scram or nothing, not "+strconv.Quote(text))
	}
	if text, ok := o.Text("backend"); ok && text != "http" && text != "built_in_database" {
		o.Fault("backend", "want http, built_in_database or nothing, not "+strconv.Quote(text))
	}
}

func algorithm(o *config.Object) *Mechanism {
	switch text, ok := o.Text("algorithm"); {
	case !ok:
	case text == "sha256":
		return sha256Mechanism
	case text == "sha512":
		return sha512Mechanism
	default:
		o.Fault("algorithm", "want sha256 or sha512, not "+strconv.Quote(text))
	}
	return nil
}

func iterationCount(o *config.Object) int {
	n, ok := o.Int("iteration_count")
	if !ok {
		return defaultIterations
	}
	if n < minIterations || n > maxIterations {
		o.Fault("iteration_count", "want "+strconv.Itoa(minIterations)+" to "+strconv.Itoa(maxIterations)+", not "+strconv.FormatInt(n, 10))
		return defaultIterations
	}
	return int(n)
}

// secret reads secret or secret_file, or returns nil.
func secret(l *wicket.LoadInfo, o *config.Object) []byte {
	text, ok := o.Text("secret")
	key := "secret"
	if f, is := l.File("secret_file"); is {
		_, _ = o.Text("secret_file")
		if ok {
			o.Fault("secret_file", "it is another way to write secret: set one of them")
		}
		key, text, ok = "secret_file", string(f.Content), true
	} else {
		_, _ = o.Text("secret_file")
	}
	switch {
	case !ok:
		return nil
	case len(text) < minSecret:
		o.Fault(key, "want "+strconv.Itoa(minSecret)+" bytes or more")
		return nil
	}
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}
