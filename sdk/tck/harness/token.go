package harness

import (
	"context"

	"github.com/tetratelabs/wazero/api"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

// Tokens is what a guest has said of tokens. The harness verifies none: a test
// completes the calls.
type Tokens struct {
	Slots     map[int32]wire.JWTKeys
	Unusable  string // what jwt_keys has to say against keys
	Verifying []Verifying
}

// Verifying is a jwt_verify that the guest has started.
type Verifying struct {
	ID    int64
	Req   int64
	Slot  int32
	Token string
}

func tokenImports(export func(name string, f any)) {
	export("jwt_keys", func(ctx context.Context, m api.Module, slot int32, ptr, n, out, room uint32) int32 {
		g := of(ctx)
		var keys wire.JWTKeys
		switch {
		case g.Refuse < 0:
			return int32(g.Refuse)
		case keys.Decode(append([]byte(nil), g.read(m, ptr, n)...)) != nil || slot < 0 || slot > 15:
			return -3
		case g.Unusable != "":
			if len(g.Unusable) <= int(room) {
				copy(g.read(m, out, room), g.Unusable)
			}
			return int32(len(g.Unusable))
		case g.Slots == nil:
			g.Slots = map[int32]wire.JWTKeys{}
		}
		g.Slots[slot] = keys
		return 0
	})
	export("jwt_verify", func(ctx context.Context, m api.Module, req int64, slot int32, ptr, n uint32) int64 {
		g := of(ctx)
		if g.Refuse < 0 {
			return g.Refuse
		}
		g.lastCall++
		g.Verifying = append(g.Verifying, Verifying{g.lastCall, req, slot, string(g.read(m, ptr, n))})
		return g.lastCall
	})
}
