/** The version of Sealwatch; a test holds it equal to package.json. */
export const VERSION = '0.1.0';

/** What requests to registries and to the Kubernetes API carry, and the signing agent of our signatures. */
export const USER_AGENT = `sealwatch/${VERSION}`;
