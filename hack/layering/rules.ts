/**
 * The layers of src, lowest first. A module imports from lower layers only, and from its own folder.
 * Single files at the top of src stand here by their name without `.ts`.
 */
export const LAYERS: readonly (readonly string[])[] = [
  ['version', 'api', 'notary'],
  ['transport', 'disk'],
  ['oci', 'aws', 'pki', 'kubernetes'],
  ['verification', 'signing', 'workloads', 'reporting', 'alerting', 'tracing'],
  ['config', 'server', 'settings'],
  ['controllers'],
  ['runtime'],
  ['operator'],
  ['cli'],
  ['main'],
];

/** What is allowed although it does not point downwards, and why. */
export const EXCEPTIONS: readonly { readonly from: string; readonly to: string; readonly why: string }[] = [
  { from: 'signing', to: 'verification', why: 'what is signed already is found by verifying it' },
  { from: 'reporting', to: 'workloads', why: 'a report says which workloads run an image' },
];

/** What keeps to itself although it might point downwards. */
export const ALONE: readonly { readonly module: string; readonly except: readonly string[]; readonly why: string }[] = [
  { module: 'notary', except: [], why: 'the specification is pure and knows nothing of the operator' },
  { module: 'api', except: [], why: 'types of the API mirror crds/ and nothing else' },
  { module: 'version', except: [], why: 'it is a constant' },
  { module: 'transport', except: [], why: 'it is the outermost rule for outbound requests, whatever they are for' },
  { module: 'disk', except: [], why: 'it keeps files for whoever reads and checks them' },
  { module: 'kubernetes', except: ['api', 'transport'], why: 'it knows objects, not signatures' },
];

/** Packages that would make a pure module speak with the world. */
export const FORBIDDEN_PACKAGES: readonly {
  readonly module: string;
  readonly packages: RegExp;
  readonly why: string;
}[] = [
  {
    module: 'notary',
    packages:
      /^(?:node:(?:https?2?|net|tls|dns|dgram|fs|child_process|worker_threads)(?:\/|$)|undici$|pino$|@kubernetes\/|@aws-sdk\/)/,
    why: 'the specification is pure: no network, no files, no Kubernetes',
  },
  {
    module: 'api',
    packages: /./,
    why: 'types of the API need no package',
  },
];
