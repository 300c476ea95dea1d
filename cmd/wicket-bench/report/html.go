package report

import "io"

// ComparisonHTML writes a comparison as a single page with charts.
func ComparisonHTML(w io.Writer, c Comparison) error { return nil }
