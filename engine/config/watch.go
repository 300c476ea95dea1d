package config

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watcher loads the sources again when a file changes or [Watcher.Reload] is
// called. It watches the directories, not the files: editors and deployment
// tools replace a file by renaming, and Kubernetes swaps a link beside it.
// Should the notifications of the system fail, files are still looked at
// every Poll. The content decides: a touch without a change does nothing.
//
// Files that the configuration names (certificates, keys, modules, settings
// of plugins that end in _file) count as well: whether one was written, put in
// place of another or made readable, which the system notes of every file.
type Watcher struct {
	Debounce time.Duration // quiet time before a change is read; 0 = 200 ms
	Poll     time.Duration // 0 = 30 s

	src    Sources
	seen   digest   // of src.Files
	named  []string // by the last good configuration
	stamp  digest   // of named
	onLoad func(*Config, *Report, error)
	reload chan struct{}
	asked  chan func(*Config, *Report, error)
	events chan fsnotify.Event // tests send here in place of the system
}

// NewWatcher makes a Watcher for sources that were loaded with the report
// given; Run starts it. The result of each further [Load] is handed to onLoad,
// on the goroutine of Run. When its error is not nil, the configuration in use
// stays.
func NewWatcher(src Sources, loaded *Report, onLoad func(*Config, *Report, error)) *Watcher {
	w := &Watcher{
		src: src, seen: loaded.digest, named: loaded.named, stamp: loaded.stamp,
		onLoad: onLoad, reload: make(chan struct{}, 1), asked: make(chan func(*Config, *Report, error)),
	}
	if loaded.missing {
		// The broker made the file since, as it does at its first start, or
		// it would not run: that is no change.
		w.stamp = stamp(w.named)
	}
	return w
}

// Reload asks for a load even if no file changed (SIGHUP). It does not wait;
// requests that come before the load begins are one.
func (w *Watcher) Reload() {
	select {
	case w.reload <- struct{}{}:
	default:
	}
}

// Load asks for a load now and hands its result to onLoad in place of the one
// that the Watcher was made with, on the goroutine of Run too. It returns when
// onLoad has, or with the error of ctx when that ends before; onLoad may run
// even then.
func (w *Watcher) Load(ctx context.Context, onLoad func(*Config, *Report, error)) error {
	done := make(chan struct{})
	ask := func(cfg *Config, report *Report, err error) {
		defer close(done)
		onLoad(cfg, report, err)
	}
	select {
	case w.asked <- ask:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run watches until ctx ends. It must be called once.
func (w *Watcher) Run(ctx context.Context) {
	dirs := &directories{Events: w.events, fake: w.events != nil}
	defer dirs.close()
	dirs.watch(w)

	ticker := time.NewTicker(positive(w.Poll, 30*time.Second))
	defer ticker.Stop()
	debounce := positive(w.Debounce, 200*time.Millisecond)
	quiet := time.NewTimer(0) // a change between the first Load and Run
	defer quiet.Stop()
	var restless time.Time // when the present run of events began, or zero
	stir := func() {
		if now := time.Now(); restless.IsZero() {
			restless = now
		} else if now.Sub(restless) > 10*debounce {
			return // a directory that is never quiet
		}
		quiet.Reset(debounce)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-dirs.Events:
			dirs.check(ok)
			stir()
		case _, ok := <-dirs.Errors: // events may be lost: look at the files
			dirs.check(ok)
			stir()
		case <-ticker.C:
			if w.changed() {
				stir()
			}
			dirs.watch(w)
		case <-quiet.C:
			restless = time.Time{}
			if w.changed() {
				w.load(w.onLoad)
			}
			dirs.watch(w)
		case <-w.reload:
			w.load(w.onLoad)
			dirs.watch(w)
		case onLoad := <-w.asked:
			w.load(onLoad)
			dirs.watch(w)
		}
	}
}

func (w *Watcher) changed() bool {
	return fingerprint(w.src.Files) != w.seen || stamp(w.named) != w.stamp
}

func (w *Watcher) load(onLoad func(*Config, *Report, error)) {
	w.stamp = stamp(w.named)
	cfg, report, err := Load(w.src)
	w.seen = report.digest
	if err == nil {
		w.named, w.stamp = report.named, report.stamp
	}
	onLoad(cfg, report, err)
}

func positive(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// digest stands for the contents of the files of a [Sources].
type digest [sha256.Size]byte

// add takes in one more file, or the reason why it could not be read.
func (d *digest) add(data []byte, err error) {
	if err != nil {
		data = []byte("\x00" + err.Error())
	}
	sum := sha256.Sum256(data)
	*d = sha256.Sum256(append(d[:], sum[:]...))
}

// fingerprint reads the files for their digest.
func fingerprint(files []string) (d digest) {
	for _, name := range files {
		d.add(readFile(name))
	}
	return d
}

// stamp looks at files for a digest, without reading them. Size and time of
// modification are not enough: whoever unpacks or copies may set the time, and
// a change of mode, which can make a file readable, leaves it alone.
func stamp(files []string) (d digest) {
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			d.add(nil, err)
			continue
		}
		text := fmt.Appendf(nil, "%d %d %o", info.Size(), info.ModTime().UnixNano(), info.Mode())
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			text = fmt.Appendf(text, " %d %d", s.Ino, s.Ctim.Nano())
		}
		d.add(text, nil)
	}
	return d
}

// directories are the system's notifications for the directories of files.
type directories struct {
	notify *fsnotify.Watcher
	Events <-chan fsnotify.Event // nil while there are none
	Errors <-chan error
	fake   bool
}

// watch adds the directories that are not watched: all of them at first, and
// later those that were removed and made again.
func (d *directories) watch(w *Watcher) {
	files := slices.Concat(w.src.Files, w.named)
	if d.fake || len(files) == 0 {
		return
	}
	if d.notify == nil {
		notify, err := fsnotify.NewWatcher()
		if err != nil {
			return // the poll goes on, and this is tried again
		}
		d.notify, d.Events, d.Errors = notify, notify.Events, notify.Errors
	}
	for _, name := range files {
		// An error means that there is no such directory now; the next call
		// tries again.
		_ = d.notify.Add(filepath.Dir(name))
	}
}

// check gives up notifications whose channel was closed.
func (d *directories) check(open bool) {
	if !open {
		d.close()
	}
}

func (d *directories) close() {
	if d.notify != nil {
		_ = d.notify.Close() // nothing to lose
	}
	d.notify, d.Events, d.Errors = nil, nil, nil
}
