package load

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/panjf2000/gnet/v2"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// client is one MQTT client. It belongs to the loop once it is enrolled.
type client struct {
	load  *Load
	conn  gnet.Conn
	tls   *secure // nil on a plain transport
	rest  []byte  // decrypted part of a packet; nil on a plain transport
	pub   *publisher
	done  chan error // what became of connecting
	began int64      // clock when connecting began
	n     int
	stage stage
}

type stage uint8

const (
	greeting stage = iota // CONNECT is sent
	joining               // SUBSCRIBE is sent
	ready
	closed
)

// publisher is the sending half of a client that has one.
type publisher struct {
	burst   []byte // encoded frames, one behind the other
	ends    []int  // where each ends in burst
	next    int    // the frame to send next
	free    []uint16
	held    []bool // by packet identifier: on its way
	pending int    // deliveries of sent messages that have not come
	unacked int
	due     int // open loop: messages whose time has come
	sent    int // messages sent, for the open loop's times
	queued  bool
}

func (c *client) who() string {
	if c.pub != nil {
		return "p"
	}
	return "s"
}

func (c *client) id() string { return c.load.spec.expand(c.load.spec.ClientID, c.who(), c.n, 0) }

// settle says once what became of connecting.
func (c *client) settle(err error) {
	select {
	case c.done <- err:
	default:
	}
}

// write sends bytes, encrypted when there is a TLS layer.
func (c *client) write(b []byte) {
	if len(b) == 0 || c.stage == closed {
		return
	}
	if c.tls != nil {
		sealed, err := c.tls.seal(b)
		if err != nil {
			c.load.fail(c, err)
			return
		}
		b = sealed
	}
	_, _ = c.conn.Write(b) // OnClose tells of failures
}

// greet sends CONNECT.
func (c *client) greet() {
	s := &c.load.spec
	if s.Silent {
		c.arrive()
		return
	}
	p := mqtt.Connect{Version: s.Version, CleanStart: true, ClientID: []byte(c.id())}
	if s.Username != "" {
		p.HasUsername, p.Username = true, []byte(s.expand(s.Username, c.who(), c.n, 0))
		p.HasPassword, p.Password = true, []byte(s.Password)
	}
	c.write(p.Append(nil, s.Version))
}

// join sends SUBSCRIBE, or is ready where there is nothing to subscribe to.
func (c *client) join() {
	s := &c.load.spec
	if c.pub != nil || s.Filter == "" {
		c.arrive()
		return
	}
	c.stage = joining
	p := mqtt.Subscribe{PacketID: 1}
	for k := range s.Filters {
		p.Filters = append(p.Filters, mqtt.Subscription{Filter: []byte(s.expand(s.Filter, "s", c.n, k)), QoS: s.QoS})
	}
	c.write(p.Append(nil, s.Version))
}

// arrive makes the client ready.
func (c *client) arrive() {
	c.stage = ready
	c.load.count.Connected++
	record(c.load.connect, clock()-c.began)
	c.settle(nil)
}

func (c *client) disconnect() {
	if c.conn == nil || c.stage == closed {
		return
	}
	c.write((&mqtt.Disconnect{}).Append(nil, c.load.spec.Version))
	c.stage = closed
	_ = c.load.loop.Close(c.conn)
}

// readable takes what the socket has brought.
func (c *client) readable() error {
	window, _ := c.conn.Peek(-1)
	if c.tls != nil {
		return c.decrypt(window)
	}
	used, err := c.packets(window)
	if used > 0 && err == nil {
		_, _ = c.conn.Discard(used)
	}
	return err
}

// decrypt reads packets behind TLS. The plain bytes pass through the loop's
// scratch; only the rest of a packet stays with the client.
func (c *client) decrypt(window []byte) error {
	l := c.load
	l.plain = append(l.plain[:0], c.rest...)
	plain, err := c.tls.open(window, l.plain)
	l.plain = plain
	_, _ = c.conn.Discard(-1)
	if err != nil {
		return err
	}
	used, err := c.packets(plain)
	c.rest = append(c.rest[:0], plain[used:]...)
	return err
}

// packets handles the whole packets at the front of b and answers them with
// one write.
func (c *client) packets(b []byte) (used int, err error) {
	l := c.load
	l.acks = l.acks[:0]
	for err == nil {
		h, short := mqtt.ParseHeader(b[used:])
		if short != nil {
			if !errors.Is(short, mqtt.ErrShort) {
				err = short
			}
			break
		}
		if h.Len() > len(b)-used {
			break
		}
		body := b[used+h.Size : used+h.Len()]
		used += h.Len()
		l.packets++
		if h.Type == mqtt.TypePublish {
			c.delivered(h.Flags, body)
			continue
		}
		err = c.packet(h, body)
	}
	c.write(l.acks)
	return used, err
}

func (c *client) packet(h mqtt.Header, body []byte) error {
	switch h.Type {
	case mqtt.TypePuback, mqtt.TypePubrec, mqtt.TypePubrel, mqtt.TypePubcomp:
		return c.ack(h, body)
	case mqtt.TypeConnack:
		var p mqtt.Connack
		if err := p.Decode(c.load.spec.Version, h.Flags, body); err != nil {
			return err
		}
		if p.Reason != mqtt.Success {
			err := fmt.Errorf("connection refused: %v", p.Reason)
			c.settle(err)
			return err
		}
		c.join()
	case mqtt.TypeSuback:
		var p mqtt.Suback
		if err := p.Decode(c.load.spec.Version, h.Flags, body); err != nil {
			return err
		}
		for _, r := range p.Reasons {
			if r > 2 {
				err := fmt.Errorf("subscription refused: %v", r)
				c.settle(err)
				return err
			}
		}
		c.arrive()
	case mqtt.TypeDisconnect:
		var p mqtt.Disconnect
		if err := p.Decode(c.load.spec.Version, h.Flags, body); err != nil {
			return err
		}
		return fmt.Errorf("disconnected: %v", p.Reason)
	}
	return nil
}

// delivered counts a PUBLISH, gives its publisher credit, and answers it. It
// reads the few bytes it needs and leaves the rest to the tests of brokers.
func (c *client) delivered(flags byte, body []byte) {
	l := c.load
	l.count.Received++
	qos := flags >> 1 & 3
	if len(body) >= 2 {
		at := 2 + int(binary.BigEndian.Uint16(body))
		if qos > 0 && at+2 <= len(body) {
			l.acks = appendAck(l.acks, qos, body[at:at+2])
		}
	}
	if len(body) < l.spec.Payload+2 {
		return
	}
	payload := body[len(body)-l.spec.Payload:]
	from := int(binary.BigEndian.Uint32(payload)) - l.spec.First
	if from < 0 || from >= len(l.pubs) {
		return
	}
	if stamp := int64(binary.BigEndian.Uint64(payload[4:])); stamp != 0 {
		record(l.latency, l.now-stamp)
	}
	p := l.pubs[from]
	p.pub.pending--
	l.credit(p)
}

// appendAck answers a PUBLISH: PUBACK for QoS 1, PUBREC for QoS 2.
func appendAck(dst []byte, qos byte, id []byte) []byte {
	t := mqtt.TypePuback
	if qos == 2 {
		t = mqtt.TypePubrec
	}
	return append(dst, byte(t)<<4, 2, id[0], id[1])
}

var errShortAck = errors.New("acknowledgement without packet identifier")

// ack handles the acknowledgements of both directions.
func (c *client) ack(h mqtt.Header, body []byte) error {
	if len(body) < 2 {
		return errShortAck
	}
	l := c.load
	switch h.Type {
	case mqtt.TypePubrec:
		l.acks = append(l.acks, byte(mqtt.TypePubrel)<<4|2, 2, body[0], body[1])
	case mqtt.TypePubrel:
		l.acks = append(l.acks, byte(mqtt.TypePubcomp)<<4, 2, body[0], body[1])
	case mqtt.TypePuback, mqtt.TypePubcomp:
		if c.pub != nil {
			c.acked(binary.BigEndian.Uint16(body))
		}
	}
	return nil
}
