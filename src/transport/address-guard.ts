import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** A host resolved to an address that may not be connected to (design.md, "Outbound"). */
export class AddressRefusedError extends Error {
  readonly host: string;
  readonly address: string;
  constructor(host: string, address: string) {
    super(
      `${host} is at ${address}, a loopback, link-local, multicast or cloud-metadata address, which is refused; the setting --allow-addresses lists exceptions`,
    );
    this.name = 'AddressRefusedError';
    this.host = host;
    this.address = address;
  }
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Ranges of ipaddr.js that no registry is in. Private addresses are fine: most registries are there. */
const REFUSED_RANGES: ReadonlySet<string> = new Set(['loopback', 'linkLocal', 'unspecified', 'multicast', 'broadcast']);
/** Metadata services outside the link-local range. */
const METADATA = ['fd00:ec2::254', '100.100.100.200', '192.0.0.192'].map((text) =>
  ipaddr.parse(text).toNormalizedString(),
);

/** Decides which addresses may be connected to. */
export interface AddressGuard {
  /** @throws AddressRefusedError */
  readonly check: (host: string, address: string) => void;
}

/** @param allow CIDRs that are allowed although they would be refused */
export function createAddressGuard(allow: readonly string[]): AddressGuard {
  const allowed = allow.map((cidr) => ipaddr.parseCIDR(cidr));
  return {
    check: (host, text) => {
      const address = unmap(ipaddr.parse(text));
      if (allowed.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))) return;
      if (REFUSED_RANGES.has(address.range()) || METADATA.includes(address.toNormalizedString())) {
        throw new AddressRefusedError(host, text);
      }
    },
  };
}

/** The IPv4 address inside an IPv4-mapped, NAT64 or 6to4 address: a detour to the same place. */
function unmap(address: Address): Address {
  if (!(address instanceof ipaddr.IPv6)) return address;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  const bytes = address.toByteArray();
  if (address.range() === 'rfc6052') return ipaddr.fromByteArray(bytes.slice(12));
  if (address.range() === '6to4') return ipaddr.fromByteArray(bytes.slice(2, 6));
  return address;
}

/**
 * A `lookup` for sockets that refuses addresses after DNS resolution, so that neither a redirect nor a name that
 * changes its address leads where no request may go.
 */
export function guardedLookup(guard: AddressGuard): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => {
      if (error !== null) {
        callback(error, '', 0);
        return;
      }
      try {
        for (const { address } of found) guard.check(hostname, address);
      } catch (refused) {
        callback(refused as NodeJS.ErrnoException, '', 0);
        return;
      }
      const first = found[0];
      if (options.all === true) callback(null, found);
      else if (first !== undefined) callback(null, first.address, first.family);
      else callback(Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' }), '', 0);
    });
  };
}

/** Checks a host that is an address itself: no lookup is made for those. @throws AddressRefusedError */
export function checkLiteralHost(guard: AddressGuard, hostname: string): void {
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  if (isIP(host) !== 0) guard.check(hostname, host);
}
