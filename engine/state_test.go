package engine_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/wicketmq/wicket/engine/control"
)

// Looking disturbs no reload, and no reload what is looked at.
func TestLookWhileReloading(t *testing.T) {
	s := newSite(t)
	e := s.start(standard)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := e.Snapshot()
				if len(n.Plugins) != 2 || len(n.Certificates) != 1 || len(n.Status.Listeners) != 2 {
					t.Errorf("%d plugins, %d certificates, %d listeners", len(n.Plugins), len(n.Certificates), len(n.Status.Listeners))
					return
				}
			}
		})
	}
	for range 6 {
		if err := e.Reload(s.load(standard)); err != nil {
			t.Error(err)
		}
		for _, err := range []error{e.RefreshCertificates(t.Context()), e.RefreshCRLs(t.Context()), e.ClearCRLs(t.Context()), e.RefreshStaples(t.Context())} {
			if err != nil {
				t.Error(err)
			}
		}
	}
	close(stop)
	wg.Wait()
}

// A plugin that a reload leaves alone stays the same; one that it replaces
// is another, loaded later.
func TestPluginsTellWhenTheyWereLoaded(t *testing.T) {
	s := newSite(t)
	e := s.start(standard)
	byName := func() map[string]control.Plugin {
		out := map[string]control.Plugin{}
		for _, p := range e.Plugins() {
			out[p.Name] = p
		}
		return out
	}
	before := byName()
	s.write("second", "bob:"+hash("other")+"\n")
	if err := e.Reload(s.load(standard)); err != nil {
		t.Fatal(err)
	}
	after := byName()
	if !after["first"].Loaded.Equal(before["first"].Loaded) || !after["second"].Loaded.After(before["second"].Loaded) {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
	if p := after["first"]; p.SHA256 != before["second"].SHA256 || len(p.SHA256) != 64 || p.ABI == "" || !slices.Equal(p.Asked, []string{"clients"}) {
		t.Errorf("%+v", p)
	}
}
