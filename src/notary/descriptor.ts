/** An OCI content descriptor: the subject of a signature (image-spec, descriptor). */
export interface Descriptor {
  readonly mediaType: string;
  /** `sha256:` and 64 lower-case hex digits (sha384 and sha512 likewise). */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}
