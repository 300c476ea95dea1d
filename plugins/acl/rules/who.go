package rules

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"github.com/wicketmq/wicket/plugins/pattern"
	wicket "github.com/wicketmq/wicket/sdk/go"
)

// condition is one thing that a rule asks of a client: one of its values.
type condition struct {
	kind     kind
	key      string // of an attribute
	patterns []pattern.Pattern
	networks []netip.Prefix
}

// kind is what a condition is about.
type kind uint8

const (
	user kind = iota
	client
	address
	listener
	attribute
)

var kinds = map[string]kind{"user": user, "client": client, "address": address, "listener": listener, "attribute": attribute}

// subject is what conditions look at.
type subject struct {
	*wicket.Access
	host netip.Addr // invalid when there is none
}

func clientOf(a *wicket.Access) subject {
	peer, err := netip.ParseAddrPort(a.Peer)
	if err != nil {
		return subject{Access: a}
	}
	return subject{a, peer.Addr().Unmap().WithZone("")}
}

// is says whether all conditions hold.
func (s *subject) is(who []condition) bool {
	for i := range who {
		if !s.has(&who[i]) {
			return false
		}
	}
	return true
}

// has says whether one condition holds. What the client does not have is never
// the same as anything, "*" included.
func (s *subject) has(c *condition) bool {
	if c.kind == address {
		for _, n := range c.networks {
			if n.Contains(s.host) {
				return true
			}
		}
		return false
	}
	value := s.value(c)
	if value == "" {
		return false
	}
	for _, p := range c.patterns {
		if p.Matches(value) {
			return true
		}
	}
	return false
}

func (s *subject) value(c *condition) string {
	switch c.kind {
	case user:
		return s.Username
	case client:
		return s.ClientID
	case listener:
		return s.Listener
	}
	for _, p := range s.Attributes {
		if p.Key == c.key {
			return p.Value
		}
	}
	return ""
}

// parseWho reads what stands after "for": conditions joined by "and".
func parseWho(text string) ([]condition, error) {
	words, err := split(text)
	if err != nil {
		return nil, err
	}
	var who []condition
	for {
		if len(words) == 0 {
			return nil, errNobody
		}
		k, ok := kinds[words[0].plain()]
		if !ok {
			return nil, errors.New("want user, client, address, listener or attribute after for, not " + strconv.Quote(words[0].text()))
		}
		if len(words) < 2 {
			return nil, errors.New("want a value after " + words[0].text())
		}
		c := condition{kind: k}
		if err := c.read(words[1]); err != nil {
			return nil, err
		}
		who = append(who, c)
		if words = words[2:]; len(words) == 0 {
			return who, nil
		}
		if words[0].plain() != "and" {
			return nil, errors.New("want and before another condition, not " + strconv.Quote(words[0].text()) +
				" (a value with spaces is written in quotes, several with commas and no spaces between)")
		}
		words = words[1:]
	}
}

// read reads the values of a condition.
func (c *condition) read(w word) error {
	if c.kind == attribute {
		name, value, ok := strings.Cut(w[0].text, "=")
		if !ok || name == "" || w[0].quoted {
			return errors.New("want attribute NAME=VALUE, not " + strconv.Quote(w.text()))
		}
		c.key = name
		if w[0].text = value; value == "" && len(w) > 1 && w[1].joined {
			w = w[1:]
		}
	}
	for _, v := range w {
		if v.text == "" {
			return errors.New("an empty value is nobody's")
		}
		if c.kind == address {
			n, err := parseNetwork(v.text)
			if err != nil {
				return err
			}
			c.networks = append(c.networks, n)
			continue
		}
		p := pattern.Literal(v.text)
		if !v.quoted {
			p = pattern.Parse(v.text)
		}
		c.patterns = append(c.patterns, p)
	}
	return nil
}

// parseNetwork reads an address, or a network in CIDR notation.
func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, errors.New(strconv.Quote(text) + " is neither an address nor a network: write 192.0.2.7, 10.1.0.0/16 or 2001:db8::/32")
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		return p, errors.New(strconv.Quote(text) + " has bits set beyond its length; the network is " + p.Masked().String())
	}
	return p, nil
}

// word is what stands between spaces: values with commas between them.
type word []value

type value struct {
	text   string
	quoted bool
	joined bool // no comma stands before it
}

// plain is the text of a word that is one value without quotes.
func (w word) plain() string {
	if len(w) != 1 || w[0].quoted {
		return ""
	}
	return w[0].text
}

func (w word) text() string {
	texts := make([]string, len(w))
	for i, v := range w {
		texts[i] = v.text
	}
	return strings.Join(texts, ",")
}

// split cuts text into words. In quotes a backslash stands before a quote or a
// backslash.
func split(text string) ([]word, error) {
	var words []word
	var w word
	var b strings.Builder
	begun, joined := false, false // a value; right behind another
	end := func(quoted bool) {
		w = append(w, value{b.String(), quoted, joined})
		b.Reset()
		begun, joined = false, false
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			if begun {
				end(false)
				joined = true
			}
			n, err := unquote(text[i+1:], &b)
			if err != nil {
				return nil, err
			}
			i += n
			end(true)
			if i+1 < len(text) && !strings.ContainsRune(", \t", rune(text[i+1])) {
				return nil, errors.New("want a comma or a space after what is in quotes")
			}
			if i+1 < len(text) && text[i+1] == ',' {
				i++
				begun = true
			}
		case c == ',':
			end(false)
			begun = true
		case c == ' ' || c == '\t':
			if begun {
				end(false)
			}
			if len(w) > 0 {
				words, w = append(words, w), nil
			}
		default:
			b.WriteByte(c)
			begun = true
		}
	}
	if begun {
		end(false)
	}
	if len(w) > 0 {
		words = append(words, w)
	}
	return words, nil
}

// unquote writes what stands before the closing quote and returns its length,
// with that quote.
func unquote(text string, b *strings.Builder) (int, error) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1, nil
		case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return 0, errors.New("the quotes have no end")
}
