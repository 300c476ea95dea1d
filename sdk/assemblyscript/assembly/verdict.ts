import { PUBLISH, SUBSCRIBE } from "./event";
import { error } from "./host";
import { Writer } from "./wire";

// Continue is that of Context.continue.
export enum Code { Deny, Allow, Next, Pending, Continue }

// Why a client is refused (MQTT 5.0 section 3.2.2.2).
export enum Reason {
  UnspecifiedError = 0x80,
  ImplementationError = 0x83,
  ClientIdNotValid = 0x85,
  BadUsernameOrPassword = 0x86,
  NotAuthorized = 0x87,
  ServerUnavailable = 0x88,
  ServerBusy = 0x89,
  Banned = 0x8a,
  BadAuthMethod = 0x8c,
  QuotaExceeded = 0x97,
  AdministrativeAction = 0x98, // of disconnect
}

// A rule on topics. Rules are tried in order, and the first that matches decides.
// The filter may hold ${clientid}, ${username} and ${client_attrs.NAME} as whole
// levels.
export class Rule {
  qos: u32 = 0; // bit n is QoS n; 0 is any
  retain: u32 = 0; // publish: 0 any, 1 only retained, 2 only not retained
  exact: bool = false; // compares the text, without wildcards

  // Bits PUBLISH and SUBSCRIBE as actions; 0 is both.
  constructor(public permit: bool, public actions: u32, public filter: string) {}

  static publish(filter: string): Rule { return new Rule(true, PUBLISH, filter); }
  static subscribe(filter: string): Rule { return new Rule(true, SUBSCRIBE, filter); }
  static all(filter: string): Rule { return new Rule(true, 0, filter); }
  static deny(filter: string): Rule { return new Rule(false, 0, filter); }

  write(w: Writer): void {
    w.number(1, u64(this.permit));
    w.number(2, this.actions);
    w.string(3, this.filter);
    w.number(4, this.qos);
    w.number(5, this.retain);
    w.number(6, u64(this.exact));
  }
}

// Caps of one session; 0 keeps the broker's.
export class Limits {
  constructor(public maxPacketSize: u32, public maxInflight: u32, public maxSubscriptions: u32) {}
}

// The answer of a handler. The methods change it and return it.
export class Verdict {
  private decision: Writer | null = null;

  constructor(readonly code: Code) {}

  // There is nothing but the code.
  get bare(): bool { return this.decision === null; }

  // A Decision.
  get detail(): Writer {
    let w = this.decision;
    if (w === null) this.decision = w = new Writer();
    return w;
  }

  // Lets the client in, or permits the action. A client that is let in without rules
  // may do nothing until default says otherwise.
  static allow(): Verdict { return new Verdict(Code.Allow); }
  // Refuses as Not authorized, or for the reason given.
  static deny(): Verdict { return new Verdict(Code.Deny); }
  // Has no opinion: the next plugin is asked. It may still say who a client is, by
  // user name, client id and attributes; see needABI.
  static next(): Verdict { return new Verdict(Code.Next); }
  // The answer comes later, from a Completion, or there is nobody to answer.
  static pending(): Verdict { return new Verdict(Code.Pending); }
  // Denies as Server unavailable because the plugin could not decide, and logs why.
  static fail(why: string): Verdict {
    error(why);
    return Verdict.deny().reason(Reason.ServerUnavailable);
  }

  private number(num: u32, v: u64): Verdict {
    this.detail.number(num, v);
    return this;
  }

  private string(num: u32, v: string): Verdict {
    this.detail.string(num, v);
    return this;
  }

  reason(r: Reason): Verdict { return this.number(1, u64(r)); }
  // The reason string that an MQTT 5.0 client is shown.
  text(text: string): Verdict { return this.string(2, text); }
  // The client may do everything that no rule of the broker denies.
  superuser(): Verdict { return this.number(3, 1); }
  // Adds a rule at the end.
  rule(r: Rule): Verdict {
    const m = new Writer();
    r.write(m);
    this.detail.message(4, m);
    return this;
  }
  // What holds when no rule matches; Code.Next asks the plugins each time.
  default(c: Code): Verdict { return this.number(5, u64(c)); }
  // For how many milliseconds the answer to an access may be cached; negative: not at all.
  ttl(milliseconds: i64): Verdict { return this.number(6, u64(milliseconds)); }
  // When the client is disconnected, in Unix seconds; before 1970: long ago.
  expireAt(unix: i64): Verdict { return this.number(7, unix > 0 ? u64(unix) : 1); }
  // An attribute of the client: rules may use it as ${client_attrs.KEY}.
  attribute(key: string, value: string): Verdict {
    this.detail.property(8, key, value);
    return this;
  }
  // Replaces the user name.
  username(name: string): Verdict { return this.string(9, name); }
  // Assigns the client id.
  clientId(id: string): Verdict { return this.string(10, id); }
  // A user property of the CONNACK.
  userProperty(key: string, value: string): Verdict {
    this.detail.property(11, key, value);
    return this;
  }
  // Goes with the CONNACK, or the AUTH that ends a re-authentication, to a client with
  // an authentication method.
  authData(data: Uint8Array): Verdict {
    this.detail.bytes(12, data);
    return this;
  }
  limits(l: Limits): Verdict {
    const m = new Writer();
    m.number(1, l.maxPacketSize);
    m.number(2, l.maxInflight);
    m.number(3, l.maxSubscriptions);
    this.detail.message(13, m);
    return this;
  }
  // The prefix that stands before every topic of the client.
  mountpoint(prefix: string): Verdict { return this.string(14, prefix); }
  // Answers one topic of an access; called once for each, in order.
  topic(c: Code): Verdict { return this.number(15, u64(c)); }
}
