// Package alarm keeps what an operator should know and do something about:
// a certificate that is about to expire, a revocation list that is out of
// date. An alarm is raised once, stays until its cause is gone, and is logged
// at both ends and when it becomes more urgent, never in between.
//
// A [Registry] is safe for use by any goroutine and keeps nothing of its
// callers. It does no I/O but that of its log.
package alarm

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Level says how urgent an alarm is.
type Level string

// The levels, from the least urgent.
const (
	Notice   Level = "notice"   // there is time
	Warning  Level = "warning"  // do something these days
	Critical Level = "critical" // something fails now, or will within a day
)

// rank orders the levels.
func (l Level) rank() int { return slices.Index([]Level{Notice, Warning, Critical}, l) }

// Alarm is one thing that is wrong.
type Alarm struct {
	Name   string    `json:"name"`   // what kind of thing: "certificate_expiry"
	Object string    `json:"object"` // which of them: "tls:default"
	Level  Level     `json:"level"`
	Text   string    `json:"text"` // a sentence with the remedy
	Since  time.Time `json:"since"`
}

type key struct{ name, object string }

// Registry holds the alarms that are raised now.
type Registry struct {
	log *slog.Logger
	now func() time.Time

	mu     sync.Mutex
	raised map[key]Alarm
	total  uint64
}

// New makes an empty registry; now is the clock of Since.
func New(log *slog.Logger, now func() time.Time) *Registry {
	return &Registry{log: log, now: now, raised: map[key]Alarm{}}
}

// Raise raises an alarm, or changes level and text of one that is raised
// already. It is logged when it is new or has become more urgent.
func (r *Registry) Raise(name, object string, level Level, text string) {
	r.mu.Lock()
	old, known := r.raised[key{name, object}]
	a := Alarm{Name: name, Object: object, Level: level, Text: text, Since: old.Since}
	if !known {
		a.Since = r.now()
		r.total++
	}
	r.raised[key{name, object}] = a
	r.mu.Unlock()
	if !known || level.rank() > old.Level.rank() {
		r.log.Warn("alarm raised", "alarm", name, "object", object, "alarm_level", string(level), "text", text)
	}
}

// Clear ends an alarm; one that is not raised is left alone.
func (r *Registry) Clear(name, object string) {
	r.mu.Lock()
	a, known := r.raised[key{name, object}]
	delete(r.raised, key{name, object})
	r.mu.Unlock()
	if known {
		r.log.Info("alarm cleared", "alarm", name, "object", object, "raised", a.Since)
	}
}

// Keep clears the alarms of a name whose object is not among those given: the
// things themselves are gone.
func (r *Registry) Keep(name string, objects []string) {
	for _, a := range r.List() {
		if a.Name == name && !slices.Contains(objects, a.Object) {
			r.Clear(name, a.Object)
		}
	}
}

// List returns the alarms, the most urgent first, then by name and object.
func (r *Registry) List() []Alarm {
	r.mu.Lock()
	out := make([]Alarm, 0, len(r.raised))
	for _, a := range r.raised {
		out = append(out, a)
	}
	r.mu.Unlock()
	slices.SortFunc(out, func(a, b Alarm) int {
		return cmp.Or(b.Level.rank()-a.Level.rank(), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Object, b.Object))
	})
	return out
}

// Total is how many alarms have been raised since the start.
func (r *Registry) Total() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}
