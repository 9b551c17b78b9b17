import { describe, expect, it, vi } from 'vitest';
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

it('a Node whose agents know no proxies says that AWS is asked directly, where a proxy is set', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  try {
    proxyEnvironment({ NO_PROXY: 'x' }, false);
    proxyEnvironment({ HTTPS_PROXY: 'http://proxy:3128' }, true);
    expect(warn).not.toHaveBeenCalled();
    proxyEnvironment({ HTTPS_PROXY: 'http://proxy:3128' }, false);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('AWS is asked directly'), expect.anything());
  } finally {
    warn.mockRestore();
  }
});
