import type { Server, Socket } from 'node:net';

export interface SocketSet {
  readonly add: (socket: Socket) => void;
  /** Closes the server, and every connection of it. */
  readonly close: () => Promise<void>;
}

/** Keeps the connections of a server, so that closing it does not wait for them. */
export function startSocketSet(server: Server): SocketSet {
  const sockets = new Set<Socket>();
  const add = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  server.on('connection', add);
  return {
    add,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
