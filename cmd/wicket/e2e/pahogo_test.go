package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
)

// agentVariable makes the test binary an agent, like the ones in Python and
// JavaScript: a client that is killed has to be a process.
const agentVariable = "WICKETMQ_E2E_AGENT"

// pahoGo is Eclipse Paho for Go, which speaks MQTT 5.0 only.
type pahoGo struct {
	addr    string
	tls     *tls.Config
	mu      sync.Mutex // of standard output
	clients map[string]*paho.Client
}

// runPahoGo is the main function of the agent: HOST PORT VERSION [CAFILE].
func runPahoGo(args []string) int {
	a := &pahoGo{addr: net.JoinHostPort(args[0], args[1]), clients: map[string]*paho.Client{}}
	if len(args) > 3 {
		pem, err := os.ReadFile(args[3])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		a.tls = &tls.Config{RootCAs: x509.NewCertPool(), ServerName: args[0]}
		a.tls.RootCAs.AppendCertsFromPEM(pem)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var c command
		err := json.Unmarshal(lines.Bytes(), &c)
		if err == nil {
			err = a.do(c)
		}
		if err != nil {
			a.tell(event{As: c.As, Event: "failed", Text: err.Error()})
		}
	}
	return 0
}

func (a *pahoGo) tell(e event) {
	text, _ := json.Marshal(e)
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Println(string(text))
}

func (a *pahoGo) do(c command) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	client := a.clients[c.As]
	switch c.Do {
	case "connect":
		return a.connect(ctx, c)
	case "subscribe":
		_, err := client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: c.Filter, QoS: c.QoS}}})
		if err == nil {
			a.tell(event{As: c.As, Event: "subscribed"})
		}
		return err
	case "publish":
		_, err := client.Publish(ctx, &paho.Publish{Topic: c.Topic, Payload: []byte(c.Payload), QoS: c.QoS, Retain: c.Retain})
		if err == nil {
			a.tell(event{As: c.As, Event: "published"})
		}
		return err
	case "disconnect":
		err := client.Disconnect(&paho.Disconnect{})
		a.tell(event{As: c.As, Event: "closed"})
		return err
	}
	return fmt.Errorf("unknown command %q", c.Do)
}

func (a *pahoGo) dial() (net.Conn, error) {
	if a.tls == nil {
		return net.Dial("tcp", a.addr)
	}
	conn, err := tls.Dial("tcp", a.addr, a.tls)
	if err != nil {
		return nil, err
	}
	return packets.NewThreadSafeConn(conn), nil
}

func (a *pahoGo) connect(ctx context.Context, c command) error {
	conn, err := a.dial()
	if err != nil {
		return err
	}
	client := paho.NewClient(paho.ClientConfig{
		ClientID: c.ID, Conn: conn,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			p := r.Packet
			a.tell(event{As: c.As, Event: "message", message: message{p.Topic, string(p.Payload), p.QoS, p.Retain}})
			return true, nil
		}},
		OnServerDisconnect: func(d *paho.Disconnect) {
			a.tell(event{As: c.As, Event: "closed", Code: int(d.ReasonCode)})
		},
		OnClientError: func(err error) { a.tell(event{As: c.As, Event: "closed", Text: err.Error()}) },
	})
	p := &paho.Connect{ClientID: c.ID, CleanStart: c.Clean, KeepAlive: 30,
		Properties: &paho.ConnectProperties{SessionExpiryInterval: &c.Expiry}}
	if w := c.Will; w != nil {
		p.WillMessage = &paho.WillMessage{Topic: w.Topic, Payload: []byte(w.Payload), QoS: w.QoS, Retain: w.Retain}
	}
	a.clients[c.As] = client
	ack, err := client.Connect(ctx, p)
	if ack != nil && ack.ReasonCode != 0 {
		a.tell(event{As: c.As, Event: "refused", Code: int(ack.ReasonCode)})
		return nil
	}
	if err != nil {
		return errors.Join(errors.New("cannot connect"), err)
	}
	a.tell(event{As: c.As, Event: "connected", Present: ack.SessionPresent})
	return nil
}
