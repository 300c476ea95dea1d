// Package login is the logic of the password plugin: it answers a CONNECT from
// a users file. It runs inside the guest, one event at a time; the tests run
// it on the host.
package login

import (
	"errors"
	"strconv"

	"github.com/wicketmq/wicket/engine/password/encoded"
	"github.com/wicketmq/wicket/engine/password/users"
	wicket "github.com/wicketmq/wicket/sdk/go"
)

// Book is a users file ready to be asked. It is not changed after New.
type Book struct {
	key     Key
	entries map[string]entry
	decoy   string
	weak    int
}

type entry struct {
	hash    string
	verdict *wicket.Verdict // shared by users with the same rights
}

// defaultDecoy stands in while there is no user whose hash could be imitated:
// argon2id as wicket passwd makes it, with a key of zeros.
const defaultDecoy = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// Key says which of a client's names the names of the users file are
// (user_id_type, spec ADB-01).
type Key uint8

// The keys.
const (
	ByUsername Key = iota
	ByClientID
)

// ParseKey reads username or clientid; empty is username.
func ParseKey(text string) (Key, error) {
	switch text {
	case "", "username":
		return ByUsername, nil
	case "clientid":
		return ByClientID, nil
	}
	return 0, errors.New("user_id_type: want username or clientid, not " + strconv.Quote(text))
}

// name returns the name that a client is looked up by; empty when it shows none.
func (k Key) name(c *wicket.Connect) string {
	switch {
	case k == ByClientID:
		return c.ClientID
	case c.HasUsername:
		return c.Username
	}
	return ""
}

// Rest is what holds where the rules of a user say nothing.
type Rest struct {
	Code  wicket.Code
	Given bool // by the operator, for users without rules too
}

// ParseRest reads allow, deny or next; empty is what holds without a setting:
// users with rules may do what these say, those without everything but publish
// below $SYS.
func ParseRest(text string) (Rest, error) {
	switch text {
	case "":
		return Rest{}, nil
	case "allow":
		return Rest{wicket.CodeAllow, true}, nil
	case "deny":
		return Rest{wicket.CodeDeny, true}, nil
	case "next":
		return Rest{wicket.CodeNext, true}, nil
	}
	return Rest{}, errors.New("default: want allow, deny or next, not " + strconv.Quote(text))
}

// New reads a users file.
func New(content []byte, key Key, rest Rest) (*Book, error) {
	list, err := users.Parse(content)
	if err != nil {
		return nil, err
	}
	b := &Book{key: key, entries: make(map[string]entry, len(list))}
	rights := Rights(rest)
	for i := range list {
		u := &list[i]
		b.entries[u.Name] = entry{hash: u.Hash, verdict: rights(u)}
	}
	b.decoy = decoy(list)
	for i := range list {
		if h, err := encoded.Parse(list[i].Hash); err == nil && h.Weak() {
			b.weak++
		}
	}
	return b, nil
}

// Weak returns the number of users whose passwords whoever has the file finds by
// trying, for their hashes are plain digests.
func (b *Book) Weak() int { return b.weak }

// Rights returns what makes the verdict about a user who has shown who he is;
// users with the same rights share one.
func Rights(rest Rest) func(*users.User) *wicket.Verdict {
	plain := wicket.Allow().Rule(wicket.DenyPublish("$SYS/#")).Default(wicket.CodeAllow)
	if rest.Given {
		plain = wicket.Allow().Default(rest.Code)
		if rest.Code == wicket.CodeAllow {
			plain = plain.Rule(wicket.DenyPublish("$SYS/#"))
		}
	}
	super := wicket.Allow().Superuser()
	return func(u *users.User) *wicket.Verdict {
		switch {
		case u.Superuser:
			return &super
		case len(u.Rules) > 0:
			own := wicket.Allow().Rule(u.Rules...).Default(rest.Code)
			return &own
		}
		return &plain
	}
}

// Len returns the number of users.
func (b *Book) Len() int { return len(b.entries) }

// decoy imitates the kind of hash, cost included, that most users have, so that
// an unknown user takes as long to refuse as a known one.
func decoy(list []users.User) string {
	count := map[string]int{}
	most, text := 0, defaultDecoy
	for i := range list {
		h, err := encoded.Parse(list[i].Hash)
		if err != nil {
			continue // users.Parse has refused such a file
		}
		kind := h.Kind()
		if count[kind]++; count[kind] > most {
			most, text = count[kind], h.Decoy()
		}
	}
	return text
}

// Authenticate answers a CONNECT. A client without a password, or without the
// name that users are looked up by, is none of its business, nor is one with an
// authentication method, which another plugin has to prove (spec AUTHN-11);
// everybody else is let in or refused, and the refusal is the same for an unknown
// user and for a wrong password, in what it says and in the time it takes.
func (b *Book) Authenticate(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
	name := b.key.name(c)
	if !c.HasPassword || name == "" || c.AuthMethod != "" {
		return wicket.Next()
	}
	e, known := b.entries[name]
	hash := e.hash
	if !known {
		hash = b.decoy
	}
	ok, err := ctx.VerifyPassword(hash, c.Password)
	switch {
	case errors.Is(err, wicket.ErrBusy):
		return wicket.Deny().Reason(wicket.ServerBusy)
	case err != nil:
		return wicket.Fail(errors.New("cannot verify the password of user " + strconv.Quote(name) + ": " + err.Error()))
	case !ok || !known:
		// Not authorized, which 3.1.1 clients see as 5, and not 0x86: their
		// code for that says that the text of the password is malformed.
		return wicket.Deny().Reason(wicket.NotAuthorized)
	}
	return *e.verdict
}
