export { type AddressRange, AddressRefusedError, parseAddressRange } from './address-guard.ts';
export { type Deadline, DeadlineError, withDeadline } from './deadline.ts';
export { createDispatcher, type DispatcherOptions } from './dispatcher.ts';
export { checkCABundle, DispatcherPool } from './dispatcher-pool.ts';
export { HostBusyError, HostLimiter, type HostLimiterOptions, type TurnPriority } from './host-limiter.ts';
export { printable } from './printable.ts';
export { readBounded, TooLargeError } from './read-bounded.ts';
export { untilAborted } from './until-aborted.ts';
export {
  ALWAYS_OPEN,
  fencedBody,
  NotLeaderError,
  throughFence,
  type WriteFence,
  type WritePass,
} from './write-fence.ts';
