//go:build !wasip1

package wicket_test

import (
	"errors"
	"slices"
	"testing"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

// What tests of handlers stand on.
func TestTokens(t *testing.T) {
	ctx := wicket.TestContext(wicket.Tokens{"good": `{"sub":"c1"}`})
	if header, claims, err := ctx.VerifyJWT(0, "good"); string(header) != "{}" || string(claims) != `{"sub":"c1"}` || err != nil {
		t.Errorf("%s %s %v", header, claims, err)
	}
	if _, _, err := ctx.VerifyJWT(0, "bad"); !errors.Is(err, wicket.ErrNotSigned) || errors.Is(err, wicket.ErrUnknownKey) {
		t.Error(err)
	}
	if !errors.Is(wicket.ErrUnknownKey, wicket.ErrNotSigned) {
		t.Error("an unknown key is not unsigned")
	}
	if _, err := ctx.VerifyPassword("h", nil); !errors.Is(err, wicket.ErrNotGranted) {
		t.Error(err)
	}
	if _, ok := ctx.Certificate(wicket.CertSubject, 0); ok {
		t.Error("a certificate")
	}
	if _, _, err := wicket.TestContext(wicket.Upstreams{}).VerifyJWT(0, "good"); !errors.Is(err, wicket.ErrNotGranted) {
		t.Error(err)
	}
}

func TestSetJWTKeys(t *testing.T) {
	keys := wicket.JWTKeys{Algorithms: []string{"HS256"}, Secret: []byte("s")}
	if err := wicket.SetJWTKeys(wicket.MaxJWTSlot, keys); err != nil {
		t.Error(err)
	}
	if got := wicket.TestJWTKeys(wicket.MaxJWTSlot); !slices.Equal(got.Algorithms, keys.Algorithms) || string(got.Secret) != "s" {
		t.Errorf("%+v", got)
	}
	for _, slot := range []int{-1, wicket.MaxJWTSlot + 1} {
		if err := wicket.SetJWTKeys(slot, keys); !errors.Is(err, wicket.ErrMalformed) {
			t.Errorf("slot %d: %v", slot, err)
		}
	}
}

func TestBackground(t *testing.T) {
	done := make(chan error)
	wicket.Background(func(ctx *wicket.Context) {
		_, err := ctx.HTTP(wicket.HTTPRequest{})
		done <- err
	})
	if err := <-done; !errors.Is(err, wicket.ErrNotGranted) { // there is no broker
		t.Error(err)
	}
}
