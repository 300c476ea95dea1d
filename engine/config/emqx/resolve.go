package emqx

import "strings"

// resolver replaces substitutions once the whole tree is there.
type resolver struct {
	*reader
	root  *value
	depth int
	busy  map[*value]bool   // being resolved: a substitution of itself
	done  map[*value]*value // concatenations that were resolved
}

func (r *resolver) top() *value {
	r.busy, r.done = map[*value]bool{}, map[*value]*value{}
	return r.value(r.root)
}

// value returns a value without substitutions in it, or nil for an optional
// one that stands for nothing.
func (r *resolver) value(v *value) *value {
	if r.dead() {
		return nil
	}
	r.file = v.at.File
	if r.depth++; r.depth > 2*maxDepth {
		r.fail(v.at.Line, "", "substitutions are nested more than %d deep", maxDepth)
	}
	defer func() { r.depth-- }()
	switch v.kind {
	case section:
		r.section(v)
	case list:
		kept := v.list[:0]
		for _, e := range v.list {
			if e = r.value(e); e != nil {
				kept = append(kept, e)
			}
		}
		v.list = kept
	case reference, concat:
		if out, ok := r.done[v]; ok {
			return out
		}
		if r.busy[v] {
			r.fail(v.at.Line, "", "a substitution stands for itself: %s", shorten(v.ref))
			return nil
		}
		r.busy[v] = true
		out := r.join(v)
		delete(r.busy, v)
		r.done[v] = out
		return out
	}
	return v
}

// section resolves the fields of a section, once.
func (r *resolver) section(v *value) {
	if _, seen := r.done[v]; seen || r.busy[v] {
		return
	}
	r.busy[v] = true
	for _, key := range append([]string(nil), v.fields.keys...) {
		out := r.value(v.fields.byID[key])
		if out == nil {
			v.fields.remove(key)
			continue
		}
		v.fields.byID[key] = out
	}
	delete(r.busy, v)
	r.done[v] = v
}

// join resolves a reference, or the parts of a concatenation.
func (r *resolver) join(v *value) *value {
	if v.kind == reference {
		return r.lookup(v)
	}
	var parts []*value
	for _, p := range v.list {
		if p = r.value(p); p != nil {
			parts = append(parts, p)
		}
	}
	switch {
	case r.dead() || len(parts) == 0:
		return nil
	case all(parts, section):
		out := sectionAt(v.at)
		for _, p := range parts {
			merge(out, r.copied(p))
		}
		return out
	case all(parts, list):
		out := &value{kind: list, at: v.at}
		for _, p := range parts {
			out.list = append(out.list, r.copied(p).list...)
		}
		return out
	}
	var b strings.Builder
	for _, p := range parts {
		if p.kind != text {
			r.fail(v.at.Line, "", "a text, a list and a section cannot be joined")
			return nil
		}
		if b.WriteString(p.text); b.Len() > maxText {
			r.fail(v.at.Line, "", "a text is longer than %d bytes once its substitutions are made", maxText)
			return nil
		}
	}
	return &value{kind: text, text: b.String(), quoted: true, at: v.at}
}

func all(parts []*value, k kind) bool {
	for _, p := range parts {
		if p.kind != k {
			return false
		}
	}
	return true
}

// lookup finds what a reference stands for: a key of the file, or a variable
// of the environment.
func (r *resolver) lookup(v *value) *value {
	at := r.root
	path := strings.Split(v.ref, ".")
	for i, word := range path {
		if at.kind != section {
			at = nil
			break
		}
		if at = at.fields.get(word); at == nil {
			break
		}
		if i < len(path)-1 && at.kind != section {
			if at = r.value(at); at == nil {
				break
			}
		}
	}
	if at != nil && at.kind == section && r.busy[at] {
		r.file = v.at.File
		r.fail(v.at.Line, "", "a substitution stands for itself: ${%s}", shorten(v.ref))
		return nil
	}
	if at != nil {
		if out := r.value(at); out != nil {
			return r.copied(out)
		}
	}
	set, ok := r.folders.vars[v.ref]
	if !ok {
		set, ok = r.options.Getenv(v.ref)
	}
	if ok {
		return &value{kind: text, text: set, quoted: true, at: v.at}
	}
	r.file = v.at.File
	if !v.maybe {
		r.fail(v.at.Line, "", "${%s} is neither a key of this file nor a variable of the environment", shorten(v.ref))
	}
	return nil
}

// copied is a value of its own, so that what is merged into it changes nothing
// else. Each copy counts against the budget.
func (r *resolver) copied(v *value) *value {
	r.spend(v.at.Line)
	if r.dead() {
		return v
	}
	out := *v
	switch v.kind {
	case section:
		out.fields = newObject()
		for _, k := range v.fields.keys {
			out.fields.set(k, r.copied(v.fields.byID[k]))
		}
	case list:
		out.list = make([]*value, len(v.list))
		for i, e := range v.list {
			out.list[i] = r.copied(e)
		}
	}
	return &out
}
