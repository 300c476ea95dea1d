package config

import (
	"context"
	"crypto/sha256"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watcher loads the sources again when a file changes or [Watcher.Reload] is
// called. It watches the directories, not the files: editors and deployment
// tools replace a file by renaming, and Kubernetes swaps a link beside it.
// Should the notifications of the system fail, files are still looked at
// every Poll. The content decides: a touch without a change does nothing.
type Watcher struct {
	Debounce time.Duration // quiet time before a change is read; 0 = 200 ms
	Poll     time.Duration // 0 = 30 s

	src    Sources
	seen   digest
	onLoad func(*Config, *Report, error)
	reload chan struct{}
	events chan fsnotify.Event // tests send here in place of the system
}

// NewWatcher makes a Watcher for sources that were loaded with the report
// given; Run starts it. The result of each further [Load] is handed to onLoad,
// on the goroutine of Run. When its error is not nil, the configuration in use
// stays.
func NewWatcher(src Sources, loaded *Report, onLoad func(*Config, *Report, error)) *Watcher {
	return &Watcher{src: src, seen: loaded.digest, onLoad: onLoad, reload: make(chan struct{}, 1)}
}

// Reload asks for a load even if no file changed (SIGHUP). It does not wait;
// requests that come before the load begins are one.
func (w *Watcher) Reload() {
	select {
	case w.reload <- struct{}{}:
	default:
	}
}

// Run watches until ctx ends. It must be called once.
func (w *Watcher) Run(ctx context.Context) {
	dirs := &directories{files: w.src.Files, Events: w.events, fake: w.events != nil}
	defer dirs.close()
	dirs.watch()

	ticker := time.NewTicker(positive(w.Poll, 30*time.Second))
	defer ticker.Stop()
	debounce := positive(w.Debounce, 200*time.Millisecond)
	quiet := time.NewTimer(0) // a change between the first Load and Run
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-dirs.Events:
			dirs.check(ok)
			quiet.Reset(debounce)
		case _, ok := <-dirs.Errors: // events may be lost: look at the files
			dirs.check(ok)
			quiet.Reset(debounce)
		case <-ticker.C:
			if fingerprint(w.src.Files) != w.seen {
				quiet.Reset(debounce)
			}
			dirs.watch()
		case <-quiet.C:
			if fingerprint(w.src.Files) != w.seen {
				w.load()
			}
			dirs.watch()
		case <-w.reload:
			quiet.Stop()
			w.load()
		}
	}
}

func (w *Watcher) load() {
	cfg, report, err := Load(w.src)
	w.seen = report.digest
	w.onLoad(cfg, report, err)
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

// directories are the system's notifications for the directories of files.
type directories struct {
	files  []string
	notify *fsnotify.Watcher
	Events <-chan fsnotify.Event // nil while there are none
	Errors <-chan error
	fake   bool
}

// watch adds the directories that are not watched: all of them at first, and
// later those that were removed and made again.
func (d *directories) watch() {
	if d.fake || len(d.files) == 0 {
		return
	}
	if d.notify == nil {
		notify, err := fsnotify.NewWatcher()
		if err != nil {
			return // the poll goes on, and this is tried again
		}
		d.notify, d.Events, d.Errors = notify, notify.Events, notify.Errors
	}
	for _, name := range d.files {
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
