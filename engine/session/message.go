package session

import (
	"slices"

	"github.com/wicketmq/wicket/engine/mqtt"
	"github.com/wicketmq/wicket/engine/wheel"
)

// Message is an application message on the heap. It owns its bytes, is never
// changed after it has been made, and may be read from any goroutine.
type Message struct {
	Topic    []byte
	Payload  []byte
	props    *mqtt.PublishProperties // nil when there are none
	ExpireAt wheel.Tick              // 0 = never
	QoS      byte
	Retain   bool
}

// NewMessage copies an incoming PUBLISH, whose bytes die with the read window.
// The topic alias is left behind: it belongs to the connection it came from.
func NewMessage(p *mqtt.Publish, now wheel.Tick) *Message {
	pr := &p.Properties
	n := len(p.Topic) + len(p.Payload) + len(pr.ContentType) + len(pr.ResponseTopic) +
		len(pr.CorrelationData) + len(pr.User)
	a := arena(make([]byte, 0, n))
	m := &Message{QoS: p.QoS, Retain: p.Retain}
	m.Topic, m.Payload = a.copy(p.Topic), a.copy(p.Payload)
	if pr.HasMessageExpiry {
		m.ExpireAt = After(now, pr.MessageExpiry)
	}
	if hasProperties(pr) {
		m.props = &mqtt.PublishProperties{
			PayloadFormat:    pr.PayloadFormat,
			HasMessageExpiry: pr.HasMessageExpiry,
			MessageExpiry:    pr.MessageExpiry,
			ContentType:      a.copy(pr.ContentType),
			ResponseTopic:    a.copy(pr.ResponseTopic),
			CorrelationData:  a.copy(pr.CorrelationData),
			User:             mqtt.UserProperties(a.copy(pr.User)),
		}
	}
	return m
}

func hasProperties(p *mqtt.PublishProperties) bool {
	return p.PayloadFormat != 0 || p.HasMessageExpiry || p.ContentType != nil ||
		p.ResponseTopic != nil || p.CorrelationData != nil || len(p.User) > 0
}

// Fill makes p the PUBLISH of m as it is at now: with its QoS and retain flag
// and the part of its expiry interval that is left [MQTT-3.3.2-6]. The slices
// of p alias m.
func (m *Message) Fill(p *mqtt.Publish, now wheel.Tick) {
	*p = mqtt.Publish{QoS: m.QoS, Retain: m.Retain, Topic: m.Topic, Payload: m.Payload}
	if m.props == nil {
		return
	}
	p.Properties = *m.props
	if m.ExpireAt != 0 {
		p.Properties.MessageExpiry = remaining(m.ExpireAt, now)
	}
}

// Size is the number of bytes m keeps on the heap, roughly.
func (m *Message) Size() int {
	n := 80 + len(m.Topic) + len(m.Payload)
	if p := m.props; p != nil {
		n += 160 + len(p.ContentType) + len(p.ResponseTopic) + len(p.CorrelationData) + len(p.User)
	}
	return n
}

// After is the tick that is secs seconds after now, at the latest the last
// one there is.
func After(now wheel.Tick, secs uint32) wheel.Tick {
	at := now + wheel.Seconds(secs)
	if at < now {
		return 1<<32 - 1
	}
	return max(at, 1)
}

// remaining rounds up: a message that has not expired has a second to live.
func remaining(at, now wheel.Tick) uint32 {
	if at <= now {
		return 0
	}
	return (uint32(at-now) + wheel.PerSecond - 1) / wheel.PerSecond
}

// arena cuts copies out of one allocation; nil stays nil and empty stays
// present, a difference that MQTT properties make.
type arena []byte

func (a *arena) copy(b []byte) []byte {
	if b == nil {
		return nil
	}
	n := len(*a)
	*a = append(*a, b...)
	return slices.Clip((*a)[n:])
}
