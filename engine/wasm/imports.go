package wasm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unsafe"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wicketmq/wicket/engine/auth"
)

// maxRandom bounds one request for random bytes, so that the time spent in
// one import stays far below a slice.
const maxRandom = 1 << 20

// maxRequestCalls is the number of host calls that one request may start, beside
// one for each topic it asks about, so that a guest in a loop cannot fill the
// queues of all plugins.
const maxRequestCalls = 16

// hostFunc is a function of module "wicket". Parameters come, and the result
// goes, in stack.
type hostFunc func(i *instance, stack []uint64)

// hostFuncs are the functions behind the names of imports.
var hostFuncs = map[string]hostFunc{
	"log":             hostLog,
	"resolve":         hostResolve,
	"features":        func(i *instance, stack []uint64) { stack[0] = i.p.features },
	"hears":           func(i *instance, stack []uint64) { i.hears = uint32(stack[0]) },
	"now_unix_ms":     func(i *instance, stack []uint64) { stack[0] = uint64(i.p.now().UnixMilli()) },
	"random":          hostRandom,
	"cert_field":      hostCertField,
	"password_verify": hostPasswordVerify,
	"http_send":       hostHTTPSend,

	"kv_get":            hostKVGet,
	"kv_set":            hostKVSet,
	"kv_add":            hostKVAdd,
	"kv_delete":         hostKVDelete,
	"metric_define":     hostMetricDefine,
	"metric_add":        metricFunc((*series).add),
	"metric_set":        metricFunc((*series).set),
	"metric_observe":    metricFunc((*series).observe),
	"timer_set":         hostTimerSet,
	"timer_cancel":      hostTimerCancel,
	"jwt_keys":          hostJWTKeys,
	"jwt_verify":        hostJWTVerify,
	"client_disconnect": hostClientDisconnect,
}

// link offers the import modules to the guests of a runtime and returns the
// signatures of the WASI functions.
func link(ctx context.Context, r wazero.Runtime) (wasi map[string]string, err error) {
	b := r.NewHostModuleBuilder(moduleWicket)
	for name, f := range hostFuncs {
		params, results := parseSignature(imports[name].signature)
		completes := imports[name].calls == exportCompleted
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, m api.Module, stack []uint64) {
			i := instanceOf(ctx)
			if i.mem == nil { // called while it starts
				i.mem = m.Memory()
			}
			f(i, stack)
			if completes && int64(stack[0]) > 0 {
				i.calling++
			}
		}), params, results).Export(name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return nil, fmt.Errorf("cannot link module %q: %w", moduleWicket, err)
	}
	return linkWASI(ctx, r)
}

func parseSignature(sig string) (params, results []api.ValueType) {
	p, r, _ := strings.Cut(sig, " -> ")
	types := func(s string) (list []api.ValueType) {
		for name := range strings.SplitSeq(strings.Trim(s, "()"), ", ") {
			switch name {
			case "i32":
				list = append(list, api.ValueTypeI32)
			case "i64":
				list = append(list, api.ValueTypeI64)
			}
		}
		return list
	}
	return types(p), types(r)
}

func signatureText(def api.FunctionDefinition) string {
	names := func(types []api.ValueType) string {
		list := make([]string, len(types))
		for i, t := range types {
			list[i] = api.ValueTypeName(t)
		}
		return strings.Join(list, ", ")
	}
	results := names(def.ResultTypes())
	if len(def.ResultTypes()) != 1 {
		results = "(" + results + ")"
	}
	return "(" + names(def.ParamTypes()) + ") -> " + results
}

// view returns bytes of the guest's memory for the duration of an import. A
// pointer that leads outside is a fault, as it would be in the guest's code.
func (i *instance) view(ptr, size uint64) []byte {
	b, ok := i.mem.Read(uint32(ptr), uint32(size))
	if !ok {
		i.trap(fmt.Sprintf("gave an import %d bytes at %d, outside its memory", uint32(size), uint32(ptr)))
	}
	return b
}

// trap ends the guest call from inside an import. The engine recovers the
// panic and returns it as the error of the call.
func (i *instance) trap(why string) {
	panic(&fault{FaultPointer, why})
}

func hostLog(i *instance, stack []uint64) {
	text := i.view(stack[1], stack[2])
	i.say(int32(stack[0]), strings.ToValidUTF8(string(text[:min(len(text), logLine)]), "\ufffd"))
}

func hostRandom(i *instance, stack []uint64) {
	b := i.view(stack[0], stack[1])
	if len(b) > maxRandom {
		i.trap(fmt.Sprintf("asked for %d random bytes; the limit is %d", len(b), maxRandom))
	}
	_, _ = i.random.Read(b) // the system's never fails
}

func hostCertField(i *instance, stack []uint64) {
	req, field, index := int64(stack[0]), certField(int32(stack[1])), int32(stack[2])
	out := i.view(stack[3], stack[4])
	stack[0] = api.EncodeI32(-1)
	r := i.live[req]
	if r == nil || r.auth == nil {
		return
	}
	if value, ok := certValue(r.auth, field, index); ok {
		if len(value) <= len(out) {
			copy(out, value)
		}
		stack[0] = api.EncodeI32(int32(len(value)))
	}
}

// hostResolve answers a request with all that a Decision can say.
func hostResolve(i *instance, stack []uint64) {
	req, code := int64(stack[0]), int32(stack[1])
	b := i.view(stack[2], stack[3])
	r := i.live[req]
	if r == nil { // answered, too late, or somebody else's
		i.p.stats.ignored.Add(1)
		stack[0] = api.EncodeI32(resolveUnknown)
		return
	}
	v, err := r.verdict(code, b)
	if err == nil {
		if v.Decision == auth.Continue {
			v = i.w.continues(r, v.AuthData)
		}
		i.w.answer(r, v)
		stack[0] = resolveOK
		return
	}
	stack[0] = api.EncodeI32(resolveMalformed)
	i.w.fail(r)
	if errors.Is(err, errUnsupported) {
		i.p.complain("plugin gave an answer that this host cannot carry out; the request is answered by on_error", "error", err)
		return
	}
	i.broken = faultf(FaultMalformed, "resolve: %v", err)
}

// verdict reads the answer to a request. b is the guest's memory.
func (r *request) verdict(code int32, b []byte) (v auth.Verdict, err error) {
	switch {
	case code == codeContinue && !r.mayContinue():
		return v, errContinue
	case code != codeContinue && (code < codeDeny || code > codeNext):
		return v, fmt.Errorf("unknown decision code %d", code)
	case len(b) > maxDecision:
		return v, fmt.Errorf("decision of %d bytes; the limit is %d", len(b), maxDecision)
	case len(b) == 0:
		return plainVerdict(code), nil
	}
	return decodeDecision(code, string(b), r.items())
}

// hostPasswordVerify hands a hash to the host's workers; the outcome comes by
// wicket_completed.
func hostPasswordVerify(i *instance, stack []uint64) {
	req, b := int64(stack[0]), i.view(stack[1], stack[2])
	stack[0] = api.EncodeI64(i.verifyPassword(req, b))
}

func (i *instance) verifyPassword(req int64, b []byte) int64 {
	if i.p.features&featurePassword == 0 {
		return callNotGranted
	}
	r := i.live[req]
	if r == nil {
		i.p.stats.ignored.Add(1)
		return callMalformed
	}
	if len(b) > maxHash+maxString+64 {
		return callMalformed
	}
	// Not string(b): the copy would hold a password that nobody wipes. What
	// is kept of the message is copied out of it.
	hash, password, err := decodePasswordVerify(unsafe.String(unsafe.SliceData(b), len(b)))
	if err != nil {
		return callMalformed
	}
	if !r.mayCall() {
		return callTooMany
	}
	if i.p.hashing.Add(1) > int64(i.p.limits.InFlight) {
		i.p.hashing.Add(-1)
		return callTooMany
	}
	id := i.w.nextID()
	queued := i.p.host.verifyHash(r.client(), hash, password, r.deadline, func(st status, text string) {
		i.p.hashing.Add(-1)
		i.w.post(completion{inst: i, call: id, status: st, text: text})
	})
	if !queued {
		clear(password)
		i.p.hashing.Add(-1)
		return callTooMany
	}
	return id
}

// entropy is the random source of WASI's random_get.
type entropy struct{ source io.Reader }

// Read implements io.Reader.
func (e entropy) Read(b []byte) (int, error) {
	if len(b) > maxRandom {
		return 0, errors.New("too many random bytes at once")
	}
	return e.source.Read(b)
}

// Layout of WASI preview 1 subscriptions and events, and its error numbers.
const (
	pollSubscription = 48
	pollEvent        = 32
	pollMost         = 64 // subscriptions at once
	wasiOK           = 0
	wasiInvalid      = 28
	wasiNotSupported = 58
	wasiFault        = 21
)

// pollOneoff waits for the earliest of some relative clocks, which is how
// guests sleep, but not beyond the end of the call's slice. There is nothing
// else to wait for.
func pollOneoff(ctx context.Context, mod api.Module, stack []uint64) {
	stack[0] = pollClocks(instanceOf(ctx), mod.Memory(), uint32(stack[0]), uint32(stack[1]), uint32(stack[2]), uint32(stack[3]))
}

func pollClocks(i *instance, mem api.Memory, in, out, n, count uint32) uint64 {
	if n == 0 || n > pollMost {
		return wasiInvalid
	}
	subs, ok := mem.Read(in, n*pollSubscription)
	events, ok2 := mem.Read(out, n*pollEvent)
	if !ok || !ok2 || !mem.WriteUint32Le(count, n) {
		return wasiFault
	}
	shortest := uint64(1<<63 - 1)
	for k := range int(n) {
		// userdata u64; tag u8 at 8; clock id u32 at 16, timeout u64 at 24,
		// precision u64 at 32, flags u16 at 40.
		s := subs[k*pollSubscription:][:pollSubscription]
		if s[8] != 0 || binary.LittleEndian.Uint16(s[40:]) != 0 {
			return wasiNotSupported
		}
		shortest = min(shortest, binary.LittleEndian.Uint64(s[24:]))
		e := events[k*pollEvent:][:pollEvent]
		userdata := binary.LittleEndian.Uint64(s)
		clear(e)
		binary.LittleEndian.PutUint64(e, userdata)
	}
	i.guard.sleep(time.Duration(shortest))
	return wasiOK
}
