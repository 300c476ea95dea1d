package config

import "testing"

func TestMilliseconds(t *testing.T) {
	for text, want := range map[string]int64{
		"500ms": 500, "15s": 15_000, "5m": 300_000, "1h30m": 5_400_000, "2d": 172_800_000, "1m500ms": 60_500, "0s": 0, "007s": 7_000,
		"999999999d": 999_999_999 * 86_400_000,
	} {
		if ms, ok := Milliseconds(text); !ok || ms != want {
			t.Errorf("%q: %d, %v", text, ms, ok)
		}
	}
	for _, text := range []string{"", "5", "s", "1h30", "5 s", "-5s", "+5s", "1.5s", "5S", "5us", "5mms", "5sm", "1w", "1000000000s", "99999999999999999999s", "5s "} {
		if ms, ok := Milliseconds(text); ok {
			t.Errorf("%q: %d", text, ms)
		}
	}
}
