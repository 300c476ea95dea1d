// Package crl answers from certificate revocation lists (RFC 5280 sections 5
// and 6.3) whether client certificates are revoked.
//
// A [Cache] belongs to the process. It holds the lists that were fetched from
// the distribution points of certificates, one fetch for all who wait for it,
// and refreshes them before they are out of date; and those of local files,
// which it reads again when they change. A list is believed when the
// certificate's issuer has signed it, and stays in force until a newer one has
// been verified: no server and no half-written file can take it away.
//
// A [Checker] belongs to a listener: the cache, local files and what becomes
// of clients in doubt. It implements [cert.Revocation].
//
// All methods may be called by any goroutine. Handshakes wait only in
// [Checker.Check], which fetches a list that is not there yet; everything else
// happens on the cache's own goroutines: a timer for each list, at most
// maxFetches fetches, one that polls local files. Locks are taken in the order
// Cache.telling, localSource.mu, Cache.mu, localList.mu; none is held while
// the network or a callback is waited for, except that telling is held while
// OnState runs.
//
// Not supported, and answered with an error that says so: indirect lists, delta
// lists (complete ones are required beside them, RFC 5280 section 5.2.4) and
// distribution points relative to an issuer's name.
package crl
