package token

import (
	"errors"
	"hash/fnv"
	"strconv"

	wicket "github.com/wicketmq/wicket/sdk/go"
)

// How often the keys of an issuer are asked for at most, in milliseconds: while it
// is down or tokens name keys that are not there, unless refresh_interval is less;
// and while there are no keys at all.
const (
	renewGap = 10_000
	retryGap = 1_000
)

// keptFor is how long the keys outlive the instance that has asked for them, in
// milliseconds: another one, after a reload or a failure, begins with them.
const keptFor = 3600_000

// maxSet is the longest key set that is taken.
const maxSet = 256 << 10

var errNoKeys = errors.New("there are no keys of the issuer yet")

// keySet is the JSON Web Key Set that an issuer publishes. One request at a time
// asks for it, whatever the number of clients that wait; when the issuer is not
// there the last keys stay (AJWT-01), those of another instance too.
type keySet struct {
	request    wicket.HTTPRequest
	algorithms []string
	interval   int64 // milliseconds

	start func(func(*wicket.Context)) // Background
	put   func(slot int, keys wicket.JWTKeys) error

	have    bool
	failed  bool          // the last time
	body    string        // what is there, if this instance has asked for it
	current int64         // when those that are there were asked for, in milliseconds
	asked   int64         // when the issuer was last asked
	busy    chan struct{} // closed when the answer is there; nil: nobody asks
}

// begin asks for the keys if nobody does.
func (k *keySet) begin() {
	if k.busy != nil {
		return
	}
	done := make(chan struct{})
	k.busy = done
	k.start(func(ctx *wicket.Context) {
		defer func() {
			k.busy = nil
			close(done)
		}()
		k.asked = ctx.Now()
		err := k.fetch(ctx)
		k.keep()
		if k.failed = err != nil; k.failed {
			wicket.Warn("upstream " + strconv.Quote(k.request.Upstream) + " gives no keys: " + err.Error() + k.instead())
			return
		}
		k.have, k.current = true, k.asked
	})
}

// gap is the time between two requests at least.
func (k *keySet) gap() int64 { return min(renewGap, k.interval) }

func (k *keySet) instead() string {
	if k.have {
		return "; the last ones stay"
	}
	return ""
}

func (k *keySet) fetch(ctx *wicket.Context) error {
	res, err := ctx.HTTP(k.request)
	switch {
	case err != nil:
		return err
	case res.Status != 200:
		return errors.New("it answered with status " + strconv.Itoa(int(res.Status)))
	case len(res.Body) > maxSet:
		return errors.New("its answer has " + strconv.Itoa(len(res.Body)) + " bytes; at most " + strconv.Itoa(maxSet) + " are read")
	}
	if err := k.put(slot, wicket.JWTKeys{Algorithms: k.algorithms, JWKS: res.Body}); err != nil {
		return err
	}
	k.body = string(res.Body)
	return nil
}

// name is what the keys are kept by: all that is said of where they are from. The
// headers may be secret, and hold a tenant.
func (k *keySet) name() string {
	h := fnv.New64a()
	for _, p := range k.request.Headers {
		_, _ = h.Write([]byte(p.Key + ":" + p.Value + "\n"))
	}
	return "keys " + k.request.Upstream + " " + k.request.Path + " " + strconv.FormatUint(h.Sum64(), 16)
}

// keep leaves the keys to other instances. Without room they have to ask.
func (k *keySet) keep() {
	if k.body != "" {
		_ = wicket.KV.Set(k.name(), []byte(k.body), keptFor)
	}
}

// recall begins with the keys that another instance has left. They count only when
// the issuer has been asked for newer ones.
func (k *keySet) recall() {
	if body, ok := wicket.KV.Get(k.name()); ok {
		k.have = k.put(slot, wicket.JWTKeys{Algorithms: k.algorithms, JWKS: body}) == nil
	}
}

// wait returns when nobody asks for keys.
func (k *keySet) wait() {
	if k.busy != nil {
		<-k.busy
	}
}

// early is how long before the keys are too old the first client has them asked for,
// without waiting, so that none waits where they come often.
func (k *keySet) early() int64 { return min(renewGap, k.interval/4) }

// ready asks for keys that are due, and waits for them when there are none, or when
// they are older than one that was withdrawn may count. While the issuer is known to
// be down clients go on with those that are there.
func (k *keySet) ready(ctx *wicket.Context) error {
	if k == nil {
		return nil
	}
	now := ctx.Now()
	if now < k.asked { // the clock was set back
		k.asked, k.current = now, min(k.current, now)
	}
	down := k.failed && now-k.asked <= k.interval
	switch age := now - k.current; {
	case !k.have && now-k.asked < retryGap && k.busy == nil:
		return errNoKeys
	case !k.have || age > k.interval && !down:
		k.begin()
		k.wait()
	case age > k.interval-k.early() && now-k.asked >= k.gap():
		k.begin()
	}
	if !k.have {
		return errNoKeys
	}
	return nil
}

// renewed asks for the keys again because a token names one that is not there, and
// reports whether they are newer than they were. Clients cannot make it ask more
// than once in that gap, and none waits for longer than a request takes.
func (k *keySet) renewed(ctx *wicket.Context) bool {
	if k == nil {
		return false
	}
	before := k.current
	if k.busy == nil && ctx.Now()-k.asked < k.gap() {
		return false
	}
	k.begin()
	k.wait()
	return k.current != before
}
