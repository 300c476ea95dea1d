package topic_test

import (
	"fmt"

	"github.com/wicketmq/wicket/engine/topic"
)

// A message is published on loop 0; its subscribers live on loops 0 and 1.
func ExampleIndex() {
	x := topic.New[string](2)
	x.Subscribe(0, "lamp/kitchen", topic.Sub[string]{Subscriber: "ann", Options: topic.NewOptions(1, false, false, 0)})
	x.Subscribe(1, "lamp/+", topic.Sub[string]{Subscriber: "bob"})
	x.SubscribeShared(1, "loggers", "lamp/#", topic.Sub[string]{Subscriber: "eve"})

	var m topic.Matches[string]
	x.Match([]byte("lamp/kitchen"), &m)
	for shard := range 2 { // each loop does this for its own shard
		for _, node := range m.Nodes {
			for _, sub := range node.Local(shard) {
				fmt.Println("loop", shard, node.Filter(), sub.Subscriber, "QoS", sub.Options.QoS())
			}
		}
	}
	for _, group := range m.Groups {
		if sub, shard, ok := group.Pick(); ok {
			fmt.Println("loop", shard, group.Share(), sub.Subscriber)
		}
	}
	// Output:
	// loop 0 lamp/kitchen ann QoS 1
	// loop 1 lamp/+ bob QoS 0
	// loop 1 loggers eve
}
