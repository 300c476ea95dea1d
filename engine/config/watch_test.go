package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

const onPort = "listeners: { tcp: { default: { bind: 127.0.0.1:%d } } }\nauth: { anonymous: loopback }\n"

// port is what a configuration made of onPort listens on; 0 stands for nil.
func port(cfg *Config) int {
	if cfg == nil {
		return 0
	}
	return int(cfg.Listeners.TCP["default"].Bind.Port())
}

// write replaces the content of a file in place.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// loaded is one call of onLoad.
type loaded struct {
	port int
	err  error
}

// watching starts a Watcher on a file that is there, and returns its results.
func watching(t *testing.T, name string, adjust func(*Watcher)) <-chan loaded {
	t.Helper()
	src := Sources{Files: []string{name}}
	_, report, err := Load(src)
	must(t, err)
	out := make(chan loaded, 100)
	w := NewWatcher(src, report, func(cfg *Config, _ *Report, err error) { out <- loaded{port(cfg), err} })
	adjust(w)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return out
}

// next waits for a result.
func next(t *testing.T, results <-chan loaded) loaded {
	t.Helper()
	select {
	case r := <-results:
		return r
	case <-time.After(20 * time.Second):
		t.Fatal("the change was not noticed")
		return loaded{}
	}
}

// TestWatch changes a file in all the ways that people and tools do, on the
// real file system.
func TestWatch(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for name, test := range map[string]struct {
		prepare func(t *testing.T, dir string) string
		change  func(t *testing.T, dir string)
	}{
		"in place": {plainFile, func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "wicket.yaml"), fmt.Sprintf(onPort, 2))
		}},
		"renamed over": {plainFile, func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "new"), fmt.Sprintf(onPort, 2))
			must(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "wicket.yaml")))
		}},
		"Kubernetes volume": {volume, func(t *testing.T, dir string) {
			must(t, os.Mkdir(filepath.Join(dir, "..v2"), 0o755))
			write(t, filepath.Join(dir, "..v2", "wicket.yaml"), fmt.Sprintf(onPort, 2))
			must(t, os.Symlink("..v2", filepath.Join(dir, "..tmp")))
			must(t, os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
			must(t, os.RemoveAll(filepath.Join(dir, "..v1")))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			results := watching(t, test.prepare(t, dir), func(w *Watcher) { w.Debounce = 20 * time.Millisecond })
			test.change(t, dir)
			for {
				r := next(t, results)
				if r.err == nil && r.port == 2 {
					return
				}
				// A slow machine may see a change in the middle.
				if r.err == nil {
					t.Fatalf("loaded port %d", r.port)
				}
			}
		})
	}
}

func plainFile(t *testing.T, dir string) string {
	name := filepath.Join(dir, "wicket.yaml")
	write(t, name, fmt.Sprintf(onPort, 1))
	return name
}

// volume makes what Kubernetes makes of a ConfigMap.
func volume(t *testing.T, dir string) string {
	must(t, os.Mkdir(filepath.Join(dir, "..v1"), 0o755))
	write(t, filepath.Join(dir, "..v1", "wicket.yaml"), fmt.Sprintf(onPort, 1))
	must(t, os.Symlink("..v1", filepath.Join(dir, "..data")))
	must(t, os.Symlink(filepath.Join("..data", "wicket.yaml"), filepath.Join(dir, "wicket.yaml")))
	return filepath.Join(dir, "wicket.yaml")
}

// TestWatchRemoved removes a file, then its directory, and puts them back: the
// errors are reported, and the watch goes on.
func TestWatchRemoved(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	dir := filepath.Join(t.TempDir(), "etc")
	must(t, os.Mkdir(dir, 0o755))
	name := plainFile(t, dir)
	results := watching(t, name, func(w *Watcher) { w.Debounce, w.Poll = 10*time.Millisecond, 50*time.Millisecond })
	gone := func() {
		t.Helper()
		if r := next(t, results); r.err == nil || !strings.Contains(r.err.Error(), "no such file") {
			t.Fatalf("got %+v", r)
		}
	}
	back := func(n int) {
		t.Helper()
		for {
			if r := next(t, results); r.err == nil && r.port == n {
				return
			}
		}
	}
	must(t, os.Remove(name))
	gone()
	write(t, name, fmt.Sprintf(onPort, 2))
	back(2)
	must(t, os.RemoveAll(dir))
	gone()
	must(t, os.Mkdir(dir, 0o755))
	write(t, name, fmt.Sprintf(onPort, 3))
	back(3)
	write(t, name, fmt.Sprintf(onPort, 4)) // the new directory is watched
	back(4)
}

// bubble runs a Watcher with fake time and fake notifications.
func bubble(t *testing.T, test func(t *testing.T, name string, w *Watcher, results <-chan loaded)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		name := plainFile(t, dir)
		var watcher *Watcher
		results := watching(t, name, func(w *Watcher) {
			w.events = make(chan fsnotify.Event)
			watcher = w
		})
		synctest.Wait()
		test(t, name, watcher, results)
	})
}

// TestWatchDebounce: a burst of notifications is one load, 200 ms after the
// last of them; what is half written in between is never seen.
func TestWatchDebounce(t *testing.T) {
	bubble(t, func(t *testing.T, name string, w *Watcher, results <-chan loaded) {
		for i := range 10 {
			write(t, name, fmt.Sprintf(onPort, 2)[:i*5])
			w.events <- fsnotify.Event{Name: name}
			time.Sleep(199 * time.Millisecond)
		}
		write(t, name, fmt.Sprintf(onPort, 2))
		w.events <- fsnotify.Event{Name: name}
		start := time.Now()
		if r := <-results; r.err != nil || r.port != 2 || time.Since(start) != 200*time.Millisecond {
			t.Errorf("got %+v after %v", r, time.Since(start))
		}
		if len(results) > 0 {
			t.Errorf("loaded again: %+v", <-results)
		}
	})
}

// TestWatchPoll: without any notification, a change is seen by the poll.
func TestWatchPoll(t *testing.T) {
	bubble(t, func(t *testing.T, name string, _ *Watcher, results <-chan loaded) {
		start := time.Now()
		write(t, name, fmt.Sprintf(onPort, 2))
		if r := <-results; r.err != nil || r.port != 2 || time.Since(start) > 31*time.Second {
			t.Errorf("got %+v after %v", r, time.Since(start))
		}
	})
}

// TestWatchContent: a touch is no change; a bad file is reported once; the
// return of the old content is a change again.
func TestWatchContent(t *testing.T) {
	bubble(t, func(t *testing.T, name string, w *Watcher, results <-chan loaded) {
		good, _ := os.ReadFile(name)
		write(t, name, string(good))
		w.events <- fsnotify.Event{Name: name}
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(results) > 0 {
			t.Fatalf("a touch was loaded: %+v", <-results)
		}
		write(t, name, "listeners: {")
		time.Sleep(time.Hour)
		if r := <-results; r.err == nil {
			t.Fatalf("got %+v", r)
		}
		if len(results) > 0 {
			t.Fatalf("a bad file was reported twice: %+v", <-results)
		}
		write(t, name, string(good))
		if r := <-results; r.err != nil || r.port != 1 {
			t.Fatalf("got %+v", r)
		}
	})
}

// TestWatchNamed: a file that the configuration names counts, also one that
// is not there yet, and one that only a later configuration names.
func TestWatchNamed(t *testing.T) {
	bubble(t, func(t *testing.T, name string, w *Watcher, results <-chan loaded) {
		users := filepath.Join(filepath.Dir(name), "users")
		write(t, name, fmt.Sprintf(onPort, 2)+"plugins: { p: { file: x.wasm, config: { users_file: users } } }\n")
		if r := <-results; r.err != nil || r.port != 2 {
			t.Fatalf("got %+v", r)
		}
		for _, text := range []string{"one", "three"} {
			write(t, users, text)
			w.events <- fsnotify.Event{Name: users}
			if r := <-results; r.err != nil {
				t.Fatalf("got %+v", r)
			}
		}
		time.Sleep(time.Hour)
		if len(results) > 0 {
			t.Errorf("loaded again: %+v", <-results)
		}
	})
}

// TestWatchNamedInDisguise: a file that was replaced by one of the same size
// and time, as tools that unpack or copy make it, has changed; so has one that
// has become readable.
func TestWatchNamedInDisguise(t *testing.T) {
	bubble(t, func(t *testing.T, name string, w *Watcher, results <-chan loaded) {
		dir := filepath.Dir(name)
		users, other := filepath.Join(dir, "users"), filepath.Join(dir, "other")
		then := time.Unix(1_700_000_000, 0)
		for path, text := range map[string]string{users: "alice", other: "carol"} {
			write(t, path, text)
			must(t, os.Chtimes(path, then, then))
		}
		write(t, name, fmt.Sprintf(onPort, 2)+"plugins: { p: { file: x.wasm, config: { users_file: users } } }\n")
		if r := <-results; r.err != nil || r.port != 2 {
			t.Fatalf("got %+v", r)
		}
		for what, change := range map[string]func() error{
			"another file": func() error { return os.Rename(other, users) },
			"another mode": func() error { return os.Chmod(users, 0o600) },
		} {
			must(t, change())
			w.events <- fsnotify.Event{Name: users}
			time.Sleep(time.Minute)
			if len(results) != 1 {
				t.Errorf("%s: %d loads, want one", what, len(results))
			}
			for len(results) > 0 {
				<-results
			}
		}
	})
}

// TestWatchRestless: a directory that is never quiet does not hide a change.
func TestWatchRestless(t *testing.T) {
	bubble(t, func(t *testing.T, name string, w *Watcher, results <-chan loaded) {
		write(t, name, fmt.Sprintf(onPort, 2))
		for range 30 {
			w.events <- fsnotify.Event{Name: "other"}
			time.Sleep(100 * time.Millisecond)
		}
		if len(results) != 1 {
			t.Errorf("%d loads in 3 s", len(results))
		}
	})
}

// TestReloadStorm: requests while a load runs are one more load.
func TestReloadStorm(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		name := plainFile(t, dir)
		loads, release := 0, make(chan struct{})
		var watcher *Watcher
		watching(t, name, func(w *Watcher) {
			w.events = make(chan fsnotify.Event)
			w.onLoad = func(*Config, *Report, error) { loads++; <-release }
			watcher = w
		})
		watcher.Reload()
		synctest.Wait() // the first load waits to be released
		for range 1000 {
			watcher.Reload()
		}
		close(release)
		synctest.Wait()
		if loads != 2 {
			t.Errorf("%d loads, want 2", loads)
		}
	})
}

// TestWatchFirstStart: a file that the broker makes at its first start, after
// it has loaded its configuration, is no change.
func TestWatchFirstStart(t *testing.T) {
	t.Chdir(t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		src := Sources{Base: Development}
		_, report, err := Load(src)
		must(t, err)
		must(t, os.Mkdir("data", 0o755))
		write(t, filepath.Join("data", "users"), "demo")
		var loads atomic.Int32
		w := NewWatcher(src, report, func(*Config, *Report, error) { loads.Add(1) })
		w.events = make(chan fsnotify.Event)
		ctx, cancel := context.WithCancel(t.Context())
		go w.Run(ctx)
		time.Sleep(time.Hour)
		if loads.Load() != 0 {
			t.Errorf("%d loads", loads.Load())
		}
		write(t, filepath.Join("data", "users"), "demo and more")
		time.Sleep(time.Minute)
		if loads.Load() != 1 {
			t.Errorf("%d loads after a change", loads.Load())
		}
		cancel()
		synctest.Wait()
	})
}

// TestWatchRace: a change between Load and Run is not lost.
func TestWatchRace(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		src := Sources{Files: []string{plainFile(t, dir)}}
		_, report, err := Load(src)
		must(t, err)
		write(t, src.Files[0], fmt.Sprintf(onPort, 2))
		var got atomic.Int32
		w := NewWatcher(src, report, func(cfg *Config, _ *Report, _ error) { got.Store(int32(port(cfg))) })
		w.events = make(chan fsnotify.Event)
		ctx, cancel := context.WithCancel(t.Context())
		go w.Run(ctx)
		time.Sleep(time.Second)
		if got.Load() != 2 {
			t.Errorf("port %d", got.Load())
		}
		cancel()
		synctest.Wait()
	})
}

// TestWatchLoad: a load that is asked for is answered to who asked, when it is
// done, whether a file has changed or not.
func TestWatchLoad(t *testing.T) {
	name := filepath.Join(t.TempDir(), "wicket.yaml")
	write(t, name, fmt.Sprintf(onPort, 1))
	var w *Watcher
	watching(t, name, func(made *Watcher) { made.Debounce = time.Hour; w = made })
	for i := range 3 {
		write(t, name, fmt.Sprintf(onPort, 10+i/2))
		var got loaded
		must(t, w.Load(t.Context(), func(cfg *Config, _ *Report, err error) { got = loaded{port(cfg), err} }))
		if got.port != 10+i/2 || got.err != nil {
			t.Errorf("load %d: %+v", i, got)
		}
	}
	write(t, name, "nonsense: 1\n")
	var failed error
	must(t, w.Load(t.Context(), func(_ *Config, _ *Report, err error) { failed = err }))
	if failed == nil || !strings.Contains(failed.Error(), "nonsense") {
		t.Errorf("error %v", failed)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	idle := NewWatcher(Sources{}, &Report{}, nil)
	if err := idle.Load(ended, nil); err != context.Canceled {
		t.Errorf("nobody runs: %v", err)
	}
}
