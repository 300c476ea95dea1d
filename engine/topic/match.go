package topic

// Match reports whether a valid filter, not a shared one, matches a valid
// topic name (§4.7). Text is compared byte by byte, without any normalization
// [MQTT-4.7.3-4]. Text that is not valid gets an answer too, mostly false.
func Match[F, N Text](filter F, name N) bool {
	if len(filter) == 0 || len(name) == 0 || isReserved(name) && isWild(filter, 0) {
		return false
	}
	return covers(filter, name) // a name is a filter that matches itself alone
}

// Covers reports whether the filter outer matches every topic name that the
// filter inner could match; both are valid and not shared. So "t/#" covers
// "t/1/+" and "t/+" does not cover "t/#". As a wildcard in the first level
// does not match names that start with $ [MQTT-4.7.2-1], "#" does not cover
// "$SYS/#".
func Covers[O, I Text](outer O, inner I) bool {
	if len(outer) == 0 || len(inner) == 0 || isReserved(inner) && isWild(outer, 0) {
		return false
	}
	// No name is empty, so "#" asks for a level and "/#" for a second one.
	switch {
	case isHash(inner, 0):
		return covers(outer, "+/#")
	case inner[0] == '/' && isHash(inner, 1):
		return covers(outer, "/+/#")
	}
	return covers(outer, inner)
}

// covers compares level by level, without the special cases of the first.
func covers[O, I Text](outer O, inner I) bool {
	i, j := 0, 0
	for {
		switch {
		case isHash(outer, i):
			return true
		case isHash(inner, j):
			return false
		}
		var ok bool
		if i, j, ok = matchLevel(outer, i, inner, j); !ok {
			return false
		}
		switch {
		case i == len(outer):
			return j == len(inner)
		case j == len(inner):
			return isHash(outer, i+1) // "sport/#" matches "sport"
		}
		i, j = i+1, j+1
	}
}

// matchLevel matches the levels that start at i and j and returns where they
// end: at a separator or at the end of the text.
func matchLevel[O, I Text](outer O, i int, inner I, j int) (int, int, bool) {
	if isPlus(outer, i) {
		return i + 1, levelEnd(inner, j), true
	}
	for i < len(outer) && outer[i] != '/' {
		if j == len(inner) || outer[i] != inner[j] {
			return i, j, false
		}
		i, j = i+1, j+1
	}
	return i, j, j == len(inner) || inner[j] == '/'
}

// isReserved reports whether s starts with $: a name for the server's own
// uses, which wildcards in the first level do not match [MQTT-4.7.2-1].
func isReserved[T Text](s T) bool { return s[0] == '$' }

func isWild[T Text](s T, i int) bool { return isPlus(s, i) || isHash(s, i) }

// isPlus reports whether the level that starts at i is "+".
func isPlus[T Text](s T, i int) bool {
	return i < len(s) && s[i] == '+' && (i+1 == len(s) || s[i+1] == '/')
}

// isHash reports whether what starts at i is a "#" that ends the filter.
func isHash[T Text](s T, i int) bool { return i+1 == len(s) && s[i] == '#' }

// levelEnd returns the end of the level that starts at i.
func levelEnd[T Text](s T, i int) int {
	for i < len(s) && s[i] != '/' {
		i++
	}
	return i
}
