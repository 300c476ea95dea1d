package wasm

import (
	"errors"
	"strings"
	"unsafe"

	"github.com/tetratelabs/wazero/api"

	"github.com/wicketmq/wicket/engine/jwt"
)

// GrantJWT is the capability to have tokens verified by the host (imports jwt_keys
// and jwt_verify).
const GrantJWT = "jwt"

// jwtSlots is how many sets of keys an instance may have.
const jwtSlots = 16

// Caps on a JwtKeys. Package jwt bounds what is in it.
const (
	maxJWTKeys       = jwt.MaxSource + 4<<10
	maxJWTAlgorithms = 64
	maxJWTName       = 32
)

// hostJWTKeys puts keys into a slot. What is wrong with them is a sentence for
// the guest to pass on: it knows where they are from.
func hostJWTKeys(i *instance, stack []uint64) {
	slot, b, out := uint32(stack[0]), i.view(stack[1], stack[2]), i.view(stack[3], stack[4])
	why, err := i.setKeys(slot, b)
	switch {
	case err != nil:
		i.p.complain("plugin gave keys that cannot be read", "error", err)
		stack[0] = api.EncodeI32(callMalformed)
	default:
		if len(why) <= len(out) {
			copy(out, why)
		}
		stack[0] = api.EncodeI32(int32(len(why)))
	}
}

// setKeys returns why the keys cannot be used, or nothing.
func (i *instance) setKeys(slot uint32, b []byte) (why string, err error) {
	if i.p.features&featureJWT == 0 || slot >= jwtSlots {
		return "", errMessage
	}
	source, err := decodeJWTKeys(b)
	if err != nil {
		return "", err
	}
	keys, err := jwt.New(source)
	clear(source.Secret)
	if err != nil {
		return err.Error(), nil
	}
	i.keys[slot] = keys
	return "", nil
}

// hostJWTVerify hands a token to the host's workers; the outcome comes by
// wicket_completed.
func hostJWTVerify(i *instance, stack []uint64) {
	req, slot, b := int64(stack[0]), uint32(stack[1]), i.view(stack[2], stack[3])
	stack[0] = api.EncodeI64(i.verifyToken(req, slot, b))
}

func (i *instance) verifyToken(req int64, slot uint32, b []byte) int64 {
	p := i.p
	if p.features&featureJWT == 0 {
		return callNotGranted
	}
	r := i.live[req]
	if r == nil {
		p.stats.ignored.Add(1)
		return callMalformed
	}
	if slot >= jwtSlots || i.keys[slot] == nil {
		return callMalformed
	}
	if !r.mayCall() {
		return callTooMany
	}
	if p.verifying.Add(1) > int64(p.limits.InFlight) {
		p.verifying.Add(-1)
		return callTooMany
	}
	id, keys, token := i.w.nextID(), i.keys[slot], string(b[:min(len(b), jwt.MaxToken+1)])
	queued := p.host.tokens.submit(job{r.client(), r.deadline, func() (status, string) { return verifyToken(keys, token) },
		func(st status, text string) {
			p.verifying.Add(-1)
			i.w.post(completion{inst: i, call: id, status: st, text: text})
		}})
	if !queued {
		p.verifying.Add(-1)
		return callTooMany
	}
	return id
}

// verifyToken returns what the guest is told of a token.
func verifyToken(keys *jwt.Keys, token string) (status, string) {
	header, claims, err := keys.Verify(token)
	switch {
	case errors.Is(err, jwt.ErrUnknownKey):
		return statusMismatch, string(appendBool(nil, 3, true))
	case errors.Is(err, jwt.ErrSignature):
		return statusMismatch, ""
	case err != nil:
		return statusMalformed, err.Error()
	}
	payload := make([]byte, 0, len(header)+len(claims)+16)
	return statusOK, string(appendText(appendText(payload, 1, header), 2, claims))
}

// decodeJWTKeys reads a JwtKeys out of the guest's memory; what it returns are
// copies.
func decodeJWTKeys(b []byte) (s jwt.Source, err error) {
	if len(b) > maxJWTKeys {
		return s, errMessage
	}
	// Not string(b): the copy would hold a secret that nobody wipes.
	f := fields{text: unsafe.String(unsafe.SliceData(b), len(b))}
	for f.next() {
		switch f.field {
		case 1:
			s.Algorithms = appendCapped(&f, s.Algorithms, strings.Clone(f.string(maxJWTName)), maxJWTAlgorithms)
		case 2:
			s.JWKS = []byte(f.bytes(maxJWTKeys))
		case 3:
			s.PEM = []byte(f.bytes(maxJWTKeys))
		case 4:
			s.Secret = []byte(f.bytes(maxJWTKeys))
		}
	}
	return s, f.err
}
