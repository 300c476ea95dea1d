package broker

import "github.com/wicketmq/wicket/engine/wheel"

// stall looks after clients whose messages wait for their connection to take
// what it has been given: no packet of theirs may ever come to set them going
// again. It costs nothing while there are none.
type stall struct {
	wheel.Timer
	shard   *Shard
	clients []*Client
}

// add puts a client on the list until the next tick.
func (t *stall) add(c *Client) {
	if c.stalled {
		return
	}
	c.stalled = true
	t.clients = append(t.clients, c)
	if !t.Armed() {
		t.shard.wheel.Arm(&t.Timer, t, t.shard.now()+1)
	}
}

// Expire implements wheel.Expirer. A client that is still stuck is added
// again, behind those that are looked at now.
func (t *stall) Expire(wheel.Tick) {
	clients := t.clients
	t.clients = nil
	for _, c := range clients {
		c.stalled = false
		t.pump(c)
	}
}

func (t *stall) pump(c *Client) {
	defer c.guard("stalled client")
	c.pump()
}
