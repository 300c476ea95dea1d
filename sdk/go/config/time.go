package config

import (
	"strconv"
	"strings"
)

// units are those of a time, in milliseconds.
var units = []struct {
	name string
	ms   int64
}{{"ms", 1}, {"s", 1000}, {"m", 60_000}, {"h", 3_600_000}, {"d", 86_400_000}}

// Milliseconds reads a time as the broker's own configuration has them: 500ms,
// 15s, 5m, 1h30m, 2d. A number needs a unit, and is at most nine digits long.
func Milliseconds(text string) (total int64, ok bool) {
	for text != "" {
		rest := strings.TrimLeft(text, "0123456789")
		digits := text[:len(text)-len(rest)]
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || len(digits) > 9 {
			return 0, false
		}
		name := rest[:len(rest)-len(strings.TrimLeft(rest, "msdh"))]
		unit := int64(0)
		for _, u := range units {
			if u.name == name {
				unit = u.ms
			}
		}
		if unit == 0 {
			return 0, false
		}
		text = rest[len(name):]
		total, ok = total+n*unit, true
	}
	return total, ok
}
