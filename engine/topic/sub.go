package topic

// Options are the options of a subscription, laid out as the Subscription
// Options byte of SUBSCRIBE (§3.8.3.1).
type Options byte

const (
	optNoLocal     Options = 1 << 2
	optAsPublished Options = 1 << 3
	optRetainShift         = 4
)

// NewOptions packs the options of a subscription; qos and handling are 0 to 2.
func NewOptions(qos byte, noLocal, retainAsPublished bool, handling byte) Options {
	o := Options(qos&3) | Options(handling&3)<<optRetainShift
	if noLocal {
		o |= optNoLocal
	}
	if retainAsPublished {
		o |= optAsPublished
	}
	return o
}

// QoS is the highest QoS at which messages are sent to the subscriber.
func (o Options) QoS() byte { return byte(o & 3) }

// NoLocal reports whether the subscriber's own messages are kept from it
// [MQTT-3.8.3-3].
func (o Options) NoLocal() bool { return o&optNoLocal != 0 }

// RetainAsPublished reports whether messages keep the retain flag they were
// published with [MQTT-3.3.1-13]; otherwise it is cleared [MQTT-3.3.1-12].
func (o Options) RetainAsPublished() bool { return o&optAsPublished != 0 }

// RetainHandling is 0 to send retained messages on subscribe, 1 to send them
// if the subscription is new, 2 not to send them (§3.3.1.3).
func (o Options) RetainHandling() byte { return byte(o>>optRetainShift) & 3 }

// Sub is one subscription to one filter.
type Sub[S comparable] struct {
	Subscriber S
	ID         uint32 // Subscription Identifier (§3.8.2.1.2), 0 = none
	Options    Options
}

// manySubs is the length from which a list keeps a map of positions. Below
// it, comparing one after the other is as fast.
const manySubs = 32

// list holds the subscriptions of one filter on one shard, in no particular
// order; only the loop of that shard touches it. Finding a subscriber takes a
// scan in a short list and a map in a long one, so that 10⁵ subscribers who
// leave together cost 10⁵ small steps.
type list[S comparable] struct {
	subs []Sub[S]
	pos  map[S]int32 // position in subs; nil until a long list is searched
}

func (l *list[S]) find(s S) int {
	if l.pos == nil && len(l.subs) > manySubs {
		l.pos = make(map[S]int32, len(l.subs)*2)
		for i := range l.subs {
			l.pos[l.subs[i].Subscriber] = int32(i)
		}
	}
	if l.pos != nil {
		if i, ok := l.pos[s]; ok {
			return int(i)
		}
		return -1
	}
	for i := range l.subs {
		if l.subs[i].Subscriber == s {
			return i
		}
	}
	return -1
}

// put adds sub, or updates the subscription that its subscriber has.
func (l *list[S]) put(sub Sub[S]) (replaced bool) {
	if i := l.find(sub.Subscriber); i >= 0 {
		l.subs[i] = sub
		return true
	}
	l.subs = append(l.subs, sub)
	if l.pos != nil {
		l.pos[sub.Subscriber] = int32(len(l.subs) - 1)
	}
	return false
}

// remove takes the subscription of s out; the last one takes its place.
func (l *list[S]) remove(s S) bool {
	i := l.find(s)
	if i < 0 {
		return false
	}
	last := len(l.subs) - 1
	l.subs[i] = l.subs[last]
	l.subs[last] = Sub[S]{} // what has left must not be kept alive
	l.subs = l.subs[:last]
	if l.pos != nil {
		if i != last {
			l.pos[l.subs[i].Subscriber] = int32(i)
		}
		delete(l.pos, s)
	}
	l.shrink()
	return true
}

// shrink gives memory back when three quarters of a long list have left.
func (l *list[S]) shrink() {
	if cap(l.subs) > manySubs && len(l.subs) < cap(l.subs)/4 {
		l.subs = append(make([]Sub[S], 0, cap(l.subs)/2), l.subs...)
		l.pos = nil
	}
}
