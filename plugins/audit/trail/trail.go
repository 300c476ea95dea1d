// Package trail is what the plugin audit does: it gathers events and sends them
// in batches, one request at a time, to an upstream.
package trail

import (
	"slices"
	"strconv"

	wicket "github.com/wicketmq/wicket/sdk/go"
	"github.com/wicketmq/wicket/sdk/go/config"
	"github.com/wicketmq/wicket/sdk/go/json"
)

// maxBody bounds a batch: the broker takes a megabyte.
const maxBody = 512 << 10

// maxEvent bounds an event. A SUBSCRIBE may have a megabyte of filters, of which
// the first are told then.
const maxEvent = 64 << 10

// maxWaiting bounds the bytes that wait.
const maxWaiting = 8 << 20

// Trail gathers the events of one instance. Its functions take turns.
type Trail struct {
	Interval int64 // milliseconds between two looks for what waits

	request    wicket.HTTPRequest
	array      bool
	batch      int // events that do not wait for the interval
	room       int // events that may wait
	attributes bool

	waiting [][]byte // JSON objects, the oldest first
	bytes   int
	sending bool
	failed  bool // the last batch was not taken: one more attempt is made
	trying  int  // events of the batch that failed

	sent, lostHere, lostThere, lostBefore wicket.Counter
	gauge                                 wicket.Gauge
}

// New reads the configuration of the plugin.
func New(l *wicket.LoadInfo) (*Trail, error) {
	o, err := config.Read(l.Config)
	if err != nil {
		return nil, err
	}
	t := &Trail{Interval: 1000, batch: 100, room: 10_000}
	t.readRequest(o, l)
	t.batch = number(o, "batch", t.batch, 1, 10_000)
	t.room = number(o, "buffer", t.room, 1, 100_000)
	t.Interval = int64(number(o, "interval_ms", int(t.Interval), 100, 3_600_000))
	t.attributes, _ = o.Bool("attributes")
	if t.room < t.batch {
		o.Fault("buffer", "want no less than batch")
	}
	if l.Features&wicket.FeatureEvents == 0 {
		o.Fault("", "there is nothing to tell: write plugins."+l.Plugin+".events, such as [connected, disconnected, refused]")
	}
	t.sent = wicket.NewCounter("audit_sent_total", "Events that the upstream has taken.")
	const help = "Events lost: in the broker's queue, for want of room in the plugin, or because the upstream did not take them."
	t.lostBefore = wicket.NewCounter("audit_lost_total", help, "where", "broker")
	t.lostHere = wicket.NewCounter("audit_lost_total", help, "where", "buffer")
	t.lostThere = wicket.NewCounter("audit_lost_total", help, "where", "upstream")
	t.gauge = wicket.NewGauge("audit_waiting", "Events that wait to be sent.")
	return t, o.Err()
}

func (t *Trail) readRequest(o *config.Object, l *wicket.LoadInfo) {
	t.request = wicket.HTTPRequest{Method: "POST", Headers: []wicket.Property{{Key: "Content-Type", Value: "application/x-ndjson"}}}
	t.request.Upstream, _ = o.Text("upstream")
	t.request.Path, _ = o.Text("path")
	if name := t.request.Upstream; name == "" {
		o.Fault("upstream", "want the name of an upstream")
	} else if !slices.Contains(l.Upstreams, name) {
		o.Fault("upstream", `"`+name+`" is not granted: write plugins.`+l.Plugin+`.upstreams: [`+name+`]`)
	}
	switch format, set := o.Text("format"); {
	case !set || format == "lines":
	case format == "array":
		t.array = true
		t.request.Headers[0].Value = "application/json"
	default:
		o.Fault("format", `want lines or array, not "`+format+`"`)
	}
	if headers, ok := o.Object("headers"); ok {
		for _, name := range headers.Keys() {
			value, _ := headers.Text(name)
			t.request.Headers = append(t.request.Headers, wicket.Property{Key: name, Value: value})
		}
	}
}

func number(o *config.Object, key string, def, least, most int) int {
	n, set := o.Int(key)
	if !set {
		return def
	}
	if n < int64(least) || n > int64(most) {
		o.Fault(key, "want a number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most))
		return def
	}
	return int(n)
}

// Note takes an event in, and sends a batch when there is a whole one.
func (t *Trail) Note(ctx *wicket.Context, e *wicket.Event) {
	t.lostBefore.Add(int64(min(e.Dropped, 1<<62)))
	if b := t.encode(e); len(t.waiting) < t.room && t.bytes+len(b) <= maxWaiting {
		t.waiting = append(t.waiting, b)
		t.bytes += len(b)
	} else {
		t.lostHere.Inc()
	}
	if len(t.waiting) >= t.batch && !t.failed { // after a failure, not before the interval
		t.Flush(ctx)
	}
	t.gauge.Set(int64(len(t.waiting)))
}

// Flush sends what waits, a batch after the other, until nothing is left or one
// is not taken. That is tried once more, at the next interval.
func (t *Trail) Flush(ctx *wicket.Context) {
	if t.sending {
		return
	}
	t.sending = true
	defer func() {
		t.sending = false
		t.gauge.Set(int64(len(t.waiting)))
	}()
	for len(t.waiting) > 0 && t.send(ctx) {
	}
}

// send sends the next batch, and reports whether the one after it may go.
func (t *Trail) send(ctx *wicket.Context) bool {
	n := t.next()
	t.request.Body = t.body(n)
	res, err := ctx.HTTP(t.request)
	if err == nil && res.Status >= 200 && res.Status < 300 {
		t.drop(n)
		t.sent.Add(int64(n))
		t.failed, t.trying = false, 0
		return true
	}
	why := "status "
	if err != nil {
		why = err.Error()
	} else {
		why += strconv.Itoa(int(res.Status))
	}
	if !t.failed {
		t.failed, t.trying = true, n
		wicket.Warn("events were not taken, and are sent again: " + why)
		return false
	}
	t.drop(n)
	t.lostThere.Add(int64(n))
	t.failed, t.trying = false, 0
	wicket.Error(strconv.Itoa(n) + " events are lost: " + why)
	return false
}

// next is how many events go into the next batch; one that has failed stays the
// same.
func (t *Trail) next() int {
	if t.failed {
		return t.trying
	}
	n, size := 0, 0
	for n < min(len(t.waiting), t.batch) && (n == 0 || size+len(t.waiting[n]) < maxBody) {
		size += len(t.waiting[n]) + 1
		n++
	}
	return n
}

func (t *Trail) body(n int) []byte {
	b := t.request.Body[:0]
	if t.array {
		b = append(b, '[')
	}
	for i, e := range t.waiting[:n] {
		if t.array && i > 0 {
			b = append(b, ',')
		}
		if b = append(b, e...); !t.array {
			b = append(b, '\n')
		}
	}
	if t.array {
		b = append(b, ']')
	}
	return b
}

func (t *Trail) drop(n int) {
	for i := range n {
		t.bytes -= len(t.waiting[i])
	}
	t.waiting = slices.Delete(t.waiting, 0, n)
}

// encode writes an event as a JSON object. What is empty is left out.
func (t *Trail) encode(e *wicket.Event) []byte {
	b := append([]byte(`{"time_ms":`), strconv.FormatUint(e.TimeMS, 10)...)
	b = text(b, "event", wicket.KindName(e.Kind))
	b = text(b, "client_id", e.ClientID)
	b = text(b, "username", e.Username)
	b = text(b, "listener", e.Listener)
	b = text(b, "peer", e.Peer)
	b = text(b, "decider", e.Decider)
	switch e.Kind {
	case wicket.Disconnected, wicket.Refused:
		b = strconv.AppendUint(append(b, `,"reason":`...), uint64(e.Reason), 10)
		b = text(b, "reason_text", e.ReasonText)
	case wicket.Denied:
		b = text(b, "action", [...]string{"", "publish", "subscribe"}[e.Action%3])
	}
	b = topics(b, e.Topics)
	if t.attributes && len(e.Attributes) > 0 {
		b = append(b, `,"attributes":{`...)
		for i, a := range e.Attributes {
			if i > 0 {
				b = append(b, ',')
			}
			b = json.AppendString(append(json.AppendString(b, a.Key), ':'), a.Value)
		}
		b = append(b, '}')
	}
	if e.Dropped > 0 {
		b = strconv.AppendUint(append(b, `,"lost_before":`...), e.Dropped, 10)
	}
	return append(b, '}')
}

func topics(b []byte, list []wicket.Topic) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, `,"topics":[`...)
	for i := range list {
		if len(b) > maxEvent {
			b = append(b, `],"more_topics":`...)
			return strconv.AppendInt(b, int64(len(list)-i), 10)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = json.AppendString(append(b, `{"topic":`...), list[i].Topic)
		b = strconv.AppendUint(append(b, `,"qos":`...), uint64(list[i].QoS), 10)
		b = text(b, "share", list[i].Share)
		if list[i].Retain {
			b = append(b, `,"retain":true`...)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

func text(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, `,"`...), key...), `":`...)
	return json.AppendString(b, value)
}
