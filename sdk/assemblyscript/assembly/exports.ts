// What the broker calls.
export {
  wicket_abi_v1,
  wicket_authenticate,
  wicket_authorize,
  wicket_buffer,
  wicket_completed,
  wicket_load,
  wicket_unload,
} from "./runtime";
