package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "0": 0, "100ms": 100 * time.Millisecond, "15s": 15 * time.Second, "1h5m0s": 65 * time.Minute,
		"2d": 48 * time.Hour, "1d12h": 36 * time.Hour, "0d": 0, "1.5h": 90 * time.Minute,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "15", "s", "-1s", "+1s", "1d-1s", "1d+1s", "d", "1.5d", "1h2d", "15 s", "infinity", "70000d", "2562048h", "65535d2562047h", "1e3s"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		} else if !strings.Contains(err.Error(), fmt.Sprintf("%q", text)) {
			t.Errorf("%q: the error does not repeat it: %v", text, err)
		}
	}
}

func TestDurationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(65535*24*time.Hour)).Draw(t, "d"))
		if got, err := ParseDuration(FormatDuration(d)); err != nil || got != d {
			t.Fatalf("%v is written %q and read %v, %v", d, FormatDuration(d), got, err)
		}
	})
}

func TestParseByteSize(t *testing.T) {
	for text, want := range map[string]ByteSize{
		"0": 0, "17": 17, "17B": 17, "4KB": 4096, "4 kb": 4096, "1MB": 1 << 20, "2GB": 2 << 30, "1TB": 1 << 40,
		"9223372036854775807": math.MaxInt64,
	} {
		if got, err := ParseByteSize(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "KB", "-1", "+1", "1.5MB", "1PB", "1K", "9223372036854775808", "9007199254740992KB", "1MBMB", "1KMB"} {
		if got, err := ParseByteSize(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestByteSizeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := ByteSize(rapid.Int64Range(0, math.MaxInt64).Draw(t, "s") >> rapid.IntRange(0, 62).Draw(t, "shift"))
		if got, err := ParseByteSize(s.String()); err != nil || got != s {
			t.Fatalf("%d is written %q and read %d, %v", s, s, got, err)
		}
	})
}

func TestParseBind(t *testing.T) {
	for text, want := range map[string]string{
		"8883": "0.0.0.0:8883", ":8883": "0.0.0.0:8883", "127.0.0.1:8883": "127.0.0.1:8883", "[::1]:8883": "[::1]:8883",
		"[::]:0": "[::]:0", "localhost:1": "127.0.0.1:1", "[fe80::1%eth0]:8883": "[fe80::1%eth0]:8883",
	} {
		if got, err := ParseBind(text); err != nil || got.String() != want {
			t.Errorf("%q: got %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", ":", "x", "127.0.0.1", "65536", "-1", "::1:8883", "::1", "[::1]", "[::1:8883", "[127.0.0.1]:1", "example.com:1", "1.2.3:4", "127.0.0.1:", "0x10", " 1"} {
		if got, err := ParseBind(text); err == nil {
			t.Errorf("%q: got %s, want an error", text, got)
		}
	}
}

func TestLoopback(t *testing.T) {
	for text, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true,
		"1": false, "[::]:1": false, "192.168.0.1:1": false,
	} {
		b, err := ParseBind(text)
		if err != nil {
			t.Fatal(err)
		}
		if b.Loopback() != want {
			t.Errorf("%s: loopback is %v", text, b.Loopback())
		}
	}
}

// TestSecretIsNeverShown prints a secret in every way there is.
func TestSecretIsNeverShown(t *testing.T) {
	const text = "hunter2"
	cfg := &Config{Listeners: Listeners{TLS: map[string]TLSListener{"a": {TLS: TLS{Password: NewSecret(text)}}}}}
	s := cfg.Listeners.TLS["a"].TLS.Password
	js, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	log := slog.New(slog.NewTextHandler(&logged, nil))
	log.Info("x", "secret", s, "config", cfg)
	for _, shown := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s), fmt.Sprintf("%v %+v %#v", *cfg, *cfg, *cfg),
		fmt.Sprintf("%+v", &s), string(js), logged.String(), fmt.Sprintf("%x %X", s, s), fmt.Sprintf("%d", s),
	} {
		if strings.Contains(shown, text) || strings.Contains(strings.ToLower(shown), fmt.Sprintf("%x", text)) {
			t.Errorf("shown: %s", shown)
		}
	}
	if got, err := s.Read(); err != nil || got != text {
		t.Errorf("Read: %q, %v", got, err)
	}
	if !s.IsSet() || NewSecret("").IsSet() || NewSecret("").String() != "" {
		t.Error("IsSet or String of an empty secret")
	}
}

// TestSecretFile reads a secret anew at each call, so that it can be rotated.
func TestSecretFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "secret")
	s := NewSecret("file://" + name)
	if got, err := s.Read(); err == nil {
		t.Errorf("read %q from a file that is not there", got)
	}
	for _, text := range []string{"one", "two words "} {
		if err := os.WriteFile(name, []byte(text+"\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Read(); err != nil || got != text {
			t.Errorf("got %q, %v; want %q", got, err, text)
		}
	}
}

func TestParseNetwork(t *testing.T) {
	for text, want := range map[string]string{
		"10.1.0.0/16": "10.1.0.0/16", "192.0.2.7": "192.0.2.7/32", "0.0.0.0/0": "0.0.0.0/0", "::/0": "::/0", "2001:db8::1": "2001:db8::1/128",
		"::ffff:10.0.0.0/104": "10.0.0.0/8", "::ffff:10.0.0.1": "10.0.0.1/32",
	} {
		if got, err := ParseNetwork(text); err != nil || got.String() != want {
			t.Errorf("%q: got %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "all", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0", "fe80::1%eth0", "::1/129", "010.0.0.1"} {
		if got, err := ParseNetwork(text); err == nil {
			t.Errorf("%q: got %s, want an error", text, got)
		}
	}
}
