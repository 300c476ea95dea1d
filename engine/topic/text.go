package topic

// MaxLength is the longest topic name or filter in bytes [MQTT-4.7.3-3].
const MaxLength = 65535

// sharePrefix starts the filter of a shared subscription (§4.8.2).
const sharePrefix = "$share/"

// Text is a topic name or filter in either of its forms. That it is UTF-8 is
// checked by the packet decoder [MQTT-1.5.4-1] and not here again.
type Text interface{ ~string | ~[]byte }

// Error is a rule of §4.7 or §4.8.2 that a name or filter breaks.
type Error struct {
	Rule string // such as "MQTT-4.7.1-1", MQTT 5.0 numbering
	Text string
}

// Error says which rule is broken; the offending text is not in it, because
// it is the peer's and may be 64 KB long.
func (e *Error) Error() string { return e.Text + " [" + e.Rule + "]" }

// The ways in which a name or filter can be invalid.
var (
	ErrEmpty        = &Error{"MQTT-4.7.3-1", "topic is empty"}
	ErrNUL          = &Error{"MQTT-4.7.3-2", "topic contains U+0000"}
	ErrTooLong      = &Error{"MQTT-4.7.3-3", "topic is longer than 65,535 bytes"}
	ErrNameWildcard = &Error{"MQTT-4.7.0-1", "topic name contains a wildcard"}
	ErrMultiLevel   = &Error{"MQTT-4.7.1-1", "# is not the whole last level of the filter"}
	ErrSingleLevel  = &Error{"MQTT-4.7.1-2", "+ is not a whole level of the filter"}
	ErrShareName    = &Error{"MQTT-4.8.2-1", "share name is empty"}
	ErrShareChar    = &Error{"MQTT-4.8.2-2", "share name contains a wildcard"}
	ErrShareFilter  = &Error{"MQTT-4.8.2-2", "share name is not followed by a topic filter"}
	ErrShareNested  = &Error{"MQTT-4.8.2-2", "shared subscription inside a shared subscription"}
)

// ValidName returns nil if name may be published to, otherwise an *Error.
func ValidName[T Text](name T) error {
	if err := validLength(name); err != nil {
		return err
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; c > '+' {
			continue // nearly all characters of nearly all names
		} else if c == 0 {
			return ErrNUL
		} else if c == '+' || c == '#' {
			return ErrNameWildcard
		}
	}
	return nil
}

// ValidFilter returns nil if filter may be subscribed to, otherwise an *Error.
// A filter that starts with "$share/" must be a well-formed shared
// subscription; "$share" alone is an ordinary filter.
func ValidFilter[T Text](filter T) error {
	if err := validLength(filter); err != nil {
		return err
	}
	at, err := shareEnd(filter)
	if err != nil {
		return err
	}
	return validLevels(filter, at)
}

// SplitShared takes "$share/NAME/FILTER" apart. ok is false, and inner is
// filter, when filter is not a well-formed shared subscription; of the filters
// that pass ValidFilter, these are the ordinary ones.
func SplitShared[T Text](filter T) (share, inner T, ok bool) {
	at, err := shareEnd(filter)
	if at == 0 || err != nil {
		return share, filter, false
	}
	return filter[len(sharePrefix) : at-1], filter[at:], true
}

// HasWildcard reports whether a valid filter can match more than one name.
func HasWildcard[T Text](filter T) bool {
	for i := 0; i < len(filter); i++ {
		if filter[i] == '+' || filter[i] == '#' {
			return true
		}
	}
	return false
}

// Levels is the number of levels of a name or filter: one more than it has
// separators. A broker that caps it bounds what one wildcard filter can cost:
// the index keeps up to about 100 bytes per level.
func Levels[T Text](s T) int {
	n := 1
	for i := 0; i < len(s); i++ {
		if s[i] == '/' {
			n++
		}
	}
	return n
}

func validLength[T Text](s T) error {
	switch {
	case len(s) == 0:
		return ErrEmpty
	case len(s) > MaxLength:
		return ErrTooLong
	}
	return nil
}

// validLevels checks filter from the byte at on, where a level starts.
func validLevels[T Text](filter T, at int) error {
	for i := at; i < len(filter); i++ {
		c := filter[i]
		if c > '+' {
			continue
		}
		alone := (i == at || filter[i-1] == '/') && (i+1 == len(filter) || filter[i+1] == '/')
		switch {
		case c == 0:
			return ErrNUL
		case c == '+' && !alone:
			return ErrSingleLevel
		case c == '#' && (!alone || i+1 != len(filter)):
			return ErrMultiLevel
		}
	}
	return nil
}

// shareEnd returns where the inner filter of a shared subscription starts, or
// 0 if filter is not one.
func shareEnd[T Text](filter T) (int, error) {
	if !hasPrefix(filter, 0, sharePrefix) {
		return 0, nil
	}
	for i := len(sharePrefix); i < len(filter); i++ {
		switch filter[i] {
		case 0:
			return 0, ErrNUL
		case '+', '#':
			return 0, ErrShareChar
		case '/':
			return shareInner(filter, i+1)
		}
	}
	if len(filter) == len(sharePrefix) {
		return 0, ErrShareName
	}
	return 0, ErrShareFilter
}

// shareInner judges a shared subscription whose inner filter starts at.
func shareInner[T Text](filter T, at int) (int, error) {
	switch {
	case at == len(sharePrefix)+1:
		return 0, ErrShareName
	case at == len(filter):
		return 0, ErrShareFilter
	case hasPrefix(filter, at, sharePrefix):
		return 0, ErrShareNested
	}
	return at, nil
}

// hasPrefix reports whether s has prefix at the byte given.
func hasPrefix[T Text](s T, at int, prefix string) bool {
	if len(s)-at < len(prefix) {
		return false
	}
	for i := 0; i < len(prefix); i++ {
		if s[at+i] != prefix[i] {
			return false
		}
	}
	return true
}
