package acme

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"testing"
	"time"

	"golang.org/x/crypto/acme"

	"github.com/wicketmq/wicket/engine/alarm"
)

func TestRenewal(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		life, before time.Duration
		spread       float64
		want         time.Duration // after the beginning
	}{
		{90 * day, 0, 0, 60 * day},
		{90 * day, 0, 0.5, 58*day + 12*time.Hour},
		{90 * day, 10 * day, 0, 80 * day},
		{90 * day, 80 * day, 0, 45 * day}, // not in the first half
		{6 * day, 30 * day, 0, 3 * day},
		{6 * day, 0, 0, 4 * day},
	} {
		leaf := &x509.Certificate{NotBefore: begin, NotAfter: begin.Add(tt.life)}
		if got := renewal(leaf, tt.before, tt.spread).Sub(begin); got != tt.want {
			t.Errorf("life %v, before %v, spread %v: after %v, want %v", tt.life, tt.before, tt.spread, got, tt.want)
		}
	}
}

func TestRetry(t *testing.T) {
	for failures, want := range map[int]time.Duration{1: time.Minute, 2: 4 * time.Minute, 3: 16 * time.Minute, 4: 64 * time.Minute, 5: 256 * time.Minute, 6: 6 * time.Hour, 1000: 6 * time.Hour} {
		if got := retry(failures, nil, 0); got != want {
			t.Errorf("after %d failures: %v, want %v", failures, got, want)
		}
	}
	if got := retry(1, nil, 0.5); got != 67500*time.Millisecond {
		t.Errorf("spread: %v", got)
	}
	limited := fmt.Errorf("the order is refused: %w", &acme.Error{
		StatusCode: 429, ProblemType: "urn:ietf:params:acme:error:rateLimited", Header: http.Header{"Retry-After": {"7200"}},
	})
	if got := retry(1, limited, 0); got != 2*time.Hour {
		t.Errorf("the authority says 2 h: %v", got)
	}
}

// A request that failed for the server's sake is sent again a few times, one that is
// one too many is not.
func TestPause(t *testing.T) {
	bad, limited := &http.Response{StatusCode: 503}, &http.Response{StatusCode: 429}
	if pause(1, nil, bad) <= 0 || pause(maxTries, nil, bad) <= 0 || pause(maxTries+1, nil, bad) > 0 || pause(1, nil, limited) > 0 {
		t.Error("pauses")
	}
}

func TestUrgency(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for left, want := range map[time.Duration]alarm.Level{
		30 * day: "", 7*day + 1: "", 7 * day: alarm.Warning, day + 1: alarm.Warning, day: alarm.Critical, 0: alarm.Critical, -day: alarm.Critical,
	} {
		if got, matters := urgency(&x509.Certificate{NotAfter: now.Add(left)}, now); got != want || matters != (want != "") {
			t.Errorf("%v left: %q, %v", left, got, matters)
		}
	}
	if got, _ := urgency(nil, now); got != alarm.Critical {
		t.Errorf("none: %q", got)
	}
}
