import { type Fetch, FetchError } from '../../src/notary/index.ts';

/** A small real `Fetch` for tests of the core: one request, bounded in size and time, no redirects. */
export const httpFetch: Fetch = async ({ url, method, headers, body, maxBytes, timeoutMs }, signal) => {
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      method,
      headers: { ...headers },
      redirect: 'error',
      signal: AbortSignal.any([signal, deadline]),
      ...(body === undefined ? {} : { body: Uint8Array.from(body) }),
    });
    if (response.status !== 200) throw new FetchError('BadStatus', `${new URL(url).host} answers ${response.status}`);
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (size > maxBytes) throw new FetchError('TooLarge', `the answer has more than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return { body: Buffer.concat(chunks) };
  } catch (error) {
    if (error instanceof FetchError) throw error;
    signal.throwIfAborted();
    if (deadline.aborted) throw new FetchError('Timeout', `no answer within ${timeoutMs} ms`, { cause: error });
    throw new FetchError('Unreachable', `${new URL(url).host} cannot be reached`, { cause: error });
  }
};
