import net, { type AddressInfo, type Socket } from 'node:net';
import { startSocketSet } from './socket-set.ts';

/** A link to a port of 127.0.0.1 that can be cut for a while, as a network is. */
export interface CutLink {
  readonly port: number;
  /** Pieces that are on the way while it is cut. */
  readonly held: number;
  /** Connections that wait for it to be mended. */
  readonly waiting: number;
  /** From now on nothing arrives on either side, or nothing that the client sends. Whoever connects waits. */
  cut(ways?: 'both' | 'up'): void;
  /**
   * What was sent meanwhile arrives now, as TCP sends it again: also what a peer sent and then closed in the ordinary
   * way. What a peer has reset is lost.
   */
  mend(): void;
  stop(): Promise<void>;
}

/** Starts a link; it is whole. */
export async function startCutLink(target: number): Promise<CutLink> {
  let cut: 'both' | 'up' | 'none' = 'none';
  const onMend = new Set<() => void>();
  const pieces = new Set<readonly unknown[]>();
  const joining = new Set<() => void>();
  const carry = (from: Socket, to: Socket, way: 'up' | 'down'): void => {
    const held: (() => void)[] = [];
    pieces.add(held);
    const pass = (send: () => void): void => {
      if (cut === 'both' || cut === way) held.push(send);
      else send();
    };
    const deliver = (): void => {
      for (const send of held.splice(0)) send();
    };
    onMend.add(deliver);
    from.on('data', (chunk) => pass(() => to.write(chunk)));
    from.on('end', () => pass(() => to.end()));
    from.on('error', () => {
      held.length = 0;
      to.destroy();
    });
    from.on('close', () => {
      if (held.length === 0) onMend.delete(deliver);
    });
  };
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => undefined);
    const join = (): void => {
      joining.delete(join);
      if (client.destroyed) return;
      const upstream = net.connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
      sockets.add(upstream);
      carry(client, upstream, 'up');
      carry(upstream, client, 'down');
    };
    if (cut !== 'none') joining.add(join);
    else join();
  });
  const sockets = startSocketSet(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get held() {
      let count = 0;
      for (const each of pieces) count += each.length;
      return count;
    },
    get waiting() {
      return joining.size;
    },
    cut: (ways = 'both') => {
      cut = ways;
    },
    mend: () => {
      cut = 'none';
      for (const deliver of [...onMend, ...joining]) deliver();
    },
    stop: () => sockets.close(),
  };
}
