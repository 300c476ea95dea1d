// Plugins for the MQTT broker Wicket. README.md is the manual, sdk/ABI.md what lies
// beneath. A plugin also exports what the broker calls:
//
//   export * from "@wicketmq/plugin/assembly/exports";

export {
  Access, ClientHello, Connect, Event, EventKind, File, Load, Property, Proxy, PUBLISH, SUBSCRIBE, Tls, Topic, Will,
} from "./event";
export { CertField, debug, disconnect, error, Feature, features, info, now, random, warn } from "./host";
export { escape, HttpRequest, HttpResponse } from "./http";
export { Json, textOf } from "./json";
export { Jwt, JwtKeys, setJwtKeys } from "./jwt";
export { KV } from "./kv";
export { Counter, Gauge, Histogram } from "./metric";
export {
  background, Completion, Context, Continuation, needABI, onAuthenticate, onAuthorize, onClientHello, onEvent, onLoad, onUnload, Result,
} from "./runtime";
export { Status, statusText } from "./status";
export { Timer } from "./timer";
export { Code, Limits, Reason, Rule, Verdict } from "./verdict";
