export { type EcrFront, type RegistryAccessRecord, startEcrFront } from './ecr-front.ts';
export {
  AwsEmulator,
  type EmulatorOptions,
  type ProfileOptions,
  type RecordedRequest,
  startAwsEmulator,
} from './emulator.ts';
export type { OutageKind } from './faults.ts';
export type { PolicyDocument } from './iam-policy.ts';
export type { AccessKey } from './identities.ts';
export type { Profile, ValidityPeriod } from './signer-state.ts';
