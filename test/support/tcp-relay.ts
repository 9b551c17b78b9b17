import net, { type AddressInfo, type Socket } from 'node:net';

/** A relay of TCP, whose connections can fall silent or break. */
export interface TcpRelay {
  readonly port: number;
  /** Connections so far. */
  readonly connections: number;
  /**
   * From now on the connections that stand carry nothing any more, and stay open: half-open TCP (faults.md 2), without
   * a FIN or RST. New ones work.
   */
  muteStanding(): void;
  /** Ends the connections that stand by an RST. New ones work. */
  resetStanding(): void;
  /** While refusing, whoever connects is reset, as by a host on which nobody listens. */
  refuse(isRefusing: boolean): void;
  stop(): Promise<void>;
}

/** Starts a relay to a port of 127.0.0.1; with no target its connections are silent from the start. */
export async function startTcpRelay(target: number | undefined): Promise<TcpRelay> {
  const standing = new Set<Socket>();
  let connections = 0;
  let isRefusing = false;
  const keep = (socket: Socket): void => {
    standing.add(socket);
    socket.once('close', () => standing.delete(socket));
  };
  const server = net.createServer((client) => {
    connections += 1;
    keep(client);
    client.on('error', () => client.destroy());
    if (isRefusing) {
      client.resetAndDestroy();
      return;
    }
    if (target === undefined) return;
    const upstream = net.connect(target, '127.0.0.1');
    keep(upstream);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    muteStanding: () => {
      for (const socket of standing) socket.unpipe();
    },
    resetStanding: () => {
      for (const socket of standing) socket.resetAndDestroy();
    },
    refuse: (refusing) => {
      isRefusing = refusing;
    },
    stop: () => {
      for (const socket of standing) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
