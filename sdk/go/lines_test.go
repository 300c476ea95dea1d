package wicket

import (
	"slices"
	"testing"

	"github.com/wicketmq/wicket/sdk/go/wire"
)

// A file of lines is read without what is there for people only.
func TestLines(t *testing.T) {
	l := &LoadInfo{wire.Load{Files: []File{{Key: "list_file", Content: []byte("# all\r\n\r\n  one two \r\n\t# three\nfour#")}, {Key: "none_file"}}}}
	if got, err := l.Lines("list_file"); err != nil || !slices.Equal(got, []string{"one two", "four#"}) {
		t.Errorf("%q %v", got, err)
	}
	if got, err := l.Lines("none_file"); err != nil || len(got) != 0 {
		t.Errorf("an empty file: %q %v", got, err)
	}
	if _, err := l.Lines("other_file"); err == nil || err.Error() != "other_file: name the file" {
		t.Errorf("no such key: %v", err)
	}
}
