package fetch

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// expires is the end of an answer's freshness (RFC 9111 section 4.2.1), or
// zero if the server does not say or says something that cannot be read.
func expires(h http.Header, now time.Time) time.Time {
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return now
		case "max-age":
			age, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil {
				return time.Time{}
			}
			spent, err := strconv.ParseUint(h.Get("Age"), 10, 31)
			if err != nil {
				spent = 0
			}
			return now.Add(time.Duration(age)*time.Second - time.Duration(spent)*time.Second)
		}
	}
	at, err := http.ParseTime(h.Get("Expires"))
	if err != nil {
		return time.Time{}
	}
	return at
}

// lastModified returns Last-Modified if an object that is replaced from now on
// cannot have the same: the header counts in seconds, so that one made a moment
// ago may have a successor that looks as old (RFC 9110 section 8.8.2.2).
func lastModified(h http.Header) string {
	value := h.Get("Last-Modified")
	at, err := http.ParseTime(value)
	if err != nil {
		return ""
	}
	if date, err := http.ParseTime(h.Get("Date")); err != nil || date.Sub(at) < time.Minute {
		return ""
	}
	return value
}
