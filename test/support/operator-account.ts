import type { ControlPlaneClient } from './control-plane-client.ts';

const NAMESPACE = 'sealwatch-system';
const ACCOUNT = 'sealwatch';

/** The operator's own ServiceAccount with the rights of config/rbac, and its tokens. */
export class OperatorAccount {
  readonly #plane: ControlPlaneClient;

  private constructor(plane: ControlPlaneClient) {
    this.#plane = plane;
  }

  static async install(plane: ControlPlaneClient): Promise<OperatorAccount> {
    await plane.operatorKubeconfig();
    return new OperatorAccount(plane);
  }

  /** A token that holds as long as a Secret of its own does. */
  async createToken(secret: string): Promise<string> {
    await this.#plane.ok(['create', 'secret', 'generic', secret, '-n', NAMESPACE]);
    const bound = ['--bound-object-kind', 'Secret', '--bound-object-name', secret];
    return (await this.#plane.ok(['create', 'token', ACCOUNT, '-n', NAMESPACE, ...bound])).trim();
  }

  /** The API server answers 401 to the token of a Secret from now on, at most 10 s later: so long it remembers. */
  async endToken(secret: string): Promise<void> {
    await this.#plane.ok(['delete', 'secret', secret, '-n', NAMESPACE]);
  }
}
