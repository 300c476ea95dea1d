import { Access, ClientHello, Connect, Event, HttpResponse, Load, Property, Proxy, Tls, Topic } from "@wicketmq/plugin/assembly";

// The text of an event: NUMBER=VALUE; for each field that is not zero.
export class Text {
  out: string = "";

  put(num: i32, v: string): void { this.out += num.toString() + "=" + v + ";"; }

  text(num: i32, v: string): void {
    if (v.length > 0) this.put(num, v);
  }

  number(num: i32, v: u64): void {
    if (v != 0) this.put(num, v.toString());
  }

  hex(num: i32, v: Uint8Array): void {
    if (v.length > 1024) {
      this.put(num, "#" + v.length.toString());
      return;
    }
    let s = "";
    for (let i = 0; i < v.length; i++) s += "0123456789abcdef".charAt(v[i] >> 4) + "0123456789abcdef".charAt(v[i] & 15);
    this.text(num, s);
  }

  part(num: i32, t: Text): void { this.put(num, "{" + t.out + "}"); }

  texts(num: i32, list: string[]): void {
    for (let i = 0; i < list.length; i++) this.put(num, list[i]);
  }

  numbers(num: i32, list: u32[]): void {
    for (let i = 0; i < list.length; i++) this.put(num, list[i].toString());
  }

  properties(num: i32, list: Property[]): void {
    for (let i = 0; i < list.length; i++) {
      const t = new Text();
      t.text(1, list[i].key);
      t.text(2, list[i].value);
      this.part(num, t);
    }
  }

  topics(num: i32, list: Topic[]): void {
    for (let i = 0; i < list.length; i++) {
      const t = new Text();
      t.text(1, list[i].topic);
      t.number(2, list[i].qos);
      t.number(3, u64(list[i].retain));
      t.text(4, list[i].share);
      this.part(num, t);
    }
  }

  proxy(num: i32, p: Proxy): void {
    const t = new Text();
    t.number(1, p.version);
    t.text(2, p.source);
    t.text(3, p.destination);
    t.text(4, p.commonName);
    t.number(5, u64(p.verified));
    t.text(6, p.via);
    t.text(7, p.serverName);
    t.text(8, p.alpn);
    t.text(9, p.tlsVersion);
    t.text(10, p.cipher);
    this.part(num, t);
  }

  tls(num: i32, m: Tls): void {
    const t = new Text();
    t.text(1, m.version);
    t.text(2, m.suite);
    t.text(3, m.sni);
    t.text(4, m.alpn);
    t.number(5, u64(m.resumed));
    t.text(6, m.pskIdentity);
    t.number(7, u64(m.certificatePresented));
    t.number(8, u64(m.certificateVerified));
    t.text(9, m.commonName);
    t.text(10, m.subject);
    t.texts(11, m.san);
    t.text(12, m.fingerprint);
    t.text(13, m.serial);
    this.part(num, t);
  }

  static connect(c: Connect): string {
    const t = new Text();
    t.text(1, c.clientId);
    t.text(2, c.username);
    t.hex(3, c.password);
    t.number(4, c.protocol);
    t.number(5, u64(c.cleanStart));
    t.number(6, c.keepalive);
    t.number(7, c.sessionExpiry);
    t.text(8, c.listener);
    t.text(9, c.transport);
    t.text(10, c.peer);
    const proxy = c.proxy, tls = c.tls, will = c.will;
    if (proxy) t.proxy(11, proxy);
    if (tls) t.tls(12, tls);
    t.properties(13, c.attributes);
    t.text(14, c.authMethod);
    t.hex(15, c.authData);
    if (will) {
      const w = new Text();
      w.text(1, will.topic);
      w.number(2, will.qos);
      w.number(3, u64(will.retain));
      t.part(16, w);
    }
    t.properties(17, c.userProperties);
    t.number(18, u64(c.hasUsername));
    t.number(19, u64(c.hasPassword));
    t.text(20, c.connectUsername);
    t.text(21, c.connectClientId);
    return t.out;
  }

  static access(a: Access): string {
    const t = new Text();
    t.text(1, a.clientId);
    t.text(2, a.username);
    t.properties(3, a.attributes);
    t.number(4, a.action);
    t.topics(5, a.topics);
    t.text(6, a.listener);
    t.text(7, a.peer);
    return t.out;
  }

  static load(l: Load): string {
    const t = new Text();
    t.text(1, l.plugin);
    t.text(2, l.config);
    for (let i = 0; i < l.files.length; i++) {
      const f = l.files[i], m = new Text();
      m.text(1, f.key);
      m.text(2, f.path);
      m.hex(3, f.content);
      t.part(3, m);
    }
    t.number(4, l.features);
    t.number(5, l.abiMinor);
    t.texts(6, l.upstreams);
    return t.out;
  }

  static event(e: Event): string {
    const t = new Text();
    t.number(1, e.kind);
    t.number(2, e.timeMs);
    t.text(3, e.clientId);
    t.text(4, e.username);
    t.text(5, e.listener);
    t.text(6, e.peer);
    t.number(7, e.reason);
    t.text(8, e.reasonText);
    t.topics(9, e.topics);
    t.number(10, e.dropped);
    t.text(11, e.decider);
    t.properties(12, e.attributes);
    t.number(13, e.action);
    return t.out;
  }

  static hello(h: ClientHello): string {
    const t = new Text();
    const proxy = h.proxy;
    t.text(1, h.listener);
    t.text(2, h.peer);
    if (proxy) t.proxy(3, proxy);
    t.text(4, h.serverName);
    t.texts(5, h.alpn);
    t.numbers(6, h.versions);
    t.numbers(7, h.suites);
    t.numbers(8, h.extensions);
    t.numbers(9, h.groups);
    t.numbers(10, h.signatureSchemes);
    t.text(11, h.ja4);
    return t.out;
  }

  static response(r: HttpResponse): string {
    const t = new Text();
    t.number(1, r.status);
    t.properties(2, r.headers);
    t.hex(3, r.body);
    return t.out;
  }
}
