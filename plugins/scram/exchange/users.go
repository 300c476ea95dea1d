package exchange

import (
	"encoding/binary"
	"errors"

	"github.com/wicketmq/wicket/engine/password/encoded"
	"github.com/wicketmq/wicket/engine/password/users"
	"github.com/wicketmq/wicket/plugins/http/backend"
	"github.com/wicketmq/wicket/plugins/password/login"
	"github.com/wicketmq/wicket/plugins/preset"
	wicket "github.com/wicketmq/wicket/sdk/go"
)

func quote(name string) string { return preset.Quote(name) }

// user is somebody who may come in with a proof.
type user struct {
	credential
	admit func(*wicket.Context) (wicket.Verdict, error)
}

// directory is where users are known from.
type directory interface {
	// find returns nil for somebody who is not there.
	find(ctx *wicket.Context, c *wicket.Connect, m *Mechanism, name string) (*user, error)

	// like is a credential that one of somebody who is not there resembles.
	like(m *Mechanism, name string) *credential

	// failed is the answer when find has none.
	failed(error) wicket.Verdict
}

// saltSize is that of wicket passwd, and of EMQX.
const saltSize = 16

// file is a users file.
type file struct {
	users    map[*Mechanism]map[string]*user
	models   map[*Mechanism][]*credential // of all users, in the order of the file
	fallback credential
}

// readFile reads a users file. Users with a password hash of another kind are not
// there; the file may be that of the plugin password too.
func readFile(content []byte, rest login.Rest, iterations int) (*file, error) {
	list, err := users.Parse(content)
	if err != nil {
		return nil, err
	}
	f := &file{
		users:    map[*Mechanism]map[string]*user{sha256Mechanism: {}, sha512Mechanism: {}},
		models:   map[*Mechanism][]*credential{},
		fallback: credential{salt: make([]byte, saltSize), iterations: iterations},
	}
	rights := login.Rights(rest)
	for i := range list {
		h, err := encoded.Parse(list[i].Hash)
		if err != nil || !h.IsSCRAM() {
			continue
		}
		m := sha256Mechanism
		if h.Algorithm == encoded.SCRAMSHA512 {
			m = sha512Mechanism
		}
		v := rights(&list[i])
		u := &user{
			credential: credential{salt: h.Salt, iterations: h.Iterations, storedKey: h.Key, serverKey: h.ServerKey, mark: m.number(h.Key, list[i].Name)},
			admit:      func(*wicket.Context) (wicket.Verdict, error) { return *v, nil },
		}
		f.users[m][list[i].Name] = u
		f.models[m] = append(f.models[m], &u.credential)
	}
	return f, nil
}

func (f *file) find(_ *wicket.Context, _ *wicket.Connect, m *Mechanism, name string) (*user, error) {
	return f.users[m][name], nil
}

// like chooses one of the users that there are, so that iterations and salts are as
// frequent among those who are not there. Each user has a weight for each name, and
// the heaviest is chosen: when the file changes, a name falls to another user as
// seldom as a user is changed himself.
func (f *file) like(m *Mechanism, name string) *credential {
	n, best, most := m.number(nil, name), &f.fallback, uint64(0)
	for _, c := range f.models[m] {
		if w := mix(c.mark ^ n); w >= most {
			best, most = c, w
		}
	}
	return best
}

// number is a number made of a text, secret if the key is.
func (m *Mechanism) number(key []byte, text string) uint64 {
	return binary.BigEndian.Uint64(m.keyed(key, text))
}

// mix makes numbers that differ in a bit differ in half of them.
func mix(n uint64) uint64 {
	n = (n ^ n>>30) * 0xBF58476D1CE4E5B9
	n = (n ^ n>>27) * 0x94D049BB133111EB
	return n ^ n>>31
}

func (*file) failed(err error) wicket.Verdict { return wicket.Fail(err) }

// server is an HTTP server that keeps users (ASCRAM-01).
type server struct {
	source *backend.Source
	model  credential
}

func (s *server) find(ctx *wicket.Context, c *wicket.Connect, m *Mechanism, name string) (*user, error) {
	asked := *c
	asked.Username, asked.HasUsername = name, true
	r, err := s.source.Find(ctx, &asked)
	if r == nil || err != nil {
		return nil, err
	}
	u := &user{admit: r.Admit}
	u.iterations = s.model.iterations
	size := m.hash().Size()
	for _, field := range []struct {
		key      string
		to       *[]byte
		min, max int
	}{
		{"salt", &u.salt, 1, 64},
		{"stored_key", &u.storedKey, size, size},
		{"server_key", &u.serverKey, size, size},
	} {
		var ok bool
		*field.to, ok = encoded.Hex(r.Text(field.key))
		if n := len(*field.to); !ok || n < field.min || n > field.max {
			return nil, errors.New(field.key + " in its answer is not what " + m.Name + " has, in hexadecimal digits")
		}
	}
	return u, nil
}

func (s *server) like(*Mechanism, string) *credential { return &s.model }

func (s *server) failed(err error) wicket.Verdict { return s.source.Failed(err) }
