package config

import (
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// Verify says whether a TLS listener asks for client certificates.
type Verify string

// The values of [Verify].
const (
	VerifyNone Verify = "verify_none"
	VerifyPeer Verify = "verify_peer"
)

func (Verify) values() []string { return []string{string(VerifyNone), string(VerifyPeer)} }

// TLSVersion is a version of TLS, by its EMQX name.
type TLSVersion string

// The values of [TLSVersion].
const (
	TLS13 TLSVersion = "tlsv1.3"
	TLS12 TLSVersion = "tlsv1.2"
	TLS11 TLSVersion = "tlsv1.1"
	TLS10 TLSVersion = "tlsv1"
)

func (TLSVersion) values() []string {
	return []string{string(TLS13), string(TLS12), string(TLS11), string(TLS10)}
}

// SessionTickets says whether TLS sessions can be resumed, by its EMQX name.
type SessionTickets string

// The values of [SessionTickets].
const (
	TicketsDisabled  SessionTickets = "disabled"
	TicketsStateless SessionTickets = "stateless"
)

func (SessionTickets) values() []string {
	return []string{string(TicketsDisabled), string(TicketsStateless)}
}

// Grant is a group of host functions that a plugin may be given.
type Grant string

// The values of [Grant].
const (
	GrantPassword Grant = "password" // verify a password against a hash
	GrantHTTP     Grant = "http"     // ask the plugin's upstreams

	GrantKV         Grant = "kv"         // keep keys and values
	GrantMetrics    Grant = "metrics"    // show metrics
	GrantTimers     Grant = "timers"     // be called by timers
	GrantDisconnect Grant = "disconnect" // disconnect clients
	GrantJWT        Grant = "jwt"        // have tokens verified
)

func (Grant) values() []string {
	return []string{
		string(GrantPassword), string(GrantHTTP), string(GrantKV), string(GrantMetrics), string(GrantTimers), string(GrantDisconnect), string(GrantJWT),
	}
}

// Event is something that a plugin may be told of.
type Event string

// The values of [Event].
const (
	EventConnected    Event = "connected"
	EventDisconnected Event = "disconnected"
	EventRefused      Event = "refused"
	EventSubscribed   Event = "subscribed"
	EventUnsubscribed Event = "unsubscribed"
	EventDenied       Event = "denied"
)

func (Event) values() []string {
	return []string{
		string(EventConnected), string(EventDisconnected), string(EventRefused),
		string(EventSubscribed), string(EventUnsubscribed), string(EventDenied),
	}
}

// OnError is what a plugin's failure counts as.
type OnError string

// The values of [OnError]. There is no allow.
const (
	OnErrorDeny OnError = "deny"
	OnErrorNext OnError = "next"
)

func (OnError) values() []string { return []string{string(OnErrorDeny), string(OnErrorNext)} }

// Profile says whose defaults hold.
type Profile string

// The values of [Profile].
const (
	ProfileSecure Profile = "secure"
	ProfileEMQX   Profile = "emqx"
)

func (Profile) values() []string { return []string{string(ProfileSecure), string(ProfileEMQX)} }

// EnableAuthn says whether a listener asks the chain (LSN-07).
type EnableAuthn string

// The values of [EnableAuthn].
const (
	AuthnOn        EnableAuthn = "true"
	AuthnOff       EnableAuthn = "false"
	AuthnNameFirst EnableAuthn = "quick_deny_anonymous"
)

func (EnableAuthn) values() []string {
	return []string{string(AuthnOn), string(AuthnNameFirst), string(AuthnOff)}
}

// Anonymous says what happens to clients without credentials.
type Anonymous string

// The values of [Anonymous].
const (
	AnonymousDeny     Anonymous = "deny"
	AnonymousLoopback Anonymous = "loopback"
	AnonymousAllow    Anonymous = "allow"
)

func (Anonymous) values() []string {
	return []string{string(AnonymousDeny), string(AnonymousLoopback), string(AnonymousAllow)}
}

// NoMatch is the end of the authorization chain.
type NoMatch string

// The values of [NoMatch].
const (
	NoMatchDeny  NoMatch = "deny"
	NoMatchAllow NoMatch = "allow"
)

func (NoMatch) values() []string { return []string{string(NoMatchDeny), string(NoMatchAllow)} }

// DenyAction is what happens to a client that is denied something.
type DenyAction string

// The values of [DenyAction].
const (
	DenyIgnore     DenyAction = "ignore"
	DenyDisconnect DenyAction = "disconnect"
)

func (DenyAction) values() []string { return []string{string(DenyIgnore), string(DenyDisconnect)} }

// Permission is one of two answers.
type Permission string

// The values of [Permission].
const (
	Deny  Permission = "deny"
	Allow Permission = "allow"
)

func (Permission) values() []string { return []string{string(Deny), string(Allow)} }

// OnLapse says what becomes of a client that is connected when its certificate
// is no longer good.
type OnLapse string

// The values of [OnLapse].
const (
	LapseKeep       OnLapse = "keep"
	LapseDisconnect OnLapse = "disconnect"
)

func (OnLapse) values() []string { return []string{string(LapseKeep), string(LapseDisconnect)} }

// LogLevel is the least level that is logged.
type LogLevel string

// The values of [LogLevel].
const (
	LogDebug LogLevel = "debug"
	LogInfo  LogLevel = "info"
	LogWarn  LogLevel = "warn"
	LogError LogLevel = "error"
)

func (LogLevel) values() []string {
	return []string{string(LogDebug), string(LogInfo), string(LogWarn), string(LogError)}
}

// Slog returns the level as log/slog knows it.
func (l LogLevel) Slog() slog.Level {
	switch l {
	case LogDebug:
		return slog.LevelDebug
	case LogWarn:
		return slog.LevelWarn
	case LogError:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// LogFormat is the form of a log line.
type LogFormat string

// The values of [LogFormat].
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

func (LogFormat) values() []string { return []string{string(LogText), string(LogJSON)} }

// Bind is the address and port of a listener. The zero Bind is not valid.
type Bind struct{ netip.AddrPort }

// ParseBind reads 8883, :8883, 127.0.0.1:8883, [::1]:8883 or localhost:8883.
// A port alone stands for every IPv4 address.
func ParseBind(text string) (Bind, error) {
	host, port := "", text
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		host, port = text[:i], text[i+1:]
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return Bind{}, fmt.Errorf("%q is not an address with a port: write 8883, 127.0.0.1:8883 or [::1]:8883", text)
	}
	var addr netip.Addr
	switch {
	case host == "":
		addr = netip.IPv4Unspecified()
	case host == "localhost":
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]"):
		addr, err = netip.ParseAddr(host[1 : len(host)-1])
		if err == nil && addr.Is4() {
			err = fmt.Errorf("%s is not IPv6", addr)
		}
	case strings.Contains(host, ":"):
		return Bind{}, fmt.Errorf("%q is ambiguous: put the IPv6 address in brackets, as in [::1]:8883", text)
	default:
		addr, err = netip.ParseAddr(host)
	}
	if err != nil {
		return Bind{}, fmt.Errorf("%q does not start with an IP address: write 8883, 127.0.0.1:8883 or [::1]:8883", text)
	}
	return Bind{netip.AddrPortFrom(addr, uint16(n))}, nil
}

// Loopback reports whether only this machine can reach the address.
func (b Bind) Loopback() bool { return b.Addr().Unmap().IsLoopback() }

// overlaps reports whether both cannot be listened on at one time.
func (b Bind) overlaps(o Bind) bool {
	if b.Port() != o.Port() || b.Port() == 0 {
		return false
	}
	x, y := b.Addr().Unmap(), o.Addr().Unmap()
	if x == y {
		return true
	}
	// [::] is opened for both families where the system allows it.
	return x == netip.IPv6Unspecified() || y == netip.IPv6Unspecified() ||
		x.Is4() == y.Is4() && (x.IsUnspecified() || y.IsUnspecified())
}

// Secret is a text that must not be shown. Its only way out is [Secret.Read].
type Secret struct{ text string }

const redacted = "(secret)"

// NewSecret makes a Secret of a literal or of a file:///path.
func NewSecret(text string) Secret { return Secret{text} }

// IsSet reports whether there is a secret at all.
func (s Secret) IsSet() bool { return s.text != "" }

// Read returns the literal, or the content of the file it names without the
// line break at its end. The file is read at each call, so a rotated secret
// is seen. The error names the file, never the content.
func (s Secret) Read() (string, error) {
	path, ok := strings.CutPrefix(s.text, "file://")
	if !ok {
		return s.text, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("cannot read secret: %w", err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// String hides the secret.
func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return redacted
}

// Format hides the secret from every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText hides the secret from every encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the secret from log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// ByteSize is a number of bytes.
type ByteSize int64

var byteUnits = []struct {
	name string
	size ByteSize
}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}, {"B", 1}}

// ParseByteSize reads a whole number with an optional unit B, KB, MB, GB or
// TB, in any case. Units are powers of 1024.
func ParseByteSize(text string) (ByteSize, error) {
	number, factor := strings.ToUpper(strings.TrimSpace(text)), ByteSize(1)
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, factor = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || ByteSize(n) > math.MaxInt64/factor {
		return 0, fmt.Errorf("%q is not a size: write a whole number and a unit, such as 64KB, 1MB or 2GB", text)
	}
	return ByteSize(n) * factor, nil
}

// String writes the size with the largest unit that divides it.
func (s ByteSize) String() string {
	if s == 0 {
		return "0"
	}
	for _, u := range byteUnits {
		if s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// ParseDuration reads what [time.ParseDuration] reads, and days: 100ms, 15s,
// 1h5m0s, 2d, 1d12h. A negative duration is an error.
func ParseDuration(text string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a duration: write a number and a unit, such as 500ms, 15s, 5m, 1h30m or 2d", text)
	rest, days := text, time.Duration(0)
	if number, tail, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return 0, bad
		}
		rest, days = tail, time.Duration(n)*24*time.Hour
		if rest == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") || d > math.MaxInt64-days {
		return 0, bad
	}
	return days + d, nil
}

// FormatDuration writes a duration as ParseDuration reads it, without zero
// parts.
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	days := ""
	if n := d / (24 * time.Hour); n > 0 {
		days = strconv.FormatInt(int64(n), 10) + "d"
		d -= n * 24 * time.Hour
	}
	if d == 0 {
		return days
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return days + text
}
