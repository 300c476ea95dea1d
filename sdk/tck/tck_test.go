package tck_test

import (
	"testing"

	"github.com/wicketmq/wicket/sdk/tck"
	"github.com/wicketmq/wicket/sdk/tck/guests"
)

func TestKit(t *testing.T) {
	for _, language := range guests.Languages {
		t.Run(language, func(t *testing.T) { tck.Run(t, guests.Kit(t, language), guests.Lacks[language]...) })
	}
}
