package metric

import (
	"strings"
	"testing"
	"time"

	"github.com/wicketmq/wicket/engine/control"
)

// A file may hold lists of several issuers: the one that is out of date must
// show, wherever it stands, and no figure is lost.
func TestListsOfOneSource(t *testing.T) {
	root := control.CRL{Source: "/crl.pem", Issuer: "CN=Root", State: "current", Entries: 2, ThisUpdate: noon, NextUpdate: noon.Add(time.Hour), Fetched: noon}
	sub := control.CRL{Source: "/crl.pem", Issuer: "CN=Sub", State: "stale", Entries: 3, ThisUpdate: noon.Add(-time.Hour), NextUpdate: noon, Fetched: noon}
	missing := control.CRL{Source: "/crl.pem", State: "missing"}
	for _, c := range []struct {
		lists []control.CRL
		want  string
	}{
		{[]control.CRL{root}, "2,1"}, {[]control.CRL{root, sub}, "5,0"}, {[]control.CRL{sub, root}, "5,0"},
		{[]control.CRL{root, missing}, "2,0"}, {[]control.CRL{missing, root}, "2,0"},
	} {
		text := scrape(t, Snapshot{CRLs: c.lists})
		entries, usable, _ := strings.Cut(c.want, ",")
		for _, line := range []string{`wicket_crl_entries{source="/crl.pem"} ` + entries, `wicket_crl_usable{source="/crl.pem"} ` + usable} {
			if !strings.Contains(text, "\n"+line+"\n") {
				t.Errorf("%v: no %q in\n%s", c.lists, line, ours(text))
			}
		}
	}
	text := ours(scrape(t, Snapshot{CRLs: []control.CRL{root, sub}}))
	if want := "wicket_crl_next_update_timestamp_seconds{source=\"/crl.pem\"} 1.7723664e+09\n"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
}
