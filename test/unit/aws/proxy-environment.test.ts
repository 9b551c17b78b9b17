import { describe, expect, it } from 'vitest';
import { proxyEnvironment } from '../../../src/aws/proxy-environment.ts';

const OWN = 'localhost,127.0.0.1,[::1]';

describe('the proxies of AWS clients (faults.md 33)', () => {
  it.each<[string, NodeJS.ProcessEnv, NodeJS.ProcessEnv]>([
    ['none', {}, { no_proxy: OWN }],
    [
      'in capitals',
      { HTTPS_PROXY: 'http://p:1', HTTP_PROXY: 'http://p:2', NO_PROXY: '.internal' },
      { https_proxy: 'http://p:1', http_proxy: 'http://p:2', no_proxy: `.internal,${OWN}` },
    ],
    [
      'lower case before capitals, an empty one for none',
      { https_proxy: '', HTTPS_PROXY: 'http://p:1', no_proxy: 'a', NO_PROXY: 'b' },
      { no_proxy: `a,${OWN}` },
    ],
  ])('%s; never for this machine’s own hosts', (_name, env, expected) => {
    expect(proxyEnvironment(env)).toEqual(expected);
  });
});
