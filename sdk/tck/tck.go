// Package tck is the conformance kit of the plugin ABI: what every host and
// every SDK is tested against. Golden are messages for either. Run puts numbered
// cases to a guest that an SDK has built; guests/README.md says what that guest
// does, and package guests has one for each SDK.
//
// All of it is for tests, and runs on the goroutine of the test.
package tck

import "embed"

// Golden holds one message per pair of files: golden/KIND-NAME.bin is the
// message in the wire format, and golden/KIND-NAME.json says the same with the
// field names of wicket.proto; bytes fields are Base64 there. KIND is that
// of a message, such as load or http_request. A .bin whose name ends in "-unknown" has fields that no
// version knows, and one without a .json is malformed: readers refuse it.
//
//go:embed golden
var Golden embed.FS
