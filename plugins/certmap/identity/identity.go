// Package identity is the logic of the certmap plugin: it finds the names of a
// client in its certificate. It runs inside the guest, one event at a time; the
// tests run it on the host.
package identity

import (
	"strconv"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

// Mapper is a configuration ready to be asked. It is not changed after New.
type Mapper struct {
	global    *settings
	listeners map[string]*settings
}

// Authenticate names a client, or refuses it. Names are built in the order of
// the specification (MAP-09): the user name; the client id; the user name as
// client id, where that is asked for; attributes. The checks come after (MAP-12).
// It answers Next with the names, so that the next plugin decides about the client
// under them, and allows only those that accept or a check speaks of.
func (m *Mapper) Authenticate(ctx *wicket.Context, c *wicket.Connect) wicket.Verdict {
	s := m.listeners[c.Listener]
	if s == nil {
		s = m.global
	}
	r := reading{ctx, c, c.Username, c.ClientID}
	user, id := "", ""
	if s.username != nil {
		if user = s.username.expand(&r); user != "" {
			r.username = user
		} else if s.required {
			return missing(&r, s.username, "user name")
		}
	}
	if s.clientID != nil {
		if id = s.clientID.expand(&r); id != "" {
			r.clientID = id
		} else if s.required {
			return missing(&r, s.clientID, "client id")
		}
	}
	complete := (s.username == nil || user != "") && (s.clientID == nil || id != "")
	if s.usernameAsClientID {
		if r.username == "" {
			return wicket.Deny().Reason(wicket.ClientIDNotValid).Text("the user name is the client id, and it is empty")
		}
		id = r.username
		r.clientID = id
	}
	otherwise := wicket.CodeNext
	if s.accept && complete && r.certified() {
		otherwise = wicket.CodeAllow
	}
	code, index := s.subject(&r, user, id).checked(otherwise)
	v := wicket.Next()
	switch {
	case code == wicket.CodeDeny:
		return wicket.Deny().Reason(wicket.NotAuthorized).Text("checks[" + strconv.Itoa(index) + "] refuses the client")
	case code == wicket.CodeAllow && c.AuthMethod == "": // an exchange is for others to answer
		v = s.allow
	}
	return s.name(v, &r, user, id)
}

// subject tells which of the names are still the client's own although they
// are mapped. A client id made of such a user name is one as well.
func (s *settings) subject(r *reading, user, id string) *subject {
	out := &subject{reading: r, s: s, claimedUsername: s.username != nil && user == ""}
	switch {
	case s.usernameAsClientID:
		out.claimedClientID = out.claimedUsername
	case s.clientID != nil:
		out.claimedClientID = id == "" || out.claimedUsername && s.clientID.names("username")
	}
	return out
}

// name adds the names to a verdict, unless one of them is nobody's.
func (s *settings) name(v wicket.Verdict, r *reading, user, id string) wicket.Verdict {
	if user != "" {
		if err := clean(user); err != nil {
			return unclean(r, "user name", user, err)
		}
		v = v.Username(user)
	}
	if id != "" {
		if err := clean(id); err != nil {
			return unclean(r, "client id", id, err)
		}
		v = v.ClientID(id)
	}
	for i := range s.attributes {
		a := &s.attributes[i]
		if a.from == nil { // disabled
			continue
		}
		value := a.from.expand(r)
		if value == "" {
			continue
		}
		if err := clean(value); err != nil {
			return unclean(r, "attribute "+a.name, value, err)
		}
		v = v.Attribute(a.name, value)
	}
	return v
}

// missing refuses a client that has to be named and cannot.
func missing(r *reading, from *template, what string) wicket.Verdict {
	why := "nothing gives a " + what
	switch {
	case !from.proven():
	case r.certified():
		why = "the client certificate gives no " + what
	default:
		why = "a verified client certificate is required"
	}
	return wicket.Deny().Reason(wicket.NotAuthorized).Text(why)
}

// unclean refuses a client whose name could do harm elsewhere (spec MAP-08).
func unclean(r *reading, what, value string, err error) wicket.Verdict {
	if len(value) > 64 {
		value = value[:64]
	}
	wicket.Warn("client from " + r.c.Peer + " on listener " + r.c.Listener + " is refused: the " + what + " " +
		strconv.Quote(value) + " " + err.Error())
	return wicket.Deny().Reason(wicket.NotAuthorized).Text("the " + what + " " + err.Error())
}
