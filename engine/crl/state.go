package crl

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/wicketmq/wicket/engine/cert"
)

// Health is what an operator should know of a list first.
type Health string

// The healths of a list, from the best.
const (
	Current     Health = "current"     // in force, and the last look at it succeeded
	Loading     Health = "loading"     // fetched for the first time
	Unreachable Health = "unreachable" // in force, but it could not be refreshed
	Expiring    Health = "expiring"    // the same, and it is soon out of date
	Stale       Health = "stale"       // past nextUpdate
	Missing     Health = "missing"     // there is none: it never could be had
	Gone        Health = "gone"        // dropped; only Options.OnState is told
)

// State is what there is to know about a list.
type State struct {
	Source     string    `json:"source"` // URL or path
	Local      bool      `json:"local"`  // a file's
	Issuer     string    `json:"issuer"` // RFC 4514 text
	Health     Health    `json:"health"`
	Entries    int       `json:"entries"`
	Bytes      int       `json:"bytes"` // of memory, for the entries
	Number     string    `json:"number,omitempty"`
	ThisUpdate time.Time `json:"this_update,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	FetchedAt  time.Time `json:"fetched_at,omitzero"` // last success, also if nothing had changed
	NextFetch  time.Time `json:"next_fetch,omitzero"`
	LastError  string    `json:"last_error,omitempty"`

	// ID tells lists of one source apart: it may hold those of several
	// issuers, of several keys of one, or for several distribution points.
	ID string `json:"-"`
}

// String is a sentence for logs and alarms, with the remedy.
func (s State) String() string {
	text := fmt.Sprintf("revocation list %q of %q ", s.Source, s.Issuer)
	if s.Issuer == "" { // nobody knows what it would hold
		text = fmt.Sprintf("revocation list %q ", s.Source)
	}
	switch s.Health {
	case Current:
		return text + fmt.Sprintf("is in force with %d entries%s", s.Entries, s.until())
	case Unreachable:
		return text + fmt.Sprintf("cannot be refreshed: %s; the old one stays in force%s", s.LastError, s.until())
	case Expiring:
		text += "is soon out of date" + s.until()
	case Stale:
		text += fmt.Sprintf("is out of date since %s", stamp(s.NextUpdate))
	case Missing:
		return text + fmt.Sprintf("cannot be had: %s; correct that at the server or the file", s.LastError)
	default:
		return text + "is " + string(s.Health)
	}
	if s.LastError != "" {
		text += " and cannot be refreshed: " + s.LastError
	}
	return text + "; publish a newer one"
}

func (s State) until() string {
	if s.NextUpdate.IsZero() {
		return ""
	}
	return ", until " + stamp(s.NextUpdate)
}

// describe fills in what a list says of itself.
func (s *State) describe(l *list) {
	s.Issuer = cert.Subject(l.issuer)
	s.Entries, s.Bytes, s.Number = l.entries, l.bytes(), l.number
	s.ThisUpdate, s.NextUpdate = l.thisUpdate, l.nextUpdate
}

// healthOf judges a list and whether the last look at it succeeded. Files
// expire whether or not they can be read: nobody fetches newer ones.
func healthOf(l *list, failed, local bool, now time.Time) Health {
	switch at := l.alarmAt(); {
	case l.stale(now):
		return Stale
	case (failed || local) && !at.IsZero() && !now.Before(at):
		return Expiring
	case failed:
		return Unreachable
	}
	return Current
}

// State returns the state of all lists, by source and issuer.
func (c *Cache) State() []State {
	c.mu.Lock()
	now := time.Now()
	states := make([]State, 0, len(c.entries))
	for _, e := range c.entries {
		states = append(states, e.state(now))
	}
	locals := c.sources()
	c.mu.Unlock()
	for _, l := range locals {
		states = append(states, l.states(now)...)
	}
	slices.SortFunc(states, func(a, b State) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Issuer, b.Issuer), a.ThisUpdate.Compare(b.ThisUpdate))
	})
	return states
}
