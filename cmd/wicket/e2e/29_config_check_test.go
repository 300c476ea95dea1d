package e2e

import (
	"strings"
	"testing"
)

// What a start refuses of a listener's files, "wicket config check" finds before,
// in the same words and with the same exit code (CERT-09).
func TestConfigCheckSaysWhatAStartWould(t *testing.T) {
	t.Parallel()
	const began = `cannot start listener "tls:default": `
	for name, listener := range map[string]string{
		"expired":             tlsYAML("default", "expired.pem", "client.key", ""),
		"key of another":      tlsYAML("default", "emqx.pem", "p256.key", ""),
		"wrong order":         tlsYAML("default", "wrong-order.pem", "emqx.key", ""),
		"authority is a leaf": tlsYAML("default", "emqx.pem", "emqx.key", ", cacertfile: certs/emqx.pem, verify: verify_peer"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := configured(t, listener)
			checked := tool(t, "", "", binary, "config", "check", "-c", file)
			p := launch(t, "-c", file)
			code := p.exit(patience)
			_, why, ok := strings.Cut(p.transcript(), began)
			why, _, _ = strings.Cut(why, "\n")
			if !ok || why == "" || !strings.Contains(checked.errOut, why) || code != checked.code || code != 1 {
				t.Errorf("a start ends with %d and\n%s\nthe check with %d and\n%s", code, p.transcript(), checked.code, checked.errOut)
			}
		})
	}
}
