// Package harness runs a guest module by ABI v1 in a test: one instance, no
// limits, and a broker that is nothing but the test itself. Host calls are
// recorded, and the test completes them when and in what order it likes.
//
// It is deliberately simple. The broker's own host is engine/wasm.
package harness

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wicketmq/wicket/engine/wasm/wasmtest"
	"github.com/wicketmq/wicket/sdk/go/wire"
)

// abiMinor is the newest minor version of the ABI that the harness speaks.
const abiMinor = 3

// BuildFlags are the flags that first-party plugins are built with: the same
// source gives the same bytes in any directory.
var BuildFlags = []string{"build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w -buildid=", "-buildmode=c-shared"}

// Build compiles the Go package in dir with the stock toolchain.
func Build(tb testing.TB, dir string) []byte {
	tb.Helper()
	out := filepath.Join(tb.TempDir(), "guest.wasm")
	cmd := exec.Command("go", append(BuildFlags[:len(BuildFlags):len(BuildFlags)], "-o", out, ".")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=", "GOWASM=", "GOEXPERIMENT=")
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("cannot build %s: %v\n%s", dir, err, text)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		tb.Fatal(err)
	}
	return module
}

// Call is a host call that the guest started.
type Call struct {
	ID  int64
	Req int64
	wire.PasswordVerify
}

// Request is what the guest asked of an upstream.
type Request struct {
	ID  int64
	Req int64
	wire.HTTPRequest
}

// Answer is what the guest gave to resolve.
type Answer struct {
	Code int32
	wire.Decision
}

// Guest is an instance under test. Its fields are written by guest calls and
// may be read and changed between them.
type Guest struct {
	Logs     []string
	Answers  map[int64]Answer
	Calls    []Call
	Requests []Request
	Late     bool   // resolve finds every request answered
	Hears    uint32 // questions it wants to be asked: those it exports, unless it has said so
	Refuse   int64  // when negative, what host calls, metric_define, timer_set and client_disconnect return
	Keeps
	Tokens
	Fields   map[[2]int32]string // cert_field by field and index
	tb       testing.TB
	ctx      context.Context
	mod      api.Module
	fn       map[string]api.Function
	ptr, cap uint32
	scratch  []byte
	lastCall int64
}

// broker is the runtime that all guests of the process share, so that a module
// is compiled once, or by another process before; the host functions find their guest in the call's context.
var broker = sync.OnceValues(func() (wazero.Runtime, error) {
	ctx := context.Background()
	config := wazero.NewRuntimeConfig()
	if dir := wasmtest.Cache(); dir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(dir)
		if err != nil {
			return nil, err
		}
		config = config.WithCompilationCache(cache)
	}
	rt := wazero.NewRuntimeWithConfig(ctx, config)
	wasi_snapshot_preview1.MustInstantiate(ctx, rt)
	return rt, imports(ctx, rt)
})

var (
	compileLock sync.Mutex
	compiled    = map[[32]byte]wazero.CompiledModule{}
)

func compile(rt wazero.Runtime, module []byte) (wazero.CompiledModule, error) {
	compileLock.Lock()
	defer compileLock.Unlock()
	sum := sha256.Sum256(module)
	if c, ok := compiled[sum]; ok {
		return c, nil
	}
	c, err := rt.CompileModule(context.Background(), module)
	if err == nil {
		compiled[sum] = c
	}
	return c, err
}

type guestKey struct{}

func of(ctx context.Context) *Guest { return ctx.Value(guestKey{}).(*Guest) }

// Open starts an instance of module and calls _initialize.
func Open(tb testing.TB, module []byte) *Guest {
	tb.Helper()
	g := &Guest{tb: tb, Answers: map[int64]Answer{}, Fields: map[[2]int32]string{}, fn: map[string]api.Function{}}
	g.Keeps = Keeps{Store: map[string]string{}, Lives: map[string]int64{}}
	g.ctx = context.WithValue(context.Background(), guestKey{}, g)
	rt, err := broker()
	if err != nil {
		tb.Fatal(err)
	}
	code, err := compile(rt, module)
	if err != nil {
		tb.Fatal(err)
	}
	cfg := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").
		WithSysWalltime().WithSysNanotime().WithRandSource(rand.Reader).WithStderr(os.Stderr).WithStdout(os.Stderr)
	mod, err := rt.InstantiateModule(g.ctx, code, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { mod.Close(g.ctx) })
	g.mod = mod
	for _, name := range []string{"wicket_abi_v1", "wicket_buffer", "wicket_load", "wicket_authenticate",
		"wicket_authorize", "wicket_auth_continue", "wicket_client_hello", "wicket_completed", "wicket_unload", "wicket_timer", "wicket_event"} {
		g.fn[name] = mod.ExportedFunction(name)
	}
	for bit, name := range []string{"wicket_authenticate", "wicket_authorize", "wicket_client_hello", "wicket_event"} {
		if g.fn[name] != nil {
			g.Hears |= 1 << bit
		}
	}
	if minor := int32(g.call("wicket_abi_v1")); minor < 0 || minor > abiMinor {
		tb.Fatalf("guest needs minor version %d", minor)
	}
	return g
}

func imports(ctx context.Context, rt wazero.Runtime) error {
	b := rt.NewHostModuleBuilder("wicket")
	export := func(name string, f any) { b.NewFunctionBuilder().WithFunc(f).Export(name) }
	export("log", func(ctx context.Context, m api.Module, level int32, ptr, n uint32) {
		g := of(ctx)
		g.Logs = append(g.Logs, fmt.Sprintf("%d %s", level, g.read(m, ptr, n)))
	})
	export("resolve", func(ctx context.Context, m api.Module, req int64, code int32, ptr, n uint32) int32 {
		g := of(ctx)
		if _, twice := g.Answers[req]; twice || g.Late {
			return -1
		}
		a := Answer{Code: code}
		if err := a.Decode(append([]byte(nil), g.read(m, ptr, n)...)); err != nil {
			return -3
		}
		g.Answers[req] = a
		return 0
	})
	export("features", func(context.Context) int64 { return 3 })
	export("hears", func(ctx context.Context, questions uint32) { of(ctx).Hears = questions })
	export("now_unix_ms", func(context.Context) int64 { return 1_700_000_000_000 })
	export("random", func(ctx context.Context, m api.Module, ptr, n uint32) { rand.Read(of(ctx).read(m, ptr, n)) })
	export("cert_field", func(ctx context.Context, m api.Module, _ int64, field, index int32, ptr, n uint32) int32 {
		g := of(ctx)
		v, ok := g.Fields[[2]int32{field, index}]
		if !ok {
			return -1
		}
		if uint32(len(v)) <= n {
			copy(g.read(m, ptr, n), v)
		}
		return int32(len(v))
	})
	export("password_verify", func(ctx context.Context, m api.Module, req int64, ptr, n uint32) int64 {
		g := of(ctx)
		if g.Refuse < 0 {
			return g.Refuse
		}
		c := Call{Req: req}
		if err := c.Decode(append([]byte(nil), g.read(m, ptr, n)...)); err != nil {
			return -3
		}
		g.lastCall++
		c.ID = g.lastCall
		g.Calls = append(g.Calls, c)
		return c.ID
	})
	export("http_send", func(ctx context.Context, m api.Module, req int64, ptr, n uint32) int64 {
		g := of(ctx)
		if g.Refuse < 0 {
			return g.Refuse
		}
		r := Request{Req: req}
		if err := r.Decode(append([]byte(nil), g.read(m, ptr, n)...)); err != nil {
			return -3
		}
		g.lastCall++
		r.ID = g.lastCall
		g.Requests = append(g.Requests, r)
		return r.ID
	})
	keepImports(export)
	tokenImports(export)
	_, err := b.Instantiate(ctx)
	return err
}

func (g *Guest) read(m api.Module, ptr, n uint32) []byte {
	if n == 0 {
		return nil
	}
	b, ok := m.Memory().Read(ptr, n)
	if !ok {
		g.tb.Fatalf("guest passed %d bytes at %#x, outside its memory", n, ptr)
	}
	return b
}

func (g *Guest) call(name string, args ...uint64) uint64 {
	g.tb.Helper()
	if g.fn[name] == nil {
		g.tb.Fatalf("the guest does not export %s", name)
	}
	stack := make([]uint64, max(len(args), 1))
	copy(stack, args)
	if err := g.fn[name].CallWithStack(g.ctx, stack); err != nil {
		g.tb.Fatalf("%s: %v", name, err)
	}
	return stack[0]
}

// put writes an event into the guest's input buffer.
func (g *Guest) put(event []byte) (ptr, n uint64) {
	if uint32(len(event)) > g.cap || g.ptr == 0 {
		g.Buffer(uint32(len(event)))
	}
	if !g.mod.Memory().Write(g.ptr, event) {
		g.tb.Fatalf("input buffer at %#x is outside the memory", g.ptr)
	}
	return uint64(g.ptr), uint64(len(event))
}

// Buffer asks for an input buffer of at least size bytes.
func (g *Guest) Buffer(size uint32) {
	g.cap = max(size, 4<<10)
	if g.ptr = uint32(g.call("wicket_buffer", uint64(g.cap))); g.ptr == 0 {
		g.tb.Fatal("guest has no input buffer")
	}
}

// TryBuffer asks for an input buffer that is not used, and returns its address.
func (g *Guest) TryBuffer(size uint32) uint32 { return uint32(g.call("wicket_buffer", uint64(size))) }

// Load calls wicket_load.
func (g *Guest) Load(l *wire.Load) int32 {
	ptr, n := g.put(l.Append(nil))
	return int32(g.call("wicket_load", ptr, n))
}

// Authenticate calls wicket_authenticate.
func (g *Guest) Authenticate(req int64, e *wire.Authenticate) int32 {
	g.scratch = e.Append(g.scratch[:0])
	return g.Event("wicket_authenticate", req, g.scratch)
}

// Continue calls wicket_auth_continue.
func (g *Guest) Continue(req int64, e *wire.AuthContinue) int32 {
	g.scratch = e.Append(g.scratch[:0])
	return g.Event("wicket_auth_continue", req, g.scratch)
}

// ClientHello calls wicket_client_hello.
func (g *Guest) ClientHello(req int64, e *wire.ClientHello) int32 {
	g.scratch = e.Append(g.scratch[:0])
	return g.Event("wicket_client_hello", req, g.scratch)
}

// Authorize calls wicket_authorize.
func (g *Guest) Authorize(req int64, e *wire.Authorize) int32 {
	g.scratch = e.Append(g.scratch[:0])
	return g.Event("wicket_authorize", req, g.scratch)
}

// Event calls an export with the bytes of an event, whatever they are.
// wicket_load has no request.
func (g *Guest) Event(export string, req int64, event []byte) int32 {
	ptr, n := g.put(event)
	if export == "wicket_load" {
		return int32(g.call(export, ptr, n))
	}
	return int32(g.call(export, uint64(req), ptr, n))
}

// Complete calls wicket_completed.
func (g *Guest) Complete(id int64, status wire.Status, payload string) {
	ptr, n := g.put([]byte(payload))
	g.call("wicket_completed", uint64(id), uint64(uint32(status)), ptr, n)
}

// Respond completes a Request with an answer.
func (g *Guest) Respond(id int64, r *wire.HTTPResponse) {
	g.Complete(id, wire.OK, string(r.Append(nil)))
}

// Unload calls wicket_unload.
func (g *Guest) Unload() { g.call("wicket_unload") }

// Memory returns the size of the guest's memory in bytes.
func (g *Guest) Memory() uint32 { return g.mod.Memory().Size() }

// Input returns the first n bytes of the input buffer as the guest left it.
func (g *Guest) Input(n uint32) []byte { return g.read(g.mod, g.ptr, n) }
