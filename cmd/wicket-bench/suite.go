package main

import (
	"fmt"
	"time"
)

// row is one line of a comparison: a phase and what is compared of it.
type row struct {
	phase  phase
	metric metric
}

// metric is what is compared.
type metric string

const (
	cpuPerOperation metric = "cpu"   // µs of the broker's processor time
	memory          metric = "bytes" // per idle connection
	p99Latency      metric = "p99"   // µs
)

// unit says what the numbers of a row are.
func (m metric) unit(p phase) string {
	switch {
	case m == memory:
		return "B per connection"
	case m == p99Latency:
		return "µs latency, p99"
	case p.Load == connectLoad:
		return "µs CPU per connection"
	}
	return "µs CPU per delivery"
}

// peerSuite is the comparison with other brokers that the project reports.
func peerSuite(d time.Duration) []row {
	var rows []row
	add := func(m metric, p phase) {
		p.Warmup, p.Duration = min(time.Second, d/2), d
		rows = append(rows, row{p, m})
	}
	for _, t := range []string{plain, oneWay, mutual} {
		add(memory, phase{Name: "idle connection, " + t, Load: densityLoad, Transport: t})
	}
	add(cpuPerOperation, phase{Name: "CONNECT, plain", Load: connectLoad})
	add(cpuPerOperation, phase{Name: "TLS 1.3 handshake and CONNECT, best key exchange", Load: connectLoad, Transport: oneWay})
	for _, k := range []string{"ecdsa", "rsa"} {
		name := map[string]string{"ecdsa": "ECDSA P-256", "rsa": "RSA-2048"}[k]
		add(cpuPerOperation, phase{Name: "TLS 1.3 handshake and CONNECT, " + name + ", full", Load: connectLoad, Transport: oneWay, Key: k, X25519: true})
		add(cpuPerOperation, phase{Name: "TLS 1.3 handshake and CONNECT, " + name + ", resumed", Load: connectLoad, Transport: oneWay, Key: k, X25519: true, Resume: true})
	}
	add(cpuPerOperation, phase{Name: "mTLS handshake and CONNECT, ECDSA P-256, full", Load: connectLoad, Transport: mutual, X25519: true})
	for _, l := range []phase{
		{Name: "1:1, 50 pairs", Load: pairLoad},
		{Name: "fan-in 100→1", Load: faninLoad},
		{Name: "fan-out 1→1000", Load: fanoutLoad, Window: 32},
	} {
		for _, size := range []int{64, 1024} {
			for qos := range uint8(3) {
				p := l
				p.Name, p.QoS, p.Size = fmt.Sprintf("%s, %d B, QoS %d", l.Name, size, qos), qos, size
				add(cpuPerOperation, p)
			}
		}
	}
	for qos := range uint8(3) {
		add(cpuPerOperation, phase{Name: fmt.Sprintf("1:1, 50 pairs over TLS, 256 B, QoS %d", qos), Load: pairLoad, Transport: oneWay, QoS: qos})
	}
	add(cpuPerOperation, phase{Name: "10,000 wildcard subscriptions, 64 B, QoS 0", Load: wildcardLoad, Size: 64})
	add(p99Latency, phase{Name: "4,000 messages/s, 50 pairs, QoS 0", Load: pairLoad, Rate: 4000})
	add(p99Latency, phase{Name: "4,000 messages/s, 50 pairs, QoS 1", Load: pairLoad, Rate: 4000, QoS: 1})
	add(p99Latency, phase{Name: "4,000 messages/s, 50 pairs over TLS, QoS 1", Load: pairLoad, Rate: 4000, QoS: 1, Transport: oneWay})
	add(p99Latency, phase{Name: "20,000 messages/s, 50 pairs, QoS 0", Load: pairLoad, Rate: 20_000})
	return rows
}
