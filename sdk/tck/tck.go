// Package tck is the conformance kit of the plugin ABI: what every host and
// every SDK is tested against.
package tck

import "embed"

// Golden holds one message per pair of files: golden/KIND-NAME.bin is the
// message in the wire format, and golden/KIND-NAME.json says the same with the
// field names of wicket.proto; bytes fields are Base64 there. KIND is load,
// authenticate, authorize, decision, password_verify, http_request or
// http_response. A .bin whose name ends in "-unknown" has fields that no
// version knows, and one without a .json is malformed: readers refuse it.
//
//go:embed golden
var Golden embed.FS
