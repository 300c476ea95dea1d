package backend

import wicket "github.com/wicketmq/wicket/sdk/go"

// denials are the clients that a server has denied of late, so that one which
// tries again and again with a wrong password costs the server one request in
// that time (AHTTP-13). Who they are is a hash of the whole request: the same
// client with another password, address or certificate is asked about, as far as
// the request speaks of them. Nobody can be kept out whose password is not known,
// since it is part of the hash, if it is of the request. Nil holds none.
type denials struct {
	ttl  int64 // milliseconds
	list map[uint64]denial
}

type denial struct {
	until   int64
	verdict wicket.Verdict
}

// mostDenials is how many are remembered; when there are more, all are forgotten.
const mostDenials = 10_000

// find returns the verdict about a request, if it was denied of late, and the
// key by which add knows it.
func (d *denials) find(ctx *wicket.Context, r *wicket.HTTPRequest) (key uint64, v wicket.Verdict, ok bool) {
	if d == nil {
		return 0, v, false
	}
	key = hash(hash(fnvOffset, r.Path), r.Body)
	for i := range r.Headers {
		key = hash(key, r.Headers[i].Value)
	}
	found, ok := d.list[key]
	if ok && ctx.Now() >= found.until {
		delete(d.list, key)
		ok = false
	}
	return key, found.verdict, ok
}

func (d *denials) add(ctx *wicket.Context, key uint64, v wicket.Verdict) {
	if d == nil || v.Code() != wicket.CodeDeny {
		return
	}
	if len(d.list) >= mostDenials {
		clear(d.list)
	}
	d.list[key] = denial{ctx.Now() + d.ttl, v}
}

const fnvOffset, fnvPrime = 14695981039346656037, 1099511628211

// hash goes on with FNV-1a; a byte that occurs in no text parts what it is
// given from what comes next.
func hash[T string | []byte](h uint64, text T) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * fnvPrime
	}
	return (h ^ 0xff) * fnvPrime
}
