import net, { type AddressInfo, type Socket } from 'node:net';
import { startSocketSet } from './socket-set.ts';

/** A link to a port of 127.0.0.1 that can be cut for a while, as a network is. */
export interface CutLink {
  readonly port: number;
  /** From now on nothing arrives on either side. Whoever connects waits. */
  cut(): void;
  /**
   * What was sent meanwhile arrives now, as TCP sends it again: also what a peer sent and then closed in the ordinary
   * way. What a peer has reset is lost.
   */
  mend(): void;
  stop(): Promise<void>;
}

/** Starts a link; it is whole. */
export async function startCutLink(target: number): Promise<CutLink> {
  let isCut = false;
  const onMend = new Set<() => void>();
  const carry = (from: Socket, to: Socket): void => {
    let held: (() => void)[] = [];
    const pass = (send: () => void): void => {
      if (isCut) held.push(send);
      else send();
    };
    const deliver = (): void => {
      for (const send of held.splice(0)) send();
    };
    onMend.add(deliver);
    from.on('data', (chunk) => pass(() => to.write(chunk)));
    from.on('end', () => pass(() => to.end()));
    from.on('error', () => {
      held = [];
      pass(() => to.destroy());
    });
    from.on('close', () => {
      if (held.length === 0) onMend.delete(deliver);
    });
  };
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => undefined);
    const join = (): void => {
      onMend.delete(join);
      if (client.destroyed) return;
      const upstream = net.connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
      sockets.add(upstream);
      carry(client, upstream);
      carry(upstream, client);
    };
    if (isCut) onMend.add(join);
    else join();
  });
  const sockets = startSocketSet(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      isCut = true;
    },
    mend: () => {
      isCut = false;
      for (const deliver of [...onMend]) deliver();
    },
    stop: () => sockets.close(),
  };
}
