package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/spf13/pflag"

	"github.com/wicketmq/wicket/cmd/wicket-bench/load"
	"github.com/wicketmq/wicket/cmd/wicket-bench/peer"
	"github.com/wicketmq/wicket/engine/mqtt"
)

// target is the broker that a command measures: one that it starts, or one
// that runs already.
type target struct {
	broker    string // preset or command line
	program   string
	addr      string
	pid       int
	transport string
	key       string
	ca        string
	caCert    string
	caKey     string
	server    string
	tls12     bool
	x25519    bool
	pin       bool
	workers   int
}

// The transports.
const (
	plain  = "plain"
	oneWay = "tls"
	mutual = "mtls"
)

func (t *target) flags(f *pflag.FlagSet) {
	f.StringVar(&t.broker, "broker", "wicket", "start this `broker`: wicket, mosquitto, or a command line with {plain} {tls} {cert} {key} {ca} {dir}")
	f.StringVar(&t.program, "program", "", "`path` of the program of a built-in broker")
	f.StringVar(&t.addr, "addr", "", "measure the broker at this `host:port` instead of starting one")
	f.IntVar(&t.pid, "pid", 0, "`process` of the broker at --addr, to read its CPU and memory")
	f.StringVar(&t.transport, "transport", plain, "plain, tls or mtls")
	f.StringVar(&t.key, "key", string(peer.ECDSA), "key of the started broker's certificate: ecdsa (P-256) or rsa (2048)")
	f.StringVar(&t.ca, "cafile", "", "certificates to trust, for --addr")
	f.StringVar(&t.caCert, "client-ca-cert", "", "authority that issues client certificates, for --addr")
	f.StringVar(&t.caKey, "client-ca-key", "", "its key")
	f.StringVar(&t.server, "server-name", "localhost", "name in the broker's certificate")
	f.BoolVar(&t.tls12, "tls1.2", false, "TLS 1.2 instead of 1.3")
	f.BoolVar(&t.x25519, "x25519", false, "offer X25519 alone, instead of X25519MLKEM768 first")
	f.IntVar(&t.workers, "workers", 1, "processes of the load, where one runs out of descriptors or a processor")
	f.BoolVar(&t.pin, "pin", false, "bind the broker to processor 0 and the load to the others")
}

// open starts the broker, or looks up the one that runs. The broker is nil
// when there is nothing to read of it.
func (t *target) open(o peer.Options) (*peer.Broker, error) {
	if !slices.Contains([]string{plain, oneWay, mutual}, t.transport) {
		return nil, fmt.Errorf("transport %q is none of plain, tls and mtls", t.transport)
	}
	peer.RaiseDescriptors()
	o.CPU = -1
	if t.pin {
		if runtime.NumCPU() < 2 {
			return nil, fmt.Errorf("--pin needs two processors")
		}
		o.CPU = 0
		var others []int
		for cpu := 1; cpu < runtime.NumCPU(); cpu++ {
			others = append(others, cpu)
		}
		if len(others) > 0 {
			if err := peer.Pin(os.Getpid(), others...); err != nil {
				return nil, err
			}
		}
	}
	if t.addr != "" {
		return t.find()
	}
	o.Key, o.Mutual = peer.KeyType(t.key), t.transport == mutual
	return peer.Start(t.broker, t.program, o)
}

func (t *target) find() (*peer.Broker, error) {
	if t.pid == 0 {
		return nil, nil
	}
	if t.pin {
		if err := peer.Pin(t.pid, 0); err != nil {
			return nil, err
		}
	}
	return &peer.Broker{Name: t.addr, PID: t.pid, Plain: t.addr, Secure: t.addr}, nil
}

// aim completes a load with where it goes.
func (t *target) aim(s *load.Spec, b *peer.Broker) {
	s.Addr = t.addr
	if b != nil {
		s.Addr = b.Plain
	}
	if t.transport == plain {
		return
	}
	s.TLS = &load.TLS{CA: t.ca, ServerName: t.server, CACert: t.caCert, CAKey: t.caKey, X25519: t.x25519}
	if t.tls12 {
		s.TLS.MaxVersion = 0x0303
	}
	if b != nil && b.PKI != nil {
		s.Addr = b.Secure
		s.TLS.CA = b.PKI.File("ca.pem")
		if t.transport == mutual {
			s.TLS.CACert, s.TLS.CAKey = b.PKI.File("ca.pem"), b.PKI.File("ca.key")
		}
	}
}

// version reads the name of a protocol version.
func version(name string) (mqtt.Version, error) {
	switch name {
	case "3.1.1", "4":
		return mqtt.V311, nil
	case "5.0", "5":
		return mqtt.V50, nil
	}
	return 0, fmt.Errorf("protocol version %q is neither 3.1.1 nor 5.0", name)
}
