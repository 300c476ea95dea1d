// The events: the messages of sdk/wicket.proto that the broker sends. Fields that
// were absent have their zero value. All of it is the handler's to keep, and to change.

import { Message } from "./message";
import { Reader } from "./wire";

// The actions of an Access, and the bits of a rule's actions.
export const PUBLISH: u32 = 1;
export const SUBSCRIBE: u32 = 2;

export class Property {
  key: string = "";
  value: string = "";

  read(r: Reader): void {
    while (r.next()) {
      if (r.num == 1) this.key = r.string();
      else if (r.num == 2) this.value = r.string();
    }
  }
}

// A file that the operator named in the settings and the broker has read.
export class File {
  key: string = ""; // of the setting
  path: string = ""; // as the operator wrote it, for messages
  content: Uint8Array = new Uint8Array(0);

  read(r: Reader): void {
    while (r.next()) {
      if (r.num == 1) this.key = r.string();
      else if (r.num == 2) this.path = r.string();
      else if (r.num == 3) this.content = r.bytes();
    }
  }
}

// What a plugin learns when an instance of it starts.
export class Load {
  plugin: string = ""; // its name in the broker's configuration
  config: string = ""; // the operator's settings as JSON: Json.parse
  files: File[] = []; // the contents of the settings that end in _file
  features: u64 = 0; // what was granted, in the bits of Feature
  abiMinor: u32 = 0; // of the broker
  upstreams: string[] = []; // that may be asked

  // The file that the operator named under key, or null.
  file(key: string): File | null {
    for (let i = 0; i < this.files.length; i++) {
      if (this.files[i].key == key) return this.files[i];
    }
    return null;
  }

  read(r: Reader): void {
    while (r.next()) {
      switch (r.num) {
        case 1: this.plugin = r.string(); break;
        case 2: this.config = r.string(); break;
        case 3: {
          const outer = r.enter(), v = new File();
          v.read(r);
          r.leave(outer);
          this.files.push(v);
          break;
        }
        case 4: this.features = r.u64(); break;
        case 5: this.abiMinor = r.u32(); break;
        case 6: this.upstreams.push(r.string()); break;
      }
    }
  }
}

// What a trusted proxy has said of the client in a PROXY header.
export class Proxy {
  version: u32 = 0;
  source: string = ""; // the client's own address
  destination: string = ""; // where the client has connected to
  commonName: string = ""; // of the client's certificate, if the proxy has verified it
  verified: bool = false; // there is such a certificate
  via: string = ""; // the proxy's own address
  serverName: string = ""; // what the client asked the proxy for
  alpn: string = "";
  tlsVersion: string = ""; // empty when the client came to the proxy in the clear
  cipher: string = "";

  read(r: Reader): void {
    while (r.next()) {
      switch (r.num) {
        case 1: this.version = r.u32(); break;
        case 2: this.source = r.string(); break;
        case 3: this.destination = r.string(); break;
        case 4: this.commonName = r.string(); break;
        case 5: this.verified = r.bool(); break;
        case 6: this.via = r.string(); break;
        case 7: this.serverName = r.string(); break;
        case 8: this.alpn = r.string(); break;
        case 9: this.tlsVersion = r.string(); break;
        case 10: this.cipher = r.string(); break;
      }
    }
  }
}

// What the handshake of the connection has established.
export class Tls {
  version: string = ""; // "TLS 1.3"
  suite: string = "";
  sni: string = "";
  alpn: string = "";
  resumed: bool = false;
  pskIdentity: string = "";
  certificatePresented: bool = false;
  certificateVerified: bool = false;
  commonName: string = ""; // empty when not verified
  subject: string = ""; // RFC 4514
  san: string[] = []; // "dns:x", "ip:x", "email:x" or "uri:x"
  fingerprint: string = ""; // SHA-256 in hexadecimal
  serial: string = "";

  read(r: Reader): void {
    while (r.next()) {
      switch (r.num) {
        case 1: this.version = r.string(); break;
        case 2: this.suite = r.string(); break;
        case 3: this.sni = r.string(); break;
        case 4: this.alpn = r.string(); break;
        case 5: this.resumed = r.bool(); break;
        case 6: this.pskIdentity = r.string(); break;
        case 7: this.certificatePresented = r.bool(); break;
        case 8: this.certificateVerified = r.bool(); break;
        case 9: this.commonName = r.string(); break;
        case 10: this.subject = r.string(); break;
        case 11: this.san.push(r.string()); break;
        case 12: this.fingerprint = r.string(); break;
        case 13: this.serial = r.string(); break;
      }
    }
  }
}

// The part of a will that a decision looks at.
export class Will {
  topic: string = "";
  qos: u32 = 0;
  retain: bool = false;

  read(r: Reader): void {
    while (r.next()) {
      if (r.num == 1) this.topic = r.string();
      else if (r.num == 2) this.qos = r.u32();
      else if (r.num == 3) this.retain = r.bool();
    }
  }
}

// A client that wants in: its CONNECT, and what is known of its connection.
export class Connect extends Message {
  protocol: u32 = 0; // 3, 4 or 5
  cleanStart: bool = false;
  keepalive: u32 = 0; // seconds
  sessionExpiry: u32 = 0; // seconds
  hasUsername: bool = false;
  hasPassword: bool = false;
  reauthenticate: bool = false; // the client is in already and shows itself again, without password
  private password_: Uint8Array | null = null;
  private proxy_: Proxy | null = null;
  private tls_: Tls | null = null;
  private attributes_: Property[] | null = null;
  private authData_: Uint8Array | null = null;
  private will_: Will | null = null;
  private userProperties_: Property[] | null = null;

  constructor() { super(22); }

  // a plugin asked before may have replaced it, and the user name
  get clientId(): string { return this.text(1); }
  set clientId(v: string) { this.setText(1, v); }
  get username(): string { return this.text(2); }
  set username(v: string) { this.setText(2, v); }
  get password(): Uint8Array {
    let v = this.password_;
    if (v === null) this.password_ = v = this.bytes(3);
    return v;
  }
  set password(v: Uint8Array) { this.password_ = v; }
  // "tls:default"
  get listener(): string { return this.text(8); }
  set listener(v: string) { this.setText(8, v); }
  // tcp, tls, ws or wss
  get transport(): string { return this.text(9); }
  set transport(v: string) { this.setText(9, v); }
  // "192.0.2.7:51234"
  get peer(): string { return this.text(10); }
  set peer(v: string) { this.setText(10, v); }
  get proxy(): Proxy | null {
    const r = this.take(11);
    if (r) {
      const v = new Proxy();
      v.read(r);
      this.proxy_ = v;
    }
    return this.proxy_;
  }
  set proxy(v: Proxy | null) {
    this.take(11);
    this.proxy_ = v;
  }
  get tls(): Tls | null {
    const r = this.take(12);
    if (r) {
      const v = new Tls();
      v.read(r);
      this.tls_ = v;
    }
    return this.tls_;
  }
  set tls(v: Tls | null) {
    this.take(12);
    this.tls_ = v;
  }
  // given by the plugins asked before
  get attributes(): Property[] {
    let v = this.attributes_;
    if (v === null) this.attributes_ = v = this.properties(13);
    return v;
  }
  set attributes(v: Property[]) { this.attributes_ = v; }
  get authMethod(): string { return this.text(14); }
  set authMethod(v: string) { this.setText(14, v); }
  get authData(): Uint8Array {
    let v = this.authData_;
    if (v === null) this.authData_ = v = this.bytes(15);
    return v;
  }
  set authData(v: Uint8Array) { this.authData_ = v; }
  get will(): Will | null {
    const r = this.take(16);
    if (r) {
      const v = new Will();
      v.read(r);
      this.will_ = v;
    }
    return this.will_;
  }
  set will(v: Will | null) {
    this.take(16);
    this.will_ = v;
  }
  get userProperties(): Property[] {
    let v = this.userProperties_;
    if (v === null) this.userProperties_ = v = this.properties(17);
    return v;
  }
  set userProperties(v: Property[]) { this.userProperties_ = v; }
  // as the client has sent it
  get connectUsername(): string { return this.text(20); }
  set connectUsername(v: string) { this.setText(20, v); }
  get connectClientId(): string { return this.text(21); }
  set connectClientId(v: string) { this.setText(21, v); }

  read(r: Reader): void {
    this.keep(r);
    while (r.next()) {
      switch (r.num) {
        case 1: case 2: case 8: case 9: case 10: case 14: case 20: case 21: this.placeText(r); break;
        case 3: case 15: this.place(r); break;
        case 4: this.protocol = r.u32(); break;
        case 5: this.cleanStart = r.bool(); break;
        case 6: this.keepalive = r.u32(); break;
        case 7: this.sessionExpiry = r.u32(); break;
        case 11: this.placeMessage(r, "ntttfttttt"); break;
        case 12: this.placeMessage(r, "ttttftffttttt"); break;
        case 13: case 17: r.check("tt"); break;
        case 16: this.placeMessage(r, "tnf"); break;
        case 18: this.hasUsername = r.bool(); break;
        case 19: this.hasPassword = r.bool(); break;
        case 22: this.reauthenticate = r.bool(); break;
      }
    }
  }
}

// One topic of an Access.
export class Topic {
  topic: string = ""; // a name, or a filter without its $share prefix
  qos: u32 = 0;
  retain: bool = false;
  share: string = ""; // the group of a shared subscription

  read(r: Reader): void {
    while (r.next()) {
      switch (r.num) {
        case 1: this.topic = r.string(); break;
        case 2: this.qos = r.u32(); break;
        case 3: this.retain = r.bool(); break;
        case 4: this.share = r.string(); break;
      }
    }
  }
}

// A question about the topics of one PUBLISH or SUBSCRIBE.
export class Access extends Message {
  action: u32 = 0; // PUBLISH or SUBSCRIBE
  private attributes_: Property[] | null = null;
  private topics_: Topic[] | null = null;

  constructor() { super(7); }

  get clientId(): string { return this.text(1); }
  set clientId(v: string) { this.setText(1, v); }
  get username(): string { return this.text(2); }
  set username(v: string) { this.setText(2, v); }
  get attributes(): Property[] {
    let v = this.attributes_;
    if (v === null) this.attributes_ = v = this.properties(3);
    return v;
  }
  set attributes(v: Property[]) { this.attributes_ = v; }
  get topics(): Topic[] {
    let v = this.topics_;
    if (v === null) this.topics_ = v = this.topicList(5);
    return v;
  }
  set topics(v: Topic[]) { this.topics_ = v; }
  get listener(): string { return this.text(6); }
  set listener(v: string) { this.setText(6, v); }
  get peer(): string { return this.text(7); }
  set peer(v: string) { this.setText(7, v); }

  read(r: Reader): void {
    this.keep(r);
    while (r.next()) {
      switch (r.num) {
        case 1: case 2: case 6: case 7: this.placeText(r); break;
        case 3: r.check("tt"); break;
        case 4: this.action = r.u32(); break;
        case 5: r.check("tnft"); break;
      }
    }
  }
}

// What a client answers to Context.continue, or that it does not.
export class AuthContinue {
  exchange: u64 = 0; // the request of the CONNECT that began it
  authData: Uint8Array = new Uint8Array(0);
  ended: bool = false;

  read(r: Reader): void {
    while (r.next()) {
      switch (r.num) {
        case 1: this.exchange = r.u64(); break;
        case 2: r.text(); break; // the method: that of the CONNECT
        case 3: this.authData = r.bytes(); break;
        case 4: this.ended = r.bool(); break;
      }
    }
  }
}

// What somebody claims who begins a TLS handshake (RFC 8446 section 4.1.2), numbers in
// the order of the wire without GREASE. Nothing of it is proven.
export class ClientHello extends Message {
  private proxy_: Proxy | null = null;
  private alpn_: string[] | null = null;
  private versions_: u32[] | null = null;
  private suites_: u32[] | null = null;
  private extensions_: u32[] | null = null;
  private groups_: u32[] | null = null;
  private signatureSchemes_: u32[] | null = null;

  constructor() { super(11); }

  get listener(): string { return this.text(1); }
  set listener(v: string) { this.setText(1, v); }
  get peer(): string { return this.text(2); }
  set peer(v: string) { this.setText(2, v); }
  get proxy(): Proxy | null {
    const r = this.take(3);
    if (r) {
      const v = new Proxy();
      v.read(r);
      this.proxy_ = v;
    }
    return this.proxy_;
  }
  set proxy(v: Proxy | null) {
    this.take(3);
    this.proxy_ = v;
  }
  // bytes that are not printable ASCII are written as \xNN, here and in alpn
  get serverName(): string { return this.text(4); }
  set serverName(v: string) { this.setText(4, v); }
  get alpn(): string[] {
    let v = this.alpn_;
    if (v === null) this.alpn_ = v = this.strings(5);
    return v;
  }
  set alpn(v: string[]) { this.alpn_ = v; }
  get versions(): u32[] {
    let v = this.versions_;
    if (v === null) this.versions_ = v = this.numbers(6);
    return v;
  }
  set versions(v: u32[]) { this.versions_ = v; }
  get suites(): u32[] {
    let v = this.suites_;
    if (v === null) this.suites_ = v = this.numbers(7);
    return v;
  }
  set suites(v: u32[]) { this.suites_ = v; }
  get extensions(): u32[] {
    let v = this.extensions_;
    if (v === null) this.extensions_ = v = this.numbers(8);
    return v;
  }
  set extensions(v: u32[]) { this.extensions_ = v; }
  get groups(): u32[] {
    let v = this.groups_;
    if (v === null) this.groups_ = v = this.numbers(9);
    return v;
  }
  set groups(v: u32[]) { this.groups_ = v; }
  get signatureSchemes(): u32[] {
    let v = this.signatureSchemes_;
    if (v === null) this.signatureSchemes_ = v = this.numbers(10);
    return v;
  }
  set signatureSchemes(v: u32[]) { this.signatureSchemes_ = v; }
  get ja4(): string { return this.text(11); }
  set ja4(v: string) { this.setText(11, v); }

  read(r: Reader): void {
    this.keep(r);
    while (r.next()) {
      switch (r.num) {
        case 1: case 2: case 4: case 11: this.placeText(r); break;
        case 3: this.placeMessage(r, "ntttfttttt"); break;
        case 5: r.text(); break;
        case 6: case 7: case 8: case 9: case 10: r.u32(); break;
      }
    }
  }
}

export enum EventKind {
  None,
  Connected,
  Disconnected,
  Refused, // a CONNECT was answered by a denial
  Subscribed, // filters that were granted
  Unsubscribed, // filters that the client has given up
  Denied, // a PUBLISH or SUBSCRIBE was not permitted
}

// What has happened to a client.
export class Event extends Message {
  kind: u32 = 0; // EventKind; others are to be ignored
  timeMs: u64 = 0; // Unix
  reason: u32 = 0; // Disconnected, Refused: MQTT 5.0 reason code
  dropped: u64 = 0; // events lost before this one
  action: u32 = 0; // Denied: PUBLISH or SUBSCRIBE
  private topics_: Topic[] | null = null;
  private attributes_: Property[] | null = null;

  constructor() { super(13); }

  get clientId(): string { return this.text(3); }
  set clientId(v: string) { this.setText(3, v); }
  get username(): string { return this.text(4); }
  set username(v: string) { this.setText(4, v); }
  get listener(): string { return this.text(5); }
  set listener(v: string) { this.setText(5, v); }
  get peer(): string { return this.text(6); }
  set peer(v: string) { this.setText(6, v); }
  get reasonText(): string { return this.text(8); }
  set reasonText(v: string) { this.setText(8, v); }
  // Subscribed, Unsubscribed, Denied
  get topics(): Topic[] {
    let v = this.topics_;
    if (v === null) this.topics_ = v = this.topicList(9);
    return v;
  }
  set topics(v: Topic[]) { this.topics_ = v; }
  // Connected, Refused: the plugin that said so, or empty
  get decider(): string { return this.text(11); }
  set decider(v: string) { this.setText(11, v); }
  // Connected
  get attributes(): Property[] {
    let v = this.attributes_;
    if (v === null) this.attributes_ = v = this.properties(12);
    return v;
  }
  set attributes(v: Property[]) { this.attributes_ = v; }

  read(r: Reader): void {
    this.keep(r);
    while (r.next()) {
      switch (r.num) {
        case 1: this.kind = r.u32(); break;
        case 2: this.timeMs = r.u64(); break;
        case 3: case 4: case 5: case 6: case 8: case 11: this.placeText(r); break;
        case 7: this.reason = r.u32(); break;
        case 9: r.check("tnft"); break;
        case 10: this.dropped = r.u64(); break;
        case 12: r.check("tt"); break;
        case 13: this.action = r.u32(); break;
      }
    }
  }
}
