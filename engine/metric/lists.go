package metric

import "github.com/wicketmq/wicket/engine/control"

// bySource makes one of the revocation lists that have the same source, as in a
// file with those of a root and of its intermediate authority: it is usable
// when all are, ends with the first, and was fetched with the last to be
// fetched. Two metrics with the same labels would cost one of them.
func bySource(lists []control.CRL) (out []control.CRL) {
	at := make(map[string]int)
	for _, l := range lists {
		i, known := at[l.Source]
		if !known {
			at[l.Source] = len(out)
			out = append(out, l)
			continue
		}
		one := &out[i]
		one.Entries += l.Entries
		if !l.Usable() {
			one.State, one.ThisUpdate = l.State, l.ThisUpdate
		}
		if one.NextUpdate.IsZero() || !l.NextUpdate.IsZero() && l.NextUpdate.Before(one.NextUpdate) {
			one.NextUpdate = l.NextUpdate
		}
		if l.Fetched.Before(one.Fetched) {
			one.Fetched = l.Fetched
		}
	}
	return out
}
