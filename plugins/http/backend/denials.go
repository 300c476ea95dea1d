package backend

import wicket "github.com/wicketmq/wicket/sdk/go"

// denials are the clients that a server has denied of late, so that one which
// tries again and again with a wrong password costs the server one request in
// that time (AHTTP-13). Who they are is a digest of the whole request: the same
// client with another password, address or certificate is asked about, as far as
// the request speaks of them. Nobody can be kept out whose password is not known,
// since it is part of the digest, if it is of the request. Nil holds none.
type denials struct {
	ttl  int64 // milliseconds
	list map[digest]denial
}

type denial struct {
	until   int64
	verdict wicket.Verdict
}

// mostDenials is how many are remembered; when there are more, all are forgotten.
const mostDenials = 10_000

// find returns the verdict about a request, if it was denied of late.
func (d *denials) find(ctx *wicket.Context, key digest) (v wicket.Verdict, ok bool) {
	if d == nil {
		return v, false
	}
	found, ok := d.list[key]
	if ok && ctx.Now() >= found.until {
		delete(d.list, key)
		ok = false
	}
	return found.verdict, ok
}

func (d *denials) add(ctx *wicket.Context, key digest, v wicket.Verdict) {
	if d == nil || v.Code() != wicket.CodeDeny {
		return
	}
	if len(d.list) >= mostDenials {
		clear(d.list)
	}
	d.list[key] = denial{ctx.Now() + d.ttl, v}
}
