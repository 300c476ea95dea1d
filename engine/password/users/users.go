// Package users reads and edits users files: who may log in, with which
// password hash, and what each may do. One user per line in mosquitto's format,
// and below it, indented, what mosquitto keeps elsewhere. Names are user names, or
// client ids where the reader takes them for that:
//
//	# Anything after a number sign at the start of a line is a comment.
//	alice:$argon2id$v=19$m=19456,t=2,p=1$…$…
//	  superuser
//	bob:$7$101$…$…
//	  allow publish devices/${clientid}/#
//	  allow subscribe "with spaces/#" qos 0,1
//	  deny all #
//
// A rule is: allow or deny; publish, subscribe or all; a topic filter; and,
// in any order, "qos" with a list, "retain" or "no-retain" (publishing with
// or without the retain flag), and "exact" (no wildcards). Filters may hold
// ${clientid}, ${username}, ${cert_common_name} and ${client_attrs.NAME} as whole
// levels. Rules are
// tried in order, and what none of them matches is denied. A user without any
// rule may do everything except publish below $SYS.
//
// A file with a fault anywhere is refused whole. The package does no I/O and
// no cryptography, and compiles for guest modules; package password keeps
// files on disk.
package users

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wicketmq/wicket/engine/password/encoded"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

// User is one entry of a users file.
type User struct {
	Name      string
	Hash      string // as encoded.Parse reads it
	Superuser bool
	Rules     []wire.Rule // in order; what none of them matches is denied when there are any
	Line      int         // where the entry starts, from 1
}

// Fault is something wrong with a line of a users file. Its text never quotes
// a hash, nor a line that could be a password.
type Fault struct {
	Line int
	Text string
}

func (f Fault) Error() string { return "line " + strconv.Itoa(f.Line) + ": " + f.Text }

// Faults is everything wrong with a users file, up to a dozen.
type Faults []Fault

func (f Faults) Error() string {
	var b strings.Builder
	for i, fault := range f {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(fault.Error())
	}
	return b.String()
}

const maxFaults = 12

// parser holds the state between lines.
type parser struct {
	users  []User
	seen   map[string]int // name to line
	orphan bool           // the last user line was refused: its options are skipped
	faults Faults
}

// Parse reads a users file; the error is a Faults. An empty file has no users,
// and nobody can log in by it.
func Parse(content []byte) ([]User, error) {
	p := parser{seen: map[string]int{}}
	number := 0
	for line := range bytes.Lines(content) {
		number++
		text := string(bytes.TrimRight(line, "\r\n"))
		if number == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if err := p.line(number, text); err != nil {
			p.faults = append(p.faults, Fault{number, err.Error()})
			if len(p.faults) == maxFaults {
				break
			}
		}
	}
	if len(p.faults) > 0 {
		return nil, p.faults
	}
	return p.users, nil
}

// kind says what a line without its end is.
type kind uint8

const (
	empty kind = iota // blank or a comment
	user
	option
)

func kindOf(line string) kind {
	text := strings.TrimLeft(line, " \t")
	switch {
	case text == "" || text[0] == '#':
		return empty
	case len(text) < len(line):
		return option
	}
	return user
}

func (p *parser) line(number int, line string) error {
	if err := printable(line); err != nil {
		return err
	}
	switch kindOf(line) {
	case user:
		return p.user(number, line)
	case option:
		return p.option(strings.Trim(line, " \t"))
	}
	return nil
}

func (p *parser) user(number int, line string) error {
	p.orphan = true
	name, hash, ok := cut(line)
	if !ok {
		return errors.New(`want "name:hash", or a rule indented below its user`)
	}
	if err := ValidName(name); err != nil {
		return err
	}
	quoted := strconv.Quote(name)
	if at, twice := p.seen[name]; twice {
		return errors.New("user " + quoted + " is already on line " + strconv.Itoa(at))
	}
	p.seen[name] = number
	hash = strings.TrimRight(hash, " \t")
	if hash == "" {
		return errors.New("user " + quoted + " has no password hash")
	}
	if _, err := encoded.Parse(hash); err != nil {
		return errors.New("user " + quoted + ": " + err.Error())
	}
	p.orphan = false
	p.users = append(p.users, User{Name: name, Hash: hash, Line: number})
	return nil
}

// cut splits a user's line at the colon that a hash follows, so that a name may
// have colons of its own, as client ids made of a MAC address do.
func cut(line string) (name, hash string, ok bool) {
	if i := hashAfter(line); i >= 0 {
		return line[:i], line[i+1:], true
	}
	return strings.Cut(line, ":")
}

// hashAfter returns the place of the first colon that is followed by what a hash
// begins with, or -1.
func hashAfter(text string) int {
	for i := 0; i < len(text); i++ {
		if rest := text[i+1:]; text[i] == ':' && (strings.HasPrefix(rest, "$") || strings.HasPrefix(rest, "SCRAM-SHA-")) {
			return i
		}
	}
	return -1
}

func (p *parser) option(text string) error {
	if p.orphan {
		return nil // the fault of its user is enough
	}
	if len(p.users) == 0 {
		return errors.New("an indented line belongs to the user above it, and there is none")
	}
	u := &p.users[len(p.users)-1]
	if text == "superuser" {
		if len(u.Rules) > 0 {
			return errSuperuser
		}
		u.Superuser = true
		return nil
	}
	rule, err := ParseRule(text)
	if err != nil {
		return err
	}
	if u.Superuser {
		return errSuperuser
	}
	u.Rules = append(u.Rules, rule)
	return nil
}

var errSuperuser = errors.New("a superuser may do everything: rules do not apply")

// ValidName says whether a name can stand in a users file.
func ValidName(name string) error {
	switch {
	case name == "":
		return errors.New("the user name is empty")
	case len(name) > 65535:
		return errors.New("the user name is longer than MQTT allows")
	case hashAfter(name) >= 0:
		return errors.New("a user name cannot contain a colon before $ or SCRAM-SHA-, where a hash begins")
	case strings.ContainsAny(name[:1], "# \t\ufeff"):
		return errors.New("a user name cannot start with a space or a number sign")
	case strings.HasSuffix(name, " "):
		return errors.New("a user name cannot end with a space")
	case strings.Contains(name, "\t"):
		return errors.New("a user name cannot contain a tab")
	case strings.HasPrefix(name, "\ufeff"):
		return errors.New("a user name cannot start with a byte order mark")
	}
	return printable(name)
}

// printable refuses what MQTT does not allow in strings [MQTT-1.5.4-1] or
// advises against (section 1.5.4).
func printable(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("the text is not UTF-8")
	}
	for _, r := range text {
		if r < ' ' && r != '\t' || r >= 0x7f && r <= 0x9f {
			return errors.New("the text contains a control character")
		}
	}
	return nil
}
