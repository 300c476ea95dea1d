package report

import (
	"math"
	"testing"
)

func TestFit(t *testing.T) {
	cases := []struct {
		name   string
		points []point
		want   line
	}{
		{"none", nil, line{}},
		{"one", []point{{2, 7}}, line{intercept: 7}},
		{"exact", []point{{0, 5}, {1, 7}, {3, 11}}, line{5, 2, 1}},
		{"same x", []point{{1, 2}, {1, 4}}, line{intercept: 3}},
		// By hand: means 2 and 3; sxx 2, sxy 2, syy 8/3·… = 2.6667.
		{"scattered", []point{{1, 2}, {2, 4}, {3, 3}}, line{2, 0.5, 0.25}},
	}
	for _, c := range cases {
		got := fit(c.points)
		for _, d := range []float64{got.intercept - c.want.intercept, got.slope - c.want.slope, got.r2 - c.want.r2} {
			if math.Abs(d) > 1e-9 {
				t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
			}
		}
	}
}
