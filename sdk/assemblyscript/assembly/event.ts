// The events: the messages of sdk/wicket.proto that the broker sends. Fields that
// were absent have their zero value. All of it is the handler's to keep.

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
          const m = r.message(), v = new File();
          v.read(m);
          r.embedded(m);
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

function readProperty(r: Reader, list: Property[]): void {
  const m = r.message(), v = new Property();
  v.read(m);
  r.embedded(m);
  list.push(v);
}

// A client that wants in: its CONNECT, and what is known of its connection.
export class Connect {
  clientId: string = ""; // a plugin asked before may have replaced it, and the user name
  username: string = "";
  password: Uint8Array = new Uint8Array(0);
  protocol: u32 = 0; // 3, 4 or 5
  cleanStart: bool = false;
  keepalive: u32 = 0; // seconds
  sessionExpiry: u32 = 0; // seconds
  listener: string = ""; // "tls:default"
  transport: string = ""; // tcp, tls, ws or wss
  peer: string = ""; // "192.0.2.7:51234"
  proxy: Proxy | null = null;
  tls: Tls | null = null;
  attributes: Property[] = []; // given by the plugins asked before
  authMethod: string = "";
  authData: Uint8Array = new Uint8Array(0);
  will: Will | null = null;
  userProperties: Property[] = [];
  hasUsername: bool = false;
  hasPassword: bool = false;
  connectUsername: string = ""; // as the client has sent it
  connectClientId: string = "";
  reauthenticate: bool = false; // the client is in already and shows itself again, without password

  read(r: Reader): void {
    while (r.next()) {
      switch (r.num) {
        case 1: this.clientId = r.string(); break;
        case 2: this.username = r.string(); break;
        case 3: this.password = r.bytes(); break;
        case 4: this.protocol = r.u32(); break;
        case 5: this.cleanStart = r.bool(); break;
        case 6: this.keepalive = r.u32(); break;
        case 7: this.sessionExpiry = r.u32(); break;
        case 8: this.listener = r.string(); break;
        case 9: this.transport = r.string(); break;
        case 10: this.peer = r.string(); break;
        case 11: {
          const m = r.message(), v = new Proxy();
          v.read(m);
          r.embedded(m);
          this.proxy = v;
          break;
        }
        case 12: {
          const m = r.message(), v = new Tls();
          v.read(m);
          r.embedded(m);
          this.tls = v;
          break;
        }
        case 13: readProperty(r, this.attributes); break;
        case 14: this.authMethod = r.string(); break;
        case 15: this.authData = r.bytes(); break;
        case 16: {
          const m = r.message(), v = new Will();
          v.read(m);
          r.embedded(m);
          this.will = v;
          break;
        }
        case 17: readProperty(r, this.userProperties); break;
        case 18: this.hasUsername = r.bool(); break;
        case 19: this.hasPassword = r.bool(); break;
        case 20: this.connectUsername = r.string(); break;
        case 21: this.connectClientId = r.string(); break;
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

function readTopic(r: Reader, list: Topic[]): void {
  const m = r.message(), v = new Topic();
  v.read(m);
  r.embedded(m);
  list.push(v);
}

// A question about the topics of one PUBLISH or SUBSCRIBE.
export class Access {
  clientId: string = "";
  username: string = "";
  attributes: Property[] = [];
  action: u32 = 0; // PUBLISH or SUBSCRIBE
  topics: Topic[] = [];
  listener: string = "";
  peer: string = "";

  read(r: Reader): void {
    while (r.next()) {
      switch (r.num) {
        case 1: this.clientId = r.string(); break;
        case 2: this.username = r.string(); break;
        case 3: readProperty(r, this.attributes); break;
        case 4: this.action = r.u32(); break;
        case 5: readTopic(r, this.topics); break;
        case 6: this.listener = r.string(); break;
        case 7: this.peer = r.string(); break;
      }
    }
  }
}

// What a client answers to Context.continue, or that it does not.
export class AuthContinue {
  exchange: u64 = 0; // the request of the CONNECT that began it
  authMethod: string = "";
  authData: Uint8Array = new Uint8Array(0);
  ended: bool = false;

  read(r: Reader): void {
    while (r.next()) {
      switch (r.num) {
        case 1: this.exchange = r.u64(); break;
        case 2: this.authMethod = r.string(); break;
        case 3: this.authData = r.bytes(); break;
        case 4: this.ended = r.bool(); break;
      }
    }
  }
}

// What somebody claims who begins a TLS handshake (RFC 8446 section 4.1.2), numbers in
// the order of the wire without GREASE. Nothing of it is proven.
export class ClientHello {
  listener: string = "";
  peer: string = "";
  proxy: Proxy | null = null;
  serverName: string = ""; // bytes that are not printable ASCII are written as \xNN, here and in alpn
  alpn: string[] = [];
  versions: u32[] = [];
  suites: u32[] = [];
  extensions: u32[] = [];
  groups: u32[] = [];
  signatureSchemes: u32[] = [];
  ja4: string = "";

  read(r: Reader): void {
    while (r.next()) {
      switch (r.num) {
        case 1: this.listener = r.string(); break;
        case 2: this.peer = r.string(); break;
        case 3: {
          const m = r.message(), v = new Proxy();
          v.read(m);
          r.embedded(m);
          this.proxy = v;
          break;
        }
        case 4: this.serverName = r.string(); break;
        case 5: this.alpn.push(r.string()); break;
        case 6: this.versions.push(r.u32()); break;
        case 7: this.suites.push(r.u32()); break;
        case 8: this.extensions.push(r.u32()); break;
        case 9: this.groups.push(r.u32()); break;
        case 10: this.signatureSchemes.push(r.u32()); break;
        case 11: this.ja4 = r.string(); break;
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
export class Event {
  kind: u32 = 0; // EventKind; others are to be ignored
  timeMs: u64 = 0; // Unix
  clientId: string = "";
  username: string = "";
  listener: string = "";
  peer: string = "";
  reason: u32 = 0; // Disconnected, Refused: MQTT 5.0 reason code
  reasonText: string = "";
  topics: Topic[] = []; // Subscribed, Unsubscribed, Denied
  dropped: u64 = 0; // events lost before this one
  decider: string = ""; // Connected, Refused: the plugin that said so, or empty
  attributes: Property[] = []; // Connected
  action: u32 = 0; // Denied: PUBLISH or SUBSCRIBE

  read(r: Reader): void {
    while (r.next()) {
      switch (r.num) {
        case 1: this.kind = r.u32(); break;
        case 2: this.timeMs = r.u64(); break;
        case 3: this.clientId = r.string(); break;
        case 4: this.username = r.string(); break;
        case 5: this.listener = r.string(); break;
        case 6: this.peer = r.string(); break;
        case 7: this.reason = r.u32(); break;
        case 8: this.reasonText = r.string(); break;
        case 9: readTopic(r, this.topics); break;
        case 10: this.dropped = r.u64(); break;
        case 11: this.decider = r.string(); break;
        case 12: readProperty(r, this.attributes); break;
        case 13: this.action = r.u32(); break;
      }
    }
  }
}
