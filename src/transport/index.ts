export { AddressRefusedError, createAddressGuard } from './address-guard.ts';
export { createDispatcher, type DispatcherOptions } from './dispatcher.ts';
export { printable } from './printable.ts';
export { readBounded, TooLargeError } from './read-bounded.ts';
