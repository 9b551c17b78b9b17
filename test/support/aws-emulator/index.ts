export {
  AwsEmulator,
  type EmulatorOptions,
  type ProfileOptions,
  type RecordedRequest,
  startAwsEmulator,
} from './emulator.ts';
export type { OutageKind } from './faults.ts';
export type { AccessKey } from './identities.ts';
export type { Profile, ValidityPeriod } from './signer-state.ts';
