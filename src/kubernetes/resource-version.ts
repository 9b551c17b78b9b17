const NUMERIC = /^\d{1,20}$/;

/**
 * Says whether a resourceVersion is older than another of the same resource. Since Kubernetes 1.35 they are ordered
 * by definition (KEP-5504), and were in fact before; anything but decimal digits answers false.
 */
export function isOlderVersion(version: string, than: string | undefined): boolean {
  return than !== undefined && NUMERIC.test(version) && NUMERIC.test(than) && BigInt(version) < BigInt(than);
}
