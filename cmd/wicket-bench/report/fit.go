package report

// point is one measurement: x connections, y bytes.
type point struct{ x, y float64 }

// line is y = intercept + slope·x, with the share of the variance of y that
// it explains.
type line struct{ intercept, slope, r2 float64 }

// fit returns the least-squares line through the points. It needs at least
// two different x; otherwise the slope is 0.
func fit(points []point) line {
	n := float64(len(points))
	if n == 0 {
		return line{}
	}
	var mx, my float64
	for _, p := range points {
		mx += p.x / n
		my += p.y / n
	}
	var sxx, sxy, syy float64
	for _, p := range points {
		sxx += (p.x - mx) * (p.x - mx)
		sxy += (p.x - mx) * (p.y - my)
		syy += (p.y - my) * (p.y - my)
	}
	if sxx == 0 {
		return line{intercept: my}
	}
	l := line{slope: sxy / sxx, r2: 1}
	l.intercept = my - l.slope*mx
	if syy > 0 {
		l.r2 = sxy * sxy / (sxx * syy)
	}
	return l
}
