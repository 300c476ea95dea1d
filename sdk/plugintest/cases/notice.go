package cases

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/wicketmq/wicket/engine/auth"
	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/wasm"
)

// Event is something that has happened to a client. What is not written has the
// value of an ordinary client.
type Event struct {
	Kind       string            `yaml:"kind"` // connected, disconnected, refused, subscribed, unsubscribed or denied
	ClientID   string            `yaml:"client_id,omitempty"`
	Username   string            `yaml:"username,omitempty"`
	Listener   string            `yaml:"listener,omitempty"`
	Peer       string            `yaml:"peer,omitempty"`
	Reason     byte              `yaml:"reason,omitempty"` // such as 0x87
	ReasonText string            `yaml:"reason_text,omitempty"`
	Action     string            `yaml:"action,omitempty"` // of one that is denied: publish or subscribe
	Topics     []Topic           `yaml:"topics,omitempty"`
	Decider    string            `yaml:"decider,omitempty"`
	Attributes map[string]string `yaml:"attributes,omitempty"`
	Times      int               `yaml:"times,omitempty"` // it happens that often; 1 unless said
}

func (e *Event) event() (*auth.Event, error) {
	kind, ok := auth.ParseEventKind(e.Kind)
	if !ok {
		return nil, fmt.Errorf("event %q: write connected, disconnected, refused, subscribed, unsubscribed or denied", e.Kind)
	}
	out := &auth.Event{
		Kind: kind, ClientID: e.ClientID, Username: e.Username, Listener: or(e.Listener, "tcp:default"),
		Reason: mqtt.Reason(e.Reason), ReasonText: e.ReasonText, Decider: e.Decider, Attributes: e.Attributes,
	}
	for _, t := range e.Topics {
		out.Items = append(out.Items, auth.Item{Topic: t.Topic, QoS: t.QoS, Retain: t.Retain, Share: t.Share})
	}
	var err error
	if e.Action != "" {
		if out.Action, err = action(e.Action); err != nil {
			return nil, err
		}
	}
	out.Peer, err = address(or(e.Peer, "192.0.2.1"))
	return out, err
}

// tell has the plugin be told of an event.
func (t *trial) tell(e *Event) error {
	for range max(e.Times, 1) {
		event, err := e.event()
		if err != nil {
			return err
		}
		if !t.plugin.Observes(event.Kind) {
			return fmt.Errorf("the plugin is not told that somebody is %s: write `events: [%s]` beside the config, and see that it has a handler", e.Kind, e.Kind)
		}
		event.Time = t.clock.Now()
		t.plugin.Observe(event)
	}
	return nil
}

// parted notes whom plugins disconnect.
type parted struct {
	mu   sync.Mutex
	list []string
}

// add is the Disconnect of the host.
func (p *parted) add(d wasm.Disconnect) {
	line := d.ClientID + ": " + d.Reason.String()
	if d.ReasonText != "" {
		line += ": " + d.ReasonText
	}
	if d.Username != "" {
		line += " (user " + d.Username + ")"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, line)
}

// since returns what was noted from a number on.
func (p *parted) since(from int) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.list[from:])
}

func (p *parted) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = nil
}

// seed gives the plugin what it finds kept.
func (t *trial) seed(kv map[string]any) error {
	for key, v := range kv {
		value := []byte(fmt.Sprint(v))
		if n, ok := v.(int); ok {
			value = binary.LittleEndian.AppendUint64(nil, uint64(n))
		}
		if !t.plugin.Keep(key, value, 0) {
			return fmt.Errorf("kv: the plugin cannot keep %q", key)
		}
	}
	return nil
}

// kept is what the plugin keeps under the keys of want: numbers where want has
// numbers, null where there is nothing.
func (t *trial) kept(want map[string]any) map[string]any {
	if want == nil {
		return nil
	}
	out := map[string]any{}
	for key, like := range want {
		value, ok := t.plugin.Kept(key)
		_, number := like.(int)
		switch {
		case !ok:
			out[key] = nil
		case number && len(value) == 8:
			out[key] = int(binary.LittleEndian.Uint64(value))
		default:
			out[key] = string(value)
		}
	}
	return out
}

// metrics are the metrics of the plugin that want names, or all that have
// counted anything when it names none.
func (t *trial) metrics(want map[string]int64) map[string]int64 {
	if want == nil {
		return nil
	}
	out := map[string]int64{}
	for _, m := range t.r.host.Metrics() {
		if m.Plugin != t.plugin.Name() {
			continue
		}
		name := metricName(&m)
		for _, n := range m.Counts {
			m.Value += int64(n)
		}
		if _, named := want[name]; named || len(want) == 0 && m.Value != 0 {
			out[name] = m.Value
		}
	}
	return out
}

// metricName is how a series is written: limited_total{by=peer}.
func metricName(m *wasm.Metric) string {
	if len(m.Labels) == 0 {
		return m.Name
	}
	list := slices.SortedFunc(slices.Values(m.Labels), func(a, b wasm.Label) int { return cmp.Compare(a.Name, b.Name) })
	var pairs []string
	for _, l := range list {
		pairs = append(pairs, l.Name+"="+l.Value)
	}
	return m.Name + "{" + strings.Join(pairs, ",") + "}"
}
