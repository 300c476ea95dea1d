package mqtt_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// The return codes of 3.x in a CONNACK (3.1.1 §3.2.2.3).
func TestReturnCodes(t *testing.T) {
	want := map[mqtt.Reason]byte{
		mqtt.Success:                     0,
		mqtt.UnsupportedProtocolVersion:  1,
		mqtt.ClientIDNotValid:            2,
		mqtt.UnspecifiedError:            3,
		mqtt.ImplementationSpecificError: 3,
		mqtt.ServerUnavailable:           3,
		mqtt.ServerBusy:                  3,
		mqtt.QuotaExceeded:               3,
		mqtt.UseAnotherServer:            3,
		mqtt.ServerMoved:                 3,
		mqtt.ConnectionRateExceeded:      3,
		mqtt.ServerShuttingDown:          3,
		mqtt.Reason(0xFF):                3,
		mqtt.BadUsernameOrPassword:       4,
		mqtt.NotAuthorized:               5,
		mqtt.Banned:                      5,
		mqtt.BadAuthMethod:               5,
	}
	for reason, code := range want {
		if got := reason.ReturnCode(); got != code {
			t.Errorf("%v.ReturnCode() = %d, want %d", reason, got, code)
		}
		p := mqtt.Connack{Reason: reason}
		if b := p.Append(nil, mqtt.V311); b[3] != code {
			t.Errorf("CONNACK with %v is % x, want return code %d", reason, b, code)
		}
	}
}

// In a SUBACK of 3.x every failure is 0x80 (3.1.1 §3.9.3).
func TestSubackFailures(t *testing.T) {
	for code := range 256 {
		reason, want := mqtt.Reason(code), byte(code)
		if reason.IsError() {
			want = 0x80
		}
		p := mqtt.Suback{PacketID: 1, Reasons: []mqtt.Reason{reason}}
		if b := p.Append(nil, mqtt.V311); b[4] != want {
			t.Errorf("SUBACK with %v is % x, want %#x", reason, b, want)
		}
	}
}

func TestReasonNames(t *testing.T) {
	for reason, want := range map[mqtt.Reason]string{
		mqtt.Success: "Success", mqtt.NotAuthorized: "Not authorized", 0x8B: "Server shutting down", 0x05: "Reason 0x5", 0xFF: "Reason 0xff",
	} {
		if got := reason.String(); got != want {
			t.Errorf("Reason(%#x).String() = %q, want %q", byte(reason), got, want)
		}
	}
}

func TestReasonOf(t *testing.T) {
	broken := &mqtt.Error{Reason: mqtt.TopicAliasInvalid, Rule: "MQTT-3.3.2-8", Text: "Topic Alias is 0"}
	for _, c := range []struct {
		err  error
		want mqtt.Reason
	}{
		{nil, mqtt.Success},
		{broken, mqtt.TopicAliasInvalid},
		{fmt.Errorf("cannot read %q: %w", "x", broken), mqtt.TopicAliasInvalid},
		{io.EOF, mqtt.UnspecifiedError},
	} {
		if got := mqtt.ReasonOf(c.err); got != c.want {
			t.Errorf("ReasonOf(%v) = %v, want %v", c.err, got, c.want)
		}
	}
	if want := "Topic Alias invalid: Topic Alias is 0 [MQTT-3.3.2-8]"; broken.Error() != want {
		t.Errorf("got %q, want %q", broken, want)
	}
	if errors.Is(broken, mqtt.ErrShort) {
		t.Error("an Error is not ErrShort")
	}
}

func TestNames(t *testing.T) {
	for v, want := range map[fmt.Stringer]string{
		mqtt.V31: "3.1", mqtt.V311: "3.1.1", mqtt.V50: "5.0", mqtt.Version(9): "level 9",
		mqtt.TypeConnect: "CONNECT", mqtt.TypeAuth: "AUTH", mqtt.Type(16): "type 16",
	} {
		if v.String() != want {
			t.Errorf("got %q, want %q", v, want)
		}
	}
}
