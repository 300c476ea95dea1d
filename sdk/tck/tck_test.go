package tck_test

import (
	"testing"

	"github.com/wicketmq/wicket/sdk/tck"
	"github.com/wicketmq/wicket/sdk/tck/guests"
)

func TestKit(t *testing.T) {
	t.Parallel()
	for _, language := range guests.Languages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			tck.Run(t, guests.Kit(t, language), guests.Lacks[language]...)
		})
	}
}
