import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlPlaneClient } from './control-plane-client.ts';

interface OpenApi {
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly 'x-kubernetes-group-version-kind'?: readonly {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
  }[];
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly [key: string]: unknown;
}

/**
 * Writes the schemas of every kind that an API server serves, CRDs among them, as files that kubeconform finds by
 * `{{.ResourceKind}}{{.KindSuffix}}.json`. A field that the API server does not know is an error.
 */
export async function writeApiSchemas(plane: ControlPlaneClient, folder: string): Promise<void> {
  const index = JSON.parse(await plane.ok(['get', '--raw', '/openapi/v3'])) as {
    readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>>;
  };
  for (const [path, { serverRelativeURL }] of Object.entries(index.paths)) {
    if (!/^apis?\/.*v\d/.test(path)) continue;
    const { components } = JSON.parse(await plane.ok(['get', '--raw', serverRelativeURL])) as OpenApi;
    const definitions = Object.fromEntries(
      Object.entries(components.schemas).map(([name, schema]) => [name, asJsonSchema(schema)]),
    );
    for (const [name, schema] of Object.entries(components.schemas)) {
      // What stands under many groups, such as DeleteOptions, is no object of a manifest.
      const [kind, ...others] = schema['x-kubernetes-group-version-kind'] ?? [];
      if (kind === undefined || others.length > 0) continue;
      const suffix = [kind.group.split('.')[0] ?? '', kind.version].filter((part) => part !== '').join('-');
      const file = `${kind.kind}-${suffix}.json`.toLowerCase();
      await writeFile(join(folder, file), JSON.stringify({ $ref: `#/definitions/${name}`, definitions }));
    }
  }
}

function asJsonSchema(schema: Schema): unknown {
  return JSON.parse(
    JSON.stringify(schema, (_key, value: unknown) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
      const { $ref, ...rest } = value as Schema & { $ref?: unknown };
      // A property of this name is no reference.
      if (typeof $ref === 'string') return { $ref: $ref.replace('#/components/schemas/', '#/definitions/') };
      if (rest.properties === undefined || rest['x-kubernetes-preserve-unknown-fields'] === true) return rest;
      return { additionalProperties: false, ...rest };
    }),
  );
}
