/** Keys and values that etcd was given to keep since it started, bytes: logical ones, without its own copies. */
export async function etcdPutBytes(etcdUrl: string): Promise<number> {
  const text = await (await fetch(`${etcdUrl}/metrics`)).text();
  const [, value] = /^etcd_(?:debugging_)?mvcc_total_put_size_in_bytes (\S+)$/m.exec(text) ?? [];
  if (value === undefined) throw new Error('etcd tells no total_put_size_in_bytes');
  return Number(value);
}
