package metric

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wicketmq/wicket/engine/control"
	"github.com/wicketmq/wicket/engine/signer"
)

type labels = prometheus.Labels

func (e exposition) status(s *control.Status) {
	e.gauge("info", "Always 1; the label is the version.", 1, labels{"version": s.Version})
	e.gauge("start_timestamp_seconds", "When the broker was started, in Unix time.", unix(s.Started), nil)
	if s.Reload != nil {
		e.gauge("config_reload_timestamp_seconds", "When the configuration was last reloaded, or tried to.", unix(s.Reload.At), nil)
		e.gauge("config_reload_success", "Whether the last reload was applied.", truth(s.Reload.Error == ""), nil)
	}
	c := &s.Clients
	e.gauge("connections", "Clients that are connected by MQTT.", float64(c.Connected), nil)
	e.gauge("sessions", "Sessions, of clients that are connected or away.", float64(c.Sessions), nil)
	e.counter("connects_total", "CONNECTs accepted.", float64(c.Connects), nil)
	e.counter("connects_refused_total", "CONNECTs refused.", float64(c.Refused), nil)
	for reason, n := range map[string]int64{
		"taken_over": c.TakenOver, "keep_alive": c.KeepAlive, "slow_consumer": c.SlowConsumers,
		"protocol": c.Violations, "panic": c.Panics,
	} {
		e.counter("disconnects_total", "Clients that the broker disconnected, by reason.", float64(n), labels{"reason": reason})
	}
}

func (e exposition) messages(m *control.Messages) {
	e.counter("packets_received_total", "MQTT packets from clients.", float64(m.PacketsReceived), nil)
	e.counter("bytes_received_total", "Bytes of MQTT packets from clients.", float64(m.BytesReceived), nil)
	e.counter("messages_received_total", "PUBLISH packets from clients.", float64(m.Received), nil)
	e.counter("messages_sent_total", "PUBLISH packets to clients.", float64(m.Sent), nil)
	e.counter("messages_no_subscribers_total", "Messages that nobody had subscribed to.", float64(m.NoSubscribers), nil)
	e.counter("messages_forwarded_total", "Deliveries that followed a session to another event loop.", float64(m.Forwarded), nil)
	e.counter("authorization_denied_total", "Publishes and subscriptions that authorization denied.", float64(m.Denied), nil)
	e.counter("wills_total", "Wills published.", float64(m.Wills), nil)
	for reason, n := range m.Dropped {
		e.counter("messages_dropped_total", "Messages not delivered, by reason.", float64(n), labels{"reason": reason})
	}
	e.gauge("retained_messages", "Retained messages.", float64(m.Retained), nil)
	e.gauge("retained_bytes", "Bytes of retained topics and payloads.", float64(m.RetainedBytes), nil)
	e.gauge("delayed_messages", "Messages below $delayed/ that wait for their time.", float64(m.Delayed), nil)
	e.gauge("delayed_bytes", "Bytes that they take.", float64(m.DelayedBytes), nil)
	e.counter("delayed_refused_total", "Delayed messages refused because there was no room.", float64(m.DelayedRefused), nil)
	e.counter("retained_refused_total", "Retained messages not kept because of the quota.", float64(m.RetainedRefused), nil)
}

func (e exposition) listener(l *control.Listener) {
	at := labels{"listener": l.Name}
	e.gauge("listener_connections", "Transport connections, those in a handshake included.", float64(l.Connections), at)
	e.gauge("listener_clients", "Clients connected by MQTT.", float64(l.Connected), at)
	if l.MaxConnections > 0 {
		e.gauge("listener_max_connections", "Most transport connections, where there is a limit.", float64(l.MaxConnections), at)
	}
	e.counter("listener_accepted_total", "Transport connections accepted.", float64(l.Accepted), at)
	e.counter("listener_closed_total", "Transport connections ended.", float64(l.Closed), at)
	e.counter("listener_panics_total", "Connections ended because of a bug.", float64(l.Panics), at)
	for reason, n := range l.Shed {
		e.counter("listener_shed_total", "Connections closed before TLS and MQTT, by reason.", float64(n), labels{"listener": l.Name, "reason": reason})
	}
	for reason, n := range l.Ejected {
		e.counter("listener_ejected_total", "Clients disconnected because their certificate was good no more, by reason.", float64(n), labels{"listener": l.Name, "reason": reason})
	}
	if l.Transport == "tcp" || l.Transport == "ws" {
		return
	}
	e.counter("tls_handshakes_total", "TLS handshakes completed.", float64(l.Handshakes), at)
	for reason, n := range l.Refused {
		e.counter("tls_handshakes_refused_total", "TLS handshakes that failed, by reason; docs/tls.md explains them.", float64(n), labels{"listener": l.Name, "reason": reason})
	}
}

// certificates shows for each listener when the first certificate of all its
// chains expires, those for other server names included (CERT-10, U-25).
func (e exposition) certificates(served []control.Certificate) {
	first := map[string]time.Time{}
	for _, c := range served {
		if t, known := first[c.Listener]; !known || c.Expires.Before(t) {
			first[c.Listener] = c.Expires
		}
	}
	for listener, at := range first {
		e.gauge("cert_expiry_timestamp_seconds", "When the first certificate that the listener serves expires, in Unix time; intermediates and tls.bundles count.",
			unix(at), labels{"listener": listener})
	}
}

// signatures tells what the process of package signer does and uses, which the
// figures of this one (process_cpu_seconds_total) leave out.
func (e exposition) signatures(s *signer.Stats) {
	const help = "Signatures with RSA keys in TLS handshakes, by where they were made: in the broker's process, or apart in the one for floods."
	e.counter("tls_rsa_signatures_total", help, float64(s.InPlace), labels{"where": "in_place"})
	e.counter("tls_rsa_signatures_total", help, float64(s.Apart), labels{"where": "apart"})
	e.counter("tls_rsa_signatures_overdue_total", "Of the signatures in_place, those that were first asked of the process for floods, which had no time for them.", float64(s.Overdue), nil)
	e.gauge("signer_up", "Whether the process that makes signatures in floods of handshakes is there.", truth(s.Running), nil)
	e.counter("signer_starts_total", "Processes started to make signatures.", float64(s.Starts), nil)
	e.counter("signer_cpu_seconds_total", "Processor time of these processes, which process_cpu_seconds_total does not hold.", s.CPU.Seconds(), nil)
}

func (e exposition) revocation(s *Snapshot) {
	for _, c := range bySource(s.CRLs) {
		source := labels{"source": c.Source}
		e.gauge("crl_usable", "Whether the revocation list is in force and not out of date.", truth(c.Usable()), source)
		e.gauge("crl_entries", "Certificates that the list revokes.", float64(c.Entries), source)
		if !c.NextUpdate.IsZero() {
			e.gauge("crl_next_update_timestamp_seconds", "When the list will be out of date, in Unix time.", unix(c.NextUpdate), source)
		}
		if !c.Fetched.IsZero() {
			e.gauge("crl_fetched_timestamp_seconds", "When the list was last fetched, in Unix time.", unix(c.Fetched), source)
		}
	}
	for _, o := range s.Staples {
		of := labels{"listener": o.Listener, "name": o.Name}
		e.gauge("ocsp_stapled", "Whether handshakes are given an OCSP answer with the certificate.", truth(o.Stapled), of)
		if !o.NextUpdate.IsZero() {
			e.gauge("ocsp_next_update_timestamp_seconds", "When the stapled answer will be out of date, in Unix time.", unix(o.NextUpdate), of)
		}
	}
	e.counter("revocation_fail_open_total", "Clients admitted although their revocation could not be learned (crl_unavailable: allow).", float64(s.FailOpen), nil)
}

func (e exposition) plugin(p *control.Plugin) {
	of := labels{"plugin": p.Name}
	e.gauge("plugin_info", "Always 1; the labels are the module's SHA-256 and its ABI.", 1, labels{"plugin": p.Name, "sha256": p.SHA256})
	e.counter("plugin_requests_total", "Questions asked of the plugin.", float64(p.Requests), of)
	e.counter("plugin_calls_total", "Calls into the guest.", float64(p.Calls), of)
	e.counter("plugin_call_seconds_total", "Time spent in calls into the guest.", p.Seconds, of)
	for decision, n := range map[string]uint64{"allow": p.Allowed, "deny": p.Denied, "next": p.Next, "continue": p.Continued} {
		e.counter("plugin_decisions_total", "Answers of the plugin, by decision.", float64(n), labels{"plugin": p.Name, "decision": decision})
	}
	for reason, n := range p.Failures {
		e.counter("plugin_failures_total", "Questions that the plugin did not answer, by reason.", float64(n), labels{"plugin": p.Name, "reason": reason})
	}
	for kind, n := range p.Faults {
		e.counter("plugin_faults_total", "Instances thrown away, by what they did.", float64(n), labels{"plugin": p.Name, "kind": kind})
	}
	e.counter("plugin_restarts_total", "Instances started in place of failed ones.", float64(p.Restarts), of)
	e.gauge("plugin_workers", "Instances wanted.", float64(p.Workers), of)
	e.gauge("plugin_workers_up", "Instances there are.", float64(p.Up), of)
	e.gauge("plugin_in_flight", "Questions not answered yet.", float64(p.InFlight), of)
	e.gauge("plugin_exchanges", "Conversations with clients (enhanced authentication) that are not over.", float64(p.Exchanges), of)
	e.gauge("plugin_queued", "Questions not yet given to an instance.", float64(p.Queued), of)
	e.counter("plugin_events_total", "Events that have waited for the plugin, or do.", float64(p.Events), of)
	e.counter("plugin_events_dropped_total", "Events lost because too many waited, or an instance failed.", float64(p.EventsDropped), of)
	e.counter("plugin_disconnects_total", "Clients that the plugin has had disconnected.", float64(p.Disconnects), of)
	e.gauge("plugin_kv_keys", "Keys that the plugin keeps.", float64(p.KVKeys), of)
	e.gauge("plugin_kv_bytes", "Memory accounted for the keys and values of the plugin.", float64(p.KVBytes), of)
	e.counter("plugin_kv_refused_total", "Values of the plugin that there was no room for.", float64(p.KVRefused), of)
	e.gauge("plugin_breaker_open", "Whether the plugin is not asked because it keeps failing.", truth(p.Breaker != "closed"), of)
}

func (e exposition) custom(c *Custom) {
	name, with := "custom_"+c.Name, labels{"plugin": c.Plugin}
	for k, v := range c.Labels {
		with[k] = v
	}
	switch {
	case c.Histogram != nil:
		e.histogram(name, c.Help, c.Histogram, with)
	case c.Gauge:
		e.gauge(name, c.Help, c.Value, with)
	default:
		e.counter(name, c.Help, c.Value, with)
	}
}

func (e exposition) upstream(u *control.Upstream) {
	of := labels{"upstream": u.Name}
	e.gauge("upstream_up", "Whether the last attempt to reach the upstream was good.", truth(u.State == "connected"), of)
	e.gauge("upstream_breaker_open", "Whether the upstream is asked less, or not at all, because it keeps failing.", truth(u.Breaker != "closed"), of)
	e.gauge("upstream_connections", "Connections to the upstream.", float64(u.Connections), of)
	e.gauge("upstream_on_wire", "Requests sent and not answered yet.", float64(u.OnWire), of)
	e.gauge("upstream_queued", "Requests that wait for a connection.", float64(u.Queued), of)
	e.counter("upstream_requests_total", "Requests of plugins by what came of them; answered is any answer, whatever its status.", float64(u.Answered), labels{"upstream": u.Name, "outcome": "answered"})
	for reason, n := range u.Failed {
		e.counter("upstream_requests_total", "Requests of plugins by what came of them; answered is any answer, whatever its status.", float64(n), labels{"upstream": u.Name, "outcome": reason})
	}
	e.histogram("upstream_request_seconds", "Time of requests on the wire.", &u.Latency, of)
}

func (e exposition) alarms(s *Snapshot) {
	raised := map[[2]string]int{}
	for _, a := range s.Status.Alarms {
		raised[[2]string{a.Name, string(a.Level)}]++
	}
	for k, n := range raised {
		e.gauge("alarms", "Alarms that are raised, by name and level.", float64(n), labels{"alarm": k[0], "level": k[1]})
	}
	e.counter("alarms_raised_total", "Alarms raised since the start.", float64(s.AlarmsTotal), nil)
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
