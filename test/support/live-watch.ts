import type { IncomingMessage } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { ApiRequest } from './api-request.ts';

export interface LineRules {
  readonly endAfter?: number;
  readonly rewrite?: (line: string) => string;
}

/** A watch that passes through the proxy: line by line, so that whatever is put between never breaks one. */
export class LiveWatch {
  readonly request: ApiRequest;
  readonly #upstream: IncomingMessage;
  readonly #response: Http2ServerResponse;

  constructor(request: ApiRequest, upstream: IncomingMessage, response: Http2ServerResponse, rules: LineRules) {
    this.request = request;
    this.#upstream = upstream;
    this.#response = response;
    let held = '';
    upstream.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (held + chunk).split('\n');
      held = lines.pop() ?? '';
      for (const line of lines) {
        if (rules.endAfter !== undefined && request.events >= rules.endAfter) return;
        this.#pass(line, rules.rewrite);
        if (request.events === rules.endAfter) this.end();
      }
    });
    upstream.on('error', () => response.destroy());
    upstream.on('end', () => response.end());
    response.on('close', () => upstream.destroy());
  }

  /** Sends a line of the proxy's own; the watch goes on. */
  send(line: string): void {
    this.#response.write(`${line}\n`);
  }

  /** Ends the watch in order, as the API server does. */
  end(): void {
    this.#upstream.destroy();
    this.#response.end();
  }

  #pass(line: string, rewrite: LineRules['rewrite']): void {
    this.request.events += 1;
    this.request.lastVersion = versionOf(line) ?? this.request.lastVersion ?? '';
    this.send(rewrite === undefined ? line : rewrite(line));
  }
}

function versionOf(line: string): string | undefined {
  const { object } = JSON.parse(line) as {
    readonly object?: { readonly metadata?: { readonly resourceVersion?: string } };
  };
  return object?.metadata?.resourceVersion;
}
