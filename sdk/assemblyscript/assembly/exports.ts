// What the broker calls.
export {
  wicket_abi_v1,
  wicket_auth_continue,
  wicket_authenticate,
  wicket_authorize,
  wicket_buffer,
  wicket_client_hello,
  wicket_completed,
  wicket_event,
  wicket_load,
  wicket_timer,
  wicket_unload,
} from "./runtime";
