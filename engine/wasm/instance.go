package wasm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/jwt"
	"github.com/wicketmq/wicket/engine/upstream"
)

// bufferMin is the smallest input buffer the host asks for; a CONNECT without
// extras takes some hundred bytes.
const bufferMin = 4 << 10

// bufferKept is the largest input buffer that is kept from call to call.
const bufferKept = 64 << 10

// afterlife is how long requests to upstreams go on that an instance has left
// behind in good order, such as the last events of an audit.
const afterlife = time.Second

// renewAfter is how long a call may take before the host drops the engine's
// stack of that export: the engine never shrinks it, and only a long call can
// have made it large.
const renewAfter = 5 * time.Millisecond

// function is an export of the guest. fn is nil when it is absent.
type function struct {
	name string
	fn   api.Function
}

// instance is one running guest. Its worker alone touches it; while it is
// being started, that is the goroutine that starts it.
type instance struct {
	p     *Plugin
	w     *worker
	mod   api.Module
	mem   api.Memory
	guard *guard
	out   console

	abi, buffer, load       function
	authenticate, authorize function
	hello, cont             function
	completed, unload       function
	event, timer            function

	buf, size uint32 // the guest's input buffer
	stack     [5]uint64

	ctx     context.Context     // of its requests to upstreams; they end with it
	cancel  context.CancelFunc  // called by close
	live    map[int64]*request  // asked and not answered
	begun   map[int64]*exchange // and not over, by the request that began them
	held    auth.Places         // bytes that those have in the guest
	waiting auth.Places         // bytes of the messages of live
	room    int                 // for each of both
	calling int                 // host calls that have not been completed
	header  []upstream.Header   // of the last request to an upstream, while calls are under way
	timers  timers
	keys    [jwtSlots]*jwt.Keys
	hears   uint32 // questions it wants, as it said while it was loaded
	born    time.Time
	high    uint64 // memory size beyond which the instance is replaced
	broken  *fault // set by an import: drop the instance after this call
	closed  bool
	parted  bool   // it has been unloaded
	leaving bool   // a replacement is on its way
	said    string // last line logged, for load errors
	random  io.Reader
}

// baseContext carries what instantiation needs besides the guard.
var baseContext = experimental.WithMemoryAllocator(context.Background(), experimental.MemoryAllocatorFunc(allocate))

func newInstance(w *worker) *instance {
	i := &instance{p: w.p, w: w, live: map[int64]*request{}, begun: map[int64]*exchange{}, hears: hearsAll, born: time.Now(), random: w.p.random()}
	i.out.out = func(text string) { i.say(1, text) }
	i.ctx, i.cancel = context.WithCancel(context.Background())
	i.guard = newGuard(baseContext, i)
	return i
}

// start runs the guest's first steps and loads the plugin's configuration into
// it. Each step has LoadSlice; a guest may loop in _initialize as well.
func (i *instance) start() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot start plugin %q: engine failed: %v", i.p.name, r)
		}
		if err != nil {
			i.close()
		}
	}()
	if err := i.instantiate(); err != nil {
		return fmt.Errorf("cannot start plugin %q: %w", i.p.name, err)
	}
	if err := i.configure(); err != nil {
		return fmt.Errorf("cannot load plugin %q: %w", i.p.name, err)
	}
	return nil
}

func (i *instance) instantiate() error {
	cfg := wazero.NewModuleConfig().WithName("").WithStartFunctions(exportInitialize).
		WithStdout(&i.out).WithStderr(&i.out).
		WithWalltime(i.walltime, sys.ClockResolution(time.Microsecond)).WithSysNanotime().WithRandSource(entropy{i.p.random()})
	i.out.begin()
	i.guard.arm(time.Now(), i.p.limits.LoadSlice)
	mod, err := i.p.runtime.InstantiateModule(i.guard, i.p.compiled, cfg)
	kept := i.guard.kept()
	i.mod = mod
	switch {
	case !kept:
		return &fault{FaultDeadline, "took longer than " + i.p.limits.LoadSlice.String() + " to start"}
	case err != nil:
		return faultOf(err, i.out.first)
	case mod == nil || mod.IsClosed(): // proc_exit(0)
		return &fault{FaultExit, "exited while it started"}
	}
	i.mem = mod.Memory()
	for name, f := range map[string]*function{
		exportABI: &i.abi, exportBuffer: &i.buffer, exportLoad: &i.load,
		exportAuthenticate: &i.authenticate, exportAuthorize: &i.authorize, exportHello: &i.hello,
		exportContinue:  &i.cont,
		exportCompleted: &i.completed, exportUnload: &i.unload,
		exportEvent: &i.event, exportTimer: &i.timer,
	} {
		*f = function{name, mod.ExportedFunction(name)}
	}
	return nil
}

// walltime is the real-time clock of WASI.
func (i *instance) walltime() (sec int64, nsec int32) {
	now := i.p.now()
	return now.Unix(), int32(now.Nanosecond())
}

// agree asks which version of the ABI the guest needs.
func (i *instance) agree() error {
	if err := i.call(&i.abi, i.p.limits.LoadSlice); err != nil {
		return err
	}
	minor := int32(i.stack[0])
	if minor < 0 || minor > abiMinor {
		return fmt.Errorf("it needs ABI v%d.%d; this host has v%d.%d", abiMajor, minor, abiMajor, abiMinor)
	}
	i.p.minor.Store(minor)
	return nil
}

func (i *instance) configure() error {
	slice := i.p.limits.LoadSlice
	if err := i.agree(); err != nil {
		return err
	}
	n, err := i.place(slice, appendLoad(nil, i.p))
	if err != nil {
		return err
	}
	if err := i.call(&i.load, slice, uint64(i.buf), uint64(n)); err != nil {
		return err
	}
	code := int32(i.stack[0])
	i.wipe(n)
	if code != 0 {
		return &RefusedError{orElse(i.said, fmt.Sprintf("code %d", code))}
	}
	if i.broken != nil {
		return i.broken
	}
	i.shrink()
	base := uint64(i.mem.Size())
	i.room = int(uint64(i.p.limits.MemoryPages)*pageSize-base) / 3
	i.high = base + (uint64(i.p.limits.MemoryPages)*pageSize-base)/4*3
	return nil
}

// RefusedError says that a guest does not work with the configuration it was
// given.
type RefusedError struct {
	Why string // the last line that it logged
}

func (e *RefusedError) Error() string { return "it refused its configuration: " + e.Why }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// errNoBuffer says that the guest has no buffer as large as a message. That is
// its right, and costs the request, not the instance: clients choose the size.
var errNoBuffer = errors.New("the guest has no room for it")

// errNoRoom says that too much waits in the guest: it may keep what it was given
// until it answers, and clients choose how much that is.
var errNoRoom = errors.New("too much waits in the guest")

// leave forgets a request that is answered.
func (i *instance) leave(r *request) {
	delete(i.live, r.id)
	if r.waits {
		r.waits = false
		i.waiting.Leave(r.size, r.client())
	}
}

// call runs an export under a time slice. Arguments are given, and the result
// is left, in i.stack. An error means that the instance cannot be used again.
func (i *instance) call(f *function, slice time.Duration, args ...uint64) (err error) {
	if i.closed {
		return &fault{FaultExit, "instance is closed"}
	}
	copy(i.stack[:], args)
	i.out.begin()
	begin := time.Now()
	i.guard.arm(begin, slice)
	err = i.invoke(f)
	took := time.Since(begin)
	i.p.stats.calls.Add(1)
	i.p.stats.callTime.Add(int64(took))
	if took >= slice || i.guard.quits() {
		return &fault{FaultDeadline, "used up its time slice of " + slice.String() + " in " + f.name}
	}
	if err != nil {
		return faultOf(err, i.out.first)
	}
	if took > renewAfter {
		f.fn = i.mod.ExportedFunction(f.name)
	}
	return nil
}

// invoke calls into the engine. The engine turns panics of host functions into
// errors; the recover is for its own.
func (i *instance) invoke(f *function) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = faultf(FaultTrap, "engine failed in %s: %v", f.name, r)
		}
	}()
	return f.fn.CallWithStack(i.guard, i.stack[:])
}

// message is what can be written into the guest's buffer.
type message interface{ encode(b []byte) []byte }

// put writes a message into the guest's buffer.
func (i *instance) put(m message, slice time.Duration) (n uint32, err error) {
	view, _ := i.mem.Read(i.buf, i.size)
	b := m.encode(view[:0:len(view)])
	if len(b) <= len(view) {
		return uint32(len(b)), nil
	}
	clear(view) // what fitted
	n, err = i.place(slice, b)
	clear(b) // it may hold a password
	return n, err
}

// place copies b into the guest's buffer, asking for a larger one if need be.
func (i *instance) place(slice time.Duration, b []byte) (n uint32, err error) {
	if len(b) > int(i.p.limits.MemoryPages)*pageSize {
		return 0, fmt.Errorf("a message of %d bytes: %w", len(b), errNoBuffer)
	}
	if i.size == 0 || len(b) > int(i.size) {
		if err := i.grow(slice, uint32(len(b))); err != nil {
			return 0, err
		}
	}
	view, _ := i.mem.Read(i.buf, i.size)
	return uint32(copy(view, b)), nil
}

func (i *instance) grow(slice time.Duration, need uint32) error {
	size := uint32(bufferMin)
	for size < need {
		size *= 2
	}
	if err := i.call(&i.buffer, slice, uint64(size)); err != nil {
		return err
	}
	ptr := uint32(i.stack[0])
	if ptr == 0 {
		i.buf, i.size = 0, 0
		return fmt.Errorf("%s(%d): %w", exportBuffer, size, errNoBuffer)
	}
	if _, ok := i.mem.Read(ptr, size); !ok {
		return faultf(FaultPointer, "%s(%d) returned a buffer outside its memory", exportBuffer, size)
	}
	i.buf, i.size = ptr, size
	return nil
}

// shrink forgets a buffer that was large for the sake of one message, so that
// the guest may free it when it is asked for the next.
func (i *instance) shrink() {
	if i.size > bufferKept {
		i.buf, i.size = 0, 0
	}
}

// wipe clears the first n bytes of the input buffer.
func (i *instance) wipe(n uint32) {
	if view, ok := i.mem.Read(i.buf, n); ok {
		clear(view)
	}
}

// ask puts a request to the guest and returns its code.
func (i *instance) ask(r *request) (int32, error) {
	f, slice := &i.authenticate, i.p.limits.AuthenticateSlice
	switch {
	case r.access != nil:
		f, slice = &i.authorize, i.p.limits.AuthorizeSlice
	case r.hello != nil:
		f = &i.hello
	case r.exchange != nil:
		f = &i.cont
	}
	n, err := i.put(r, slice)
	if err != nil {
		return 0, err
	}
	if r.size = int(n); !i.waiting.Take(i.room, r.size, r.client()) {
		i.wipe(n)
		return 0, errNoRoom
	}
	r.waits = true
	if err := i.call(f, slice, uint64(r.id), uint64(i.buf), uint64(n)); err != nil {
		return 0, err
	}
	code := int32(i.stack[0])
	i.wipe(n)
	i.shrink()
	return code, i.fate()
}

// complete tells the guest the outcome of a host call.
func (i *instance) complete(c *completion) error {
	slice := i.p.limits.AuthenticateSlice
	n, err := i.put(c, slice)
	switch {
	case err == nil:
	case !errors.Is(err, errNoBuffer):
		return err
	case c.response != nil: // else the status alone will do
		c.status = statusFailed
	}
	if err := i.call(&i.completed, slice, uint64(c.call), uint64(uint32(c.status)), uint64(i.buf), uint64(n)); err != nil {
		return err
	}
	i.wipe(n)
	i.shrink()
	return i.fate()
}

// fate returns what an import found wrong during the last call.
func (i *instance) fate() error {
	if i.broken != nil {
		return i.broken
	}
	return nil
}

// swollen reports whether the guest has used up most of the memory that it
// was given beyond what it needs; memory never shrinks.
func (i *instance) swollen() bool { return uint64(i.mem.Size()) > i.high }

// say passes a line of the guest to the log.
func (i *instance) say(lvl int32, text string) {
	i.said = text
	if !i.p.guestLog.line(level(lvl), text) {
		i.p.stats.logDropped.Add(1)
	}
}

// close frees the instance and its memory. Requests are the worker's affair.
func (i *instance) close() {
	if i.closed {
		return
	}
	i.closed = true
	i.abandon()
	if i.parted && i.calling > 0 {
		time.AfterFunc(afterlife, i.cancel)
	} else {
		i.cancel()
	}
	if i.mod != nil {
		// The error is of a file system, and the guest has none.
		_ = i.mod.Close(context.Background())
	}
}
