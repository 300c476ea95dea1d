// Package topic owns topic names, topic filters and the subscription index:
// who has subscribed to what (MQTT 5.0 §4.7, §4.8.2).
//
// Functions on names and filters are pure, take strings or bytes, and neither
// allocate nor keep their arguments.
//
// An Index belongs to all event loops at once. Each loop is one shard of it:
//
//   - Match may be called by any goroutine at any time. It takes no lock.
//   - Subscribe, Unsubscribe, SubscribeShared and UnsubscribeShared are called
//     by the loop of the shard they name. Loops need no coordination.
//   - The subscribers of one filter on one shard are a plain slice that only
//     that shard's loop reads and writes, so that adding the hundred-thousandth
//     subscriber copies nothing. Other loops see one bit: this shard has some.
//   - The members of a shared subscription are an immutable slice behind an
//     atomic pointer, since any loop may have to pick one.
//
// A publishing loop therefore asks Match for nodes and a set of shards, serves
// its own subscribers with Node.Local, and sends the nodes to the other shards,
// which do the same. A node that has been pruned in the meantime is harmless:
// it has no subscribers on any shard, and the garbage collector takes it.
package topic
