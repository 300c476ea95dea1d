package crl

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// open returns the lists of a path, for one more user. A file that is no list
// is an error; in a directory, which may also be empty, State tells of it.
func (c *Cache) open(path string) (*localSource, error) {
	c.mu.Lock()
	s := c.locals[path]
	if s == nil {
		s = &localSource{path: path, maxSize: c.options.MaxSize, files: make(map[string]*localFile), told: make(map[localName]State)}
		s.byIssuer.Store(&map[string][]*localList{})
		c.locals[path] = s
	}
	s.users++
	c.mu.Unlock()
	changed, err := s.read(false)
	if err != nil && s.hopeless() {
		c.release(s) // before anybody was told of it
		return nil, err
	}
	c.heed(s, changed)
	c.poll()
	return s, nil
}

// hopeless reports whether there is nothing at the path to go on with.
func (s *localSource) hopeless() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[s.path]
	return len(*s.byIssuer.Load()) == 0 && (s.err != nil || f != nil && f.err != nil)
}

// release gives back what open returned.
func (c *Cache) release(s *localSource) {
	c.mu.Lock()
	s.users--
	last := s.users == 0
	if last {
		delete(c.locals, s.path)
	}
	c.mu.Unlock()
	if last {
		c.tellLocal(s, true)
	}
}

// sources returns the local sources; the caller holds Cache.mu.
func (c *Cache) sources() []*localSource { return slices.Collect(maps.Values(c.locals)) }

// poll begins to look at local files in intervals, once.
func (c *Cache) poll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.polling || c.closed {
		return
	}
	c.polling = true
	c.work.Go(func() {
		tick := time.NewTicker(c.options.PollInterval)
		defer tick.Stop()
		for {
			select {
			case <-c.ctx.Done():
				return
			case <-tick.C:
			}
			c.mu.Lock()
			sources := c.sources()
			c.mu.Unlock()
			for _, s := range sources {
				_ = c.reload(s, false) // State and OnState tell
			}
		}
	})
}

// reload reads what has changed at a path, and tells of it.
func (c *Cache) reload(s *localSource, force bool) error {
	changed, err := s.read(force)
	c.heed(s, changed)
	return err
}

// heed tells of what was read at a path.
func (c *Cache) heed(s *localSource, changed bool) {
	c.tellLocal(s, false)
	if changed {
		c.options.OnChange()
	}
}

// tellLocal calls OnState for the lists of a path whose health has changed;
// after the last call for a path, they are gone.
func (c *Cache) tellLocal(s *localSource, last bool) {
	c.telling.Lock()
	defer c.telling.Unlock()
	s.gone = s.gone || last
	var states []State
	if !s.gone {
		states = s.states(time.Now())
	}
	seen := make(map[localName]bool)
	for _, state := range states {
		name := localName{state.Source, state.ID}
		seen[name] = true
		if s.told[name].Health != state.Health {
			s.told[name] = state
			c.options.OnState(state)
		}
	}
	for name, state := range s.told {
		if !seen[name] {
			delete(s.told, name)
			c.options.OnState(State{Source: state.Source, Local: true, Issuer: state.Issuer, Health: Gone, ID: state.ID})
		}
	}
}

// states returns the state of the lists in force and of the files that hold
// none but should.
func (s *localSource) states(now time.Time) []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []State
	if s.err != nil && len(s.files) == 0 {
		out = append(out, State{Source: s.path, Local: true, Health: Missing, LastError: s.err.Error()})
	}
	for name, f := range s.files {
		if f.err != nil && len(f.lists) == 0 {
			out = append(out, State{Source: name, Local: true, Health: Missing, LastError: f.err.Error()})
		}
	}
	for _, lists := range *s.byIssuer.Load() {
		for _, l := range lists {
			f := s.files[l.path]
			state := State{Source: l.path, Local: true, FetchedAt: f.at, ID: l.list.slot()}
			failed := cmp.Or(f.err, s.err)
			state.describe(l.list)
			state.Health = healthOf(l.list, failed != nil, true, now)
			if err := cmp.Or(failed, l.complaint()); err != nil {
				state.LastError = err.Error()
			}
			out = append(out, state)
		}
	}
	return out
}
