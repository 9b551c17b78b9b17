import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** A host is at an address that may not be connected to (design.md, "Outbound"). */
export class AddressRefusedError extends Error {
  readonly host: string;
  readonly address: string;
  constructor(host: string, address: string, guard: Pick<AddressGuard, 'refused'>) {
    super(`${host} is at ${address}, ${guard.refused}, which is refused: if it is meant, add it to --allow-addresses`);
    this.name = 'AddressRefusedError';
    this.host = host;
    this.address = address;
  }
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A CIDR, read. */
export type AddressRange = readonly [Address, number];

/** Ranges of ipaddr.js where no foreign service is. Private addresses are fine: most registries are there. */
const REFUSED_RANGES: readonly string[] = ['loopback', 'linkLocal', 'unspecified', 'multicast', 'broadcast'];
/** Where the services of a cluster and of its company are. */
const PRIVATE_RANGES: readonly string[] = ['private', 'uniqueLocal', 'carrierGradeNat'];

/** Metadata and credential services of clouds outside the link-local ranges. */
const METADATA: ReadonlySet<string> = new Set(
  [
    'fd00:ec2::254', // EC2 instance metadata
    'fd00:ec2::23', // EKS Pod Identity
    'fd20:ce::254', // Google Compute Engine
    '168.63.129.16', // Azure
    '100.100.100.200', // Alibaba Cloud
    '192.0.0.192', // Oracle Cloud
  ].map((text) => ipaddr.parse(text).toNormalizedString()),
);

/** Decides which addresses may be connected to. */
export interface AddressGuard {
  /** Whether an address, an IP literal, may be connected to. */
  readonly allows: (address: string) => boolean;
  /** What an address that may not be connected to is, for messages: "a loopback address". */
  readonly refused: string;
}

/**
 * Reads an entry of `--allow-addresses`: a CIDR, or one address.
 * @throws RangeError that names the entry
 */
export function parseAddressRange(text: string): AddressRange {
  try {
    if (text.includes('/')) return ipaddr.parseCIDR(text);
    const address = ipaddr.parse(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  } catch {
    throw new RangeError(`expected an address or a CIDR such as 127.0.0.0/8, found ${JSON.stringify(text)}`);
  }
}

/**
 * @param allow CIDRs or addresses that may be connected to although they would be refused
 * @param refusePrivate refuses private addresses as well
 * @throws RangeError when one cannot be read
 */
export function createAddressGuard(allow: readonly string[], refusePrivate = false): AddressGuard {
  const refusedRanges = new Set(refusePrivate ? [...REFUSED_RANGES, ...PRIVATE_RANGES] : REFUSED_RANGES);
  const ranges = allow.map(parseAddressRange);
  const isAllowed = (address: Address): boolean =>
    ranges.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
  const isRefused = (address: Address): boolean =>
    refusedRanges.has(address.range()) || METADATA.has(address.toNormalizedString());
  return {
    refused: `a ${refusePrivate ? 'private, ' : ''}loopback, link-local, multicast or cloud-metadata address`,
    allows: (text) => {
      if (!ipaddr.isValid(text)) return false;
      const address = ipaddr.parse(text);
      if (isAllowed(address)) return true;
      return [address, ...embeddedIn(address)].every((one) => isAllowed(one) || !isRefused(one));
    },
  };
}

/** The IPv4 addresses that an IPv6 address may lead to: a mapping, a translation or a tunnel is a detour to the same place. */
function embeddedIn(address: Address): ipaddr.IPv4[] {
  if (!(address instanceof ipaddr.IPv6)) return [];
  const bytes = address.toByteArray();
  const at = (...positions: number[]): ipaddr.IPv4 =>
    new ipaddr.IPv4(positions.map((position) => bytes[position] ?? 0));
  const last = at(12, 13, 14, 15);
  if (address.isIPv4MappedAddress()) return [last];
  // IPv4-compatible (RFC 4291 §2.5.5.1), but :: and ::1, which are IPv6's own.
  if (bytes.slice(0, 12).every((byte) => byte === 0)) return address.range() === 'unicast' ? [last] : [];
  switch (address.range()) {
    case 'rfc6145':
      return [last];
    case 'rfc6052':
      // NAT64. Under the local-use prefix 64:ff9b:1::/48 the network may begin at /48, /56, /64 or /96 (RFC 6052 §2.2).
      return bytes[5] === 1 ? [last, at(6, 7, 9, 10), at(7, 9, 10, 11), at(9, 10, 11, 12)] : [last];
    case '6to4':
      return [at(2, 3, 4, 5)];
    case 'teredo':
      return [at(4, 5, 6, 7), new ipaddr.IPv4(bytes.slice(12).map((byte) => byte ^ 0xff))];
    default:
      return [];
  }
}

/**
 * A `lookup` for sockets that gives only addresses that may be connected to. It runs at every connection, so neither a
 * redirect nor a name that changes its address leads where no request may go.
 */
export function guardedLookup(guard: AddressGuard): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => {
      if (error !== null) {
        callback(error, '', 0);
        return;
      }
      const usable = found.filter(({ address }) => guard.allows(address));
      const first = usable[0];
      if (first === undefined) {
        const refused = found[0];
        callback(
          refused === undefined
            ? Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' })
            : new AddressRefusedError(hostname, refused.address, guard),
          '',
          0,
        );
        return;
      }
      if (options.all === true) callback(null, usable);
      else callback(null, first.address, first.family);
    });
  };
}

/**
 * Checks a host that is an address itself: sockets look nothing up for those.
 * @param hostname as `URL.hostname` has it, IPv6 in brackets
 * @throws AddressRefusedError
 */
export function checkLiteralHost(guard: AddressGuard, hostname: string): void {
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  if (isIP(host) !== 0 && !guard.allows(host)) throw new AddressRefusedError(hostname, host, guard);
}
