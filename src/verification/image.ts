import type { Reference } from '../oci/index.ts';

/** `registry/repository@digest`: what one verdict is about. The statement follows from the repository. */
export type ImageKey = string;

/** The key of a repository (`registry/repository`) and a digest. */
export function imageKey(repository: string, digest: string): ImageKey {
  return `${repository}@${digest}`;
}

/** The reference by digest that a key names. */
export function referenceOf(key: ImageKey): Reference & { readonly digest: string } {
  const at = key.lastIndexOf('@');
  const repository = key.slice(0, at);
  const slash = repository.indexOf('/');
  return {
    registry: repository.slice(0, slash),
    repository: repository.slice(slash + 1),
    digest: key.slice(at + 1),
  };
}
