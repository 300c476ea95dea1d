package broker

import (
	"context"
	"log/slog"
)

// logs reports whether anybody wants to read about clients at the level.
func (c *Client) logs(l slog.Level) bool {
	return c.shard.b.opt.Log.Enabled(context.Background(), l)
}

// log writes a line about the client. Callers ask logs first, so that silence
// costs nothing.
func (c *Client) log(l slog.Level, text string, attrs ...slog.Attr) {
	if c.sub != nil {
		attrs = append(attrs, slog.String("client_id", c.sub.ClientID))
	}
	attrs = append(attrs,
		slog.String("listener", c.info.Listener),
		slog.String("peer", c.link.Peer().String()))
	c.shard.b.opt.Log.LogAttrs(context.Background(), l, text, attrs...)
}

// logEnd says that a client that was let in is gone.
func (c *Client) logEnd(reason string) {
	if c.sub != nil && c.logs(slog.LevelDebug) {
		c.log(slog.LevelDebug, "client disconnected", slog.String("because", reason))
	}
}
