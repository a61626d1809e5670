/** A JSON Schema as a list of fields, as far as a reader needs it. */

export interface ConfigField {
  /** `limits.rate` */
  readonly path: string;
  readonly type: string;
  readonly fallback: string;
  readonly meaning: string;
}

interface SchemaNode {
  readonly type?: unknown;
  readonly enum?: unknown;
  readonly anyOf?: unknown;
  readonly oneOf?: unknown;
  readonly const?: unknown;
  readonly items?: unknown;
  readonly properties?: unknown;
  readonly default?: unknown;
  readonly description?: unknown;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
}

export function fieldsOfSchema(schema: unknown, above = ''): readonly ConfigField[] {
  return Object.entries(nodeOf(sectionOf(schema).properties)).flatMap(([name, content]) => {
    const path = above === '' ? name : `${above}.${name}`;
    const inner = fieldsOfSchema(content, path);
    return inner.length > 0 ? inner : [fieldOf(path, nodeOf(content))];
  });
}

/** A section may be an object, or `false` where it is off. */
function sectionOf(schema: unknown): SchemaNode {
  const node = nodeOf(schema);
  return choicesOf(node).find(({ properties }) => properties !== undefined) ?? node;
}

function choicesOf({ anyOf, oneOf }: SchemaNode): readonly SchemaNode[] {
  const choices = anyOf ?? oneOf;
  return Array.isArray(choices) ? choices.map(nodeOf) : [];
}

function fieldOf(path: string, node: SchemaNode): ConfigField {
  return {
    path,
    type: typeOf(node),
    fallback: node.default === undefined ? '' : JSON.stringify(node.default),
    meaning: typeof node.description === 'string' ? node.description : '',
  };
}

function typeOf(node: SchemaNode): string {
  const choices = node.anyOf ?? node.oneOf;
  if (Array.isArray(choices))
    return [...new Set(choices.map((choice) => typeOf(nodeOf(choice))))].join(' or ');
  if (Array.isArray(node.enum)) return node.enum.map((value) => JSON.stringify(value)).join(' or ');
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.type === 'array') return `list of ${typeOf(nodeOf(node.items))}`;
  return `${String(node.type ?? 'anything')}${rangeOf(node)}`;
}

/** The bounds that mean something; a validator also names what its numbers can hold. */
function rangeOf({ minimum, maximum }: SchemaNode): string {
  const least = isBound(minimum) ? ` from ${minimum}` : '';
  const most = isBound(maximum) ? ` to ${maximum}` : '';
  return least + most;
}

function isBound(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER;
}

function nodeOf(value: unknown): SchemaNode & Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
