import net, { type Socket } from 'node:net';
import { buildConnector } from 'undici';

const CONNECT_TIMEOUT_MS = 10_000;

/** Makes the connections of a pool, and can end them all by an RST. */
export interface ResettableConnector {
  readonly connect: buildConnector.connector;
  /**
   * Ends every connection at once. What the kernel still holds of a request, since the way to the peer is cut, is thrown
   * away; after an ordinary close it would be sent again for minutes, and arrive when the way is free (faults.md 17).
   */
  readonly reset: () => void;
}

/** @param tls what TLS needs of the credentials */
export function createResettableConnector(tls: buildConnector.BuildOptions): ResettableConnector {
  const sockets = new Set<Socket>();
  const upgrade = buildConnector({ ...tls, allowH2: false, timeout: CONNECT_TIMEOUT_MS });
  return {
    connect: (target, callback) => {
      const isTls = target.protocol === 'https:';
      const socket = net.connect({
        host: target.hostname.replace(/^\[|\]$/g, ''),
        port: Number(target.port === '' ? (isTls ? 443 : 80) : target.port),
        keepAlive: true,
        keepAliveInitialDelay: 15_000,
        noDelay: true,
      });
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      let isDone = false;
      const done: buildConnector.Callback = (...result) => {
        if (isDone) return;
        isDone = true;
        clearTimeout(timer);
        if (result[0] === null) callback(null, result[1]);
        else callback(result[0], null);
      };
      const fail = (error: Error): void => {
        socket.destroy();
        done(error, null);
      };
      // Once it stands, whoever uses it listens for its errors. One that is reset before tells of no error.
      socket.on('error', fail);
      socket.once('close', () => fail(new Error('the connection was closed before it was established')));
      socket.once('connect', () => {
        if (isTls) upgrade({ ...target, httpSocket: socket }, done);
        else done(null, socket);
      });
      const timer = setTimeout(
        () => fail(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`)),
        CONNECT_TIMEOUT_MS,
      );
    },
    reset: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
  };
}
