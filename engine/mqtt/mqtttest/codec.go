package mqtttest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"

	"github.com/wicketmq/wicket/engine/mqtt"
)

// ErrIncomplete is returned by [Decode] when the bytes end inside the packet.
var ErrIncomplete = errors.New("the packet is not complete")

// Next takes the first packet off a byte stream as a connection does: it
// returns [ErrIncomplete] until the stream holds all of it.
func Next(stream []byte) (packet, rest []byte, err error) {
	h, err := mqtt.ParseHeader(stream)
	if errors.Is(err, mqtt.ErrShort) || err == nil && h.Len() > len(stream) {
		return nil, stream, ErrIncomplete
	}
	if err != nil {
		return nil, stream, err
	}
	return stream[:h.Len():h.Len()], stream[h.Len():], nil
}

// Decode decodes one whole packet into a new struct of its type, by pointer;
// nil for PINGREQ and PINGRESP.
func Decode(v mqtt.Version, packet []byte) (any, error) {
	packet, rest, err := Next(packet)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes after the packet", len(rest))
	}
	h, _ := mqtt.ParseHeader(packet)
	return DecodeBody(h.Type, v, h.Flags, packet[h.Size:])
}

// DecodeBody decodes the body of a packet of type t.
func DecodeBody(t mqtt.Type, v mqtt.Version, flags byte, body []byte) (any, error) {
	switch t {
	case mqtt.TypeConnect:
		p := new(mqtt.Connect)
		return p, p.Decode(body)
	case mqtt.TypePuback, mqtt.TypePubrec, mqtt.TypePubrel, mqtt.TypePubcomp:
		p := new(mqtt.Ack)
		return p, p.Decode(t, v, flags, body)
	case mqtt.TypePingreq, mqtt.TypePingresp:
		return nil, nil
	}
	p, ok := New(t).(interface {
		Decode(v mqtt.Version, flags byte, body []byte) error
	})
	if !ok {
		return nil, fmt.Errorf("no packet of type %v", t)
	}
	return p, p.Decode(v, flags, body)
}

// New is a pointer to a zero struct for packets of type t; nil for types that
// have none.
func New(t mqtt.Type) any {
	switch t {
	case mqtt.TypeConnect:
		return new(mqtt.Connect)
	case mqtt.TypeConnack:
		return new(mqtt.Connack)
	case mqtt.TypePublish:
		return new(mqtt.Publish)
	case mqtt.TypePuback, mqtt.TypePubrec, mqtt.TypePubrel, mqtt.TypePubcomp:
		return new(mqtt.Ack)
	case mqtt.TypeSubscribe:
		return new(mqtt.Subscribe)
	case mqtt.TypeSuback:
		return new(mqtt.Suback)
	case mqtt.TypeUnsubscribe:
		return new(mqtt.Unsubscribe)
	case mqtt.TypeUnsuback:
		return new(mqtt.Unsuback)
	case mqtt.TypeDisconnect:
		return new(mqtt.Disconnect)
	case mqtt.TypeAuth:
		return new(mqtt.Auth)
	}
	return nil
}

// Append encodes a packet of type t that [Decode] returned or a test made.
func Append(dst []byte, t mqtt.Type, v mqtt.Version, packet any) []byte {
	switch p := packet.(type) {
	case *mqtt.Ack:
		return p.Append(dst, v, t)
	case interface {
		Append(dst []byte, v mqtt.Version) []byte
	}:
		return p.Append(dst, v)
	}
	if t == mqtt.TypePingreq {
		return mqtt.AppendPingreq(dst)
	}
	return mqtt.AppendPingresp(dst)
}

// Size is the size that the packet says its encoding has.
func Size(v mqtt.Version, packet any) int {
	if p, ok := packet.(interface{ Size(v mqtt.Version) int }); ok {
		return p.Size(v)
	}
	return 2
}

// Equal compares two packets field by field: user properties by what they
// say, []byte fields strictly (nil is absent), other slices by their elements.
func Equal(x, y any) bool { return equal(reflect.ValueOf(x), reflect.ValueOf(y)) }

var (
	userType  = reflect.TypeFor[mqtt.UserProperties]()
	bytesType = reflect.TypeFor[[]byte]()
)

func equal(x, y reflect.Value) bool {
	if !x.IsValid() || !y.IsValid() || x.Type() != y.Type() {
		return x.IsValid() == y.IsValid() && !x.IsValid()
	}
	switch {
	case x.Type() == userType:
		return bytes.Equal(mqtt.UserProperties(x.Bytes()).Clone(), mqtt.UserProperties(y.Bytes()).Clone())
	case x.Type() == bytesType:
		return x.IsNil() == y.IsNil() && bytes.Equal(x.Bytes(), y.Bytes())
	case x.Kind() == reflect.Pointer:
		return x.IsNil() == y.IsNil() && (x.IsNil() || equal(x.Elem(), y.Elem()))
	case x.Kind() == reflect.Struct:
		for i := range x.NumField() {
			if !equal(x.Field(i), y.Field(i)) {
				return false
			}
		}
		return true
	case x.Kind() == reflect.Slice:
		for i := range min(x.Len(), y.Len()) {
			if !equal(x.Index(i), y.Index(i)) {
				return false
			}
		}
		return x.Len() == y.Len()
	}
	return x.Equal(y)
}
