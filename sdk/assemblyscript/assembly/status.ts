// How a call has ended; negative: it was not started.
export enum Status {
  Full = -4, // of KV.set
  MalformedCall = -3,
  Busy = -2,
  NotGranted = -1,
  Ok = 0,
  Mismatch = 1,
  Timeout = 2,
  Refused = 3,
  Malformed = 4,
  Failed = 5,
}

// What has gone wrong, for the log.
export function statusText(status: Status): string {
  switch (status) {
    case Status.Full: return "there is no room for the value";
    case Status.NotGranted: return "the operator has not granted this to the plugin";
    case Status.Busy:
    case Status.Refused: return "too many calls in flight";
    case Status.Timeout: return "the call took too long";
    case Status.MalformedCall:
    case Status.Malformed: return "the broker could not read the request";
  }
  return "the call failed";
}
