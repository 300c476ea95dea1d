package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is a number of events in a time; the zero Rate is no bound.
type Rate struct {
	Count int
	Per   time.Duration
}

// ParseRate reads 500/s, 1000/10s, 20/m, a number alone for as many a second,
// or infinity.
func ParseRate(text string) (Rate, error) {
	if text == "infinity" {
		return Rate{}, nil
	}
	bad := fmt.Errorf("%q is not a rate: write a number and a time, such as 500/s or 1000/10s, or infinity", text)
	number, per, timed := strings.Cut(text, "/")
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil || n == 0 {
		return Rate{}, bad
	}
	if !timed {
		return Rate{int(n), time.Second}, nil
	}
	if per != "" && (per[0] < '0' || per[0] > '9') {
		per = "1" + per
	}
	d, err := ParseDuration(per)
	if err != nil || d < time.Millisecond {
		return Rate{}, bad
	}
	return Rate{int(n), d}, nil
}

// String writes the rate as ParseRate reads it.
func (r Rate) String() string {
	if r.Count == 0 {
		return "infinity"
	}
	per := FormatDuration(r.Per)
	if len(per) == 2 { // 1s, and not 10s
		per = strings.TrimPrefix(per, "1")
	}
	return strconv.Itoa(r.Count) + "/" + per
}
