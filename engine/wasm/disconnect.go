package wasm

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/tetratelabs/wazero/api"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// maxDisconnects is how many clients a plugin may disconnect at once, and in a
// second.
const maxDisconnects = 1000

// maxDisconnect bounds the message.
const maxDisconnect = 3*maxString + maxReasonText

// Disconnect is what a plugin wants to be done with a client.
type Disconnect struct {
	Plugin     string // that wants it
	ClientID   string
	Reason     mqtt.Reason // of the DISCONNECT (MQTT 5.0 §3.14.2.1)
	ReasonText string
	Username   string // not empty: only if the client has this name
}

func hostClientDisconnect(i *instance, stack []uint64) {
	b := i.view(stack[0], stack[1])
	stack[0] = api.EncodeI32(i.p.disconnect(b))
}

func (p *Plugin) disconnect(b []byte) int32 {
	d, err := decodeDisconnect(b)
	if err != nil {
		p.complain("plugin made a Disconnect that cannot be read", "error", err)
		return callMalformed
	}
	if !p.kept.mayKick(p) {
		p.complain("plugin disconnects too many clients at once")
		return callTooMany
	}
	d.Plugin = p.name
	p.stats.kicks.Add(1)
	if do := p.host.disconnect; do != nil {
		do(d)
	}
	return 0
}

// mayKick counts a client that is to be disconnected.
func (k *kept) mayKick(p *Plugin) bool {
	p.host.mu.Lock()
	defer p.host.mu.Unlock()
	return k.kicks.take(p.now(), maxDisconnects)
}

func decodeDisconnect(b []byte) (d Disconnect, err error) {
	if len(b) > maxDisconnect {
		return d, fmt.Errorf("message of %d bytes; the limit is %d", len(b), maxDisconnect)
	}
	f := fields{text: string(b)}
	for f.next() {
		switch f.field {
		case 1:
			d.ClientID = strings.Clone(f.string(maxString))
		case 2:
			d.Reason = mqtt.Reason(f.uint(math.MaxUint8))
		case 3:
			d.ReasonText = strings.Clone(f.string(maxReasonText))
		case 4:
			d.Username = strings.Clone(f.string(maxString))
		}
	}
	if d.Reason == 0 {
		d.Reason = mqtt.AdministrativeAction
	}
	switch {
	case f.err != nil:
	case d.ClientID == "":
		f.err = errors.New("it has no client_id")
	case !disconnects(d.Reason):
		f.err = fmt.Errorf("reason %#x is none of a DISCONNECT", byte(d.Reason))
	}
	return d, f.err
}

// disconnects says whether a server's DISCONNECT may carry r as an error
// (MQTT 5.0 §3.14.2.1).
func disconnects(r mqtt.Reason) bool {
	switch {
	case r >= 0x80 && r <= 0x83, r >= 0x8D && r <= 0x90, r >= 0x93 && r <= 0xA2:
		return true
	}
	return r == 0x87 || r == 0x89 || r == 0x8B
}
