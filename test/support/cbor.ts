/** Bytes that stand in an item as they are. */
export class Raw {
  readonly bytes: Buffer;

  constructor(bytes: Buffer | string) {
    this.bytes = typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : bytes;
  }
}

export type CborItem =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Raw
  | readonly CborItem[]
  | ReadonlyMap<CborItem, CborItem>;

/**
 * Writes CBOR, shortest forms, maps in the order given: an encoder of the tests' own, by which anything can be forged,
 * so that it shares nothing with what it tests.
 */
export function encodeCbor(item: CborItem): Buffer {
  if (item instanceof Raw) return item.bytes;
  if (item === null) return Buffer.from([0xf6]);
  if (typeof item === 'boolean') return Buffer.from([item ? 0xf5 : 0xf4]);
  if (typeof item === 'number') return item >= 0 ? head(0, item) : head(1, -1 - item);
  if (typeof item === 'string') return Buffer.concat([head(3, Buffer.byteLength(item)), Buffer.from(item)]);
  if (item instanceof Uint8Array) return Buffer.concat([head(2, item.length), item]);
  if (item instanceof Map) {
    return Buffer.concat([head(5, item.size), ...[...item].flat().map((part) => encodeCbor(part as CborItem))]);
  }
  const items = item as readonly CborItem[];
  return Buffer.concat([head(4, items.length), ...items.map(encodeCbor)]);
}

/** The first bytes of an item: its major type and argument, in the shortest form or with an argument of `width` bytes. */
export function head(major: number, argument: number, width?: 0 | 1 | 2 | 4 | 8): Buffer {
  const shortest = argument < 24 ? 0 : argument < 0x100 ? 1 : argument < 0x10000 ? 2 : argument < 0x100000000 ? 4 : 8;
  const bytes = width ?? shortest;
  if (bytes === 0) return Buffer.from([(major << 5) | argument]);
  const written = Buffer.alloc(8);
  written.writeBigUInt64BE(BigInt(argument));
  return Buffer.concat([Buffer.from([(major << 5) | (24 + Math.log2(bytes))]), written.subarray(8 - bytes)]);
}

/** An item under a tag. */
export function tagged(tag: number, item: CborItem): Raw {
  return new Raw(Buffer.concat([head(6, tag), encodeCbor(item)]));
}
