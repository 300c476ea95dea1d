package crl

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxFiles is the most files of a directory that are read.
const maxFiles = 10000

// localSource is a file with lists, or a directory of such files (CRL-12). All
// Checkers of a path share one.
type localSource struct {
	path    string
	maxSize int64
	users   int // belongs to Cache.mu

	mu    sync.Mutex // of what follows; held while files are read
	files map[string]*localFile
	err   error // of the last look at the path itself

	told map[localName]State // this and gone belong to Cache.telling
	gone bool

	byIssuer atomic.Pointer[map[string][]*localList]
}

// localName names a list of a local source.
type localName struct{ file, id string }

// localFile is what a file held when it last could be read.
type localFile struct {
	info  fs.FileInfo
	sum   [sha256.Size]byte
	lists []*localList
	err   error // of the last attempt
	at    time.Time
}

// localList is a list of a file. Whether its issuer has signed it shows when
// the first client with a certificate of that issuer comes along.
type localList struct {
	path string
	list *list

	verified atomic.Pointer[issuerID]
	mu       sync.Mutex
	draft    *draft // until verified
	refused  map[issuerID]error
}

// maxRefused bounds the issuers that bear the name of a list's issuer without
// being it.
const maxRefused = 16

// check reports whether an issuer has signed the list. The answer is
// remembered: a signature over a large list takes long to verify.
func (l *localList) check(issuer *x509.Certificate, id issuerID) error {
	if by := l.verified.Load(); by != nil && *by == id {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if by := l.verified.Load(); by != nil {
		if *by == id {
			return nil
		}
		return errors.New("it is signed by an issuer of the same name with another key")
	}
	if err := l.refused[id]; err != nil {
		return err
	}
	err := l.draft.verify(issuer)
	if err == nil {
		l.verified.Store(&id)
		l.draft, l.refused = nil, nil
		return nil
	}
	if len(l.refused) >= maxRefused || l.refused == nil {
		l.refused = make(map[issuerID]error)
	}
	l.refused[id] = err
	return err
}

// complaint is why no issuer so far could have signed the list. One of the
// same name with another key may still come along.
func (l *localList) complaint() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, err := range l.refused {
		return err
	}
	return nil
}

// of returns the lists that bear the name of an issuer.
func (s *localSource) of(issuer *x509.Certificate) []*localList {
	if s == nil {
		return nil
	}
	return (*s.byIssuer.Load())[string(issuer.RawSubject)]
}

// read looks at the path and reads what has changed, or with force all of it.
// It reports whether something is revoked that was not. What cannot be read
// stays as it was.
func (s *localSource) read(force bool) (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names, err := s.names()
	s.err = err
	if err != nil {
		return false, err
	}
	old := *s.byIssuer.Load()
	errs := []error{}
	for name := range s.files {
		if !slices.Contains(names, name) {
			delete(s.files, name)
		}
	}
	for _, name := range names {
		errs = append(errs, s.readFile(name, force))
	}
	index := s.index()
	s.byIssuer.Store(&index)
	return addsLocal(index, old), errors.Join(errs...)
}

// names lists the files: the path itself, or those of the directory whose name
// says that they may hold lists.
func (s *localSource) names() ([]string, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return nil, unreadable(s.path, err)
	}
	if !info.IsDir() {
		return []string{s.path}, nil
	}
	all, err := os.ReadDir(s.path)
	if err != nil {
		return nil, unreadable(s.path, err)
	}
	var names []string
	for _, e := range all {
		name := filepath.Join(s.path, e.Name())
		if info, err := os.Stat(name); err == nil && info.IsDir() || !holdsLists(e.Name()) {
			continue
		}
		names = append(names, name)
	}
	if len(names) > maxFiles {
		return nil, fmt.Errorf("directory %q holds %d revocation lists, more than %d", s.path, len(names), maxFiles)
	}
	return names, nil
}

// holdsLists reports whether a file of a directory is looked at: *.crl, *.pem,
// *.der, and *.r0 and so on, as openssl rehash names them. Hidden ones are
// those of editors and of Kubernetes.
func holdsLists(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return !strings.HasPrefix(name, ".") &&
		(ext == ".crl" || ext == ".pem" || ext == ".der" || len(ext) == 3 && ext[1] == 'r' && ext[2] >= '0' && ext[2] <= '9')
}

// readFile reads a file that has changed. A PEM file of a directory that holds
// something else is passed over.
func (s *localSource) readFile(name string, force bool) error {
	f := s.files[name]
	if f == nil {
		f = new(localFile)
		s.files[name] = f
	}
	info, err := os.Stat(name)
	if err == nil && !force && f.err == nil && f.info != nil && same(info, f.info) {
		return nil
	}
	f.info = info
	if err == nil {
		err = f.load(name, s.maxSize)
	}
	f.err = nil
	if other := name != s.path && len(f.lists) == 0 && errors.Is(err, errForeign); err != nil && !other {
		f.err = unreadable(name, err)
	}
	return f.err
}

// same reports whether a file looks unchanged.
func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func (f *localFile) load(name string, maxSize int64) (err error) {
	defer func() { // what follows reads foreign bytes
		if p := recover(); p != nil {
			err = fmt.Errorf("it makes the parser fail: %v", p)
		}
	}()
	data, err := readBounded(name, maxSize)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	if sum == f.sum {
		f.at = time.Now()
		return nil // keeps what has been verified
	}
	lists, err := parseLocal(name, data)
	if err != nil {
		return err
	}
	f.lists, f.sum, f.at = lists, sum, time.Now()
	return nil
}

func readBounded(name string, maxSize int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var b bytes.Buffer
	if n, err := b.ReadFrom(io.LimitReader(file, maxSize+1)); err != nil {
		return nil, err
	} else if n > maxSize {
		return nil, fmt.Errorf("it is larger than %d bytes", maxSize)
	}
	return b.Bytes(), nil
}

// parseLocal reads the lists of a file: all of them, or none.
func parseLocal(name string, data []byte) ([]*localList, error) {
	ders, err := split(data)
	if err != nil {
		return nil, err
	}
	var out []*localList
	for _, der := range ders {
		d, err := parse(der)
		if err != nil {
			return nil, err
		}
		l, err := d.list()
		if err != nil {
			return nil, err
		}
		out = append(out, &localList{path: name, list: l, draft: d})
	}
	return out, nil
}

func unreadable(path string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err // the path is in our own sentence
	}
	return fmt.Errorf("cannot read revocation list %q: %w", path, err)
}

// slot is what a newer list replaces: the lists of the same issuer and key
// with the same scope.
func (l *list) slot() string {
	return strings.Join([]string{string(l.issuer), string(l.keyID), string(l.scope.raw)}, "\x00")
}

// index sorts the lists by issuer and keeps the newest of each slot.
func (s *localSource) index() map[string][]*localList {
	newest := make(map[string]*localList)
	for _, f := range s.files {
		for _, l := range f.lists {
			slot := l.list.slot()
			if had := newest[slot]; had == nil || l.list.thisUpdate.After(had.list.thisUpdate) ||
				l.list.thisUpdate.Equal(had.list.thisUpdate) && l.path < had.path {
				newest[slot] = l
			}
		}
	}
	index := make(map[string][]*localList)
	for _, l := range newest {
		issuer := string(l.list.issuer)
		index[issuer] = append(index[issuer], l)
	}
	return index
}

// addsLocal reports whether an index revokes what an older one does not.
func addsLocal(index, old map[string][]*localList) bool {
	had := make(map[string]*list)
	for _, lists := range old {
		for _, l := range lists {
			had[l.list.slot()] = l.list
		}
	}
	for _, lists := range index {
		for _, l := range lists {
			if before := had[l.list.slot()]; before != l.list && l.list.adds(before) {
				return true
			}
		}
	}
	return false
}
