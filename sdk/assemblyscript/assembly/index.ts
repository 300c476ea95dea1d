// Plugins for the MQTT broker Wicket. README.md is the manual, sdk/ABI.md what lies
// beneath. A plugin also exports what the broker calls:
//
//   export * from "@wicketmq/plugin/assembly/exports";

export { Access, Connect, File, Load, Property, Proxy, PUBLISH, SUBSCRIBE, Tls, Topic, Will } from "./event";
export { CertField, debug, error, features, info, now, random, warn } from "./host";
export { escape, HttpRequest, HttpResponse } from "./http";
export { Json, textOf } from "./json";
export { onAuthenticate, onAuthorize, onLoad, onUnload, needABI, Completion, Context, Result, Status } from "./runtime";
export { Code, Limits, Reason, Rule, Verdict } from "./verdict";
