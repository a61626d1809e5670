// Reads what the entry points of package.json export, by the compiler's own reader of declarations.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { SyntaxKind } from 'typescript/unstable/ast';
import { API, SymbolFlags } from 'typescript/unstable/sync';
import { readDocstring } from './docstring.js';
import { codeOf, documented, headOf, isMadeOfAnother, isOpen, isProperty, parameterName } from './nodes.js';

const DIST = resolve('dist');
/** Nowhere on disk: the root's config knows the sources, and not what was built from them. */
const CONFIG = resolve(DIST, 'tsconfig.json');
const KINDS = new Map([
  [SyntaxKind.SourceFile, 'group'],
  [SyntaxKind.ClassDeclaration, 'class'],
  [SyntaxKind.FunctionDeclaration, 'function'],
  [SyntaxKind.VariableDeclaration, 'constant'],
  [SyntaxKind.InterfaceDeclaration, 'interface'],
  [SyntaxKind.TypeAliasDeclaration, 'type'],
]);
const WITH_MEMBERS = ['class', 'interface'];

/** @returns for each entry point its name, what it says of itself, what it exports, and what types of that are made of. */
export function readEntryPoints() {
  const { name, exports } = JSON.parse(readFileSync('package.json', 'utf8'));
  const files = Object.entries(exports)
    .filter(([path]) => !/\.(json|min\.js)$/.test(path)) // data, and copies of other entries
    .map(([path, { types }]) => {
      if (types === undefined) throw new Error(`The entry point "${path}" of package.json names no types.`);
      return { name: name + path.slice(1), file: resolve(types) };
    });
  const api = new API({ cwd: resolve('.'), fs: withConfig(files.map(({ file }) => file)) });
  try {
    const { program, checker } = api.updateSnapshot({ openProjects: [CONFIG] }).getProject(CONFIG);
    const sources = files.map(({ name, file }) => ({ name, source: program.getSourceFile(file) }));
    return new Reader(checker, sources).entries();
  } finally {
    api.close();
  }
}

function withConfig(files) {
  const text = JSON.stringify({ extends: '../tsconfig.json', include: [], files });
  return {
    readFile: (file) => (file === CONFIG ? text : undefined),
    fileExists: (file) => (file === CONFIG ? true : undefined),
  };
}

class Reader {
  #checker;
  #sources;
  #exported;

  constructor(checker, sources) {
    this.#checker = checker;
    this.#sources = sources.map(({ name, source }) => {
      return { name, about: headOf(source.text), module: checker.getSymbolAtLocation(source) };
    });
    const symbols = this.#sources.flatMap(({ module }) => checker.getExportsOfModule(module));
    this.#exported = new Set(symbols.map((symbol) => this.#target(symbol).id));
  }

  entries() {
    const told = new Set(this.#exported);
    return this.#sources.map(({ name, about, module }) => {
      const items = this.#exportsOf(module);
      return { name, about, items, shapes: this.#shapesOf(items, told) };
    });
  }

  #exportsOf(module) {
    return this.#checker.getExportsOfModule(module).map((symbol) => {
      const item = this.#item(symbol.name, this.#target(symbol));
      if (item.kind !== 'group') return item;
      // What `export * as name` says stands where it is exported.
      return { ...item, doc: readDocstring(symbol.declarations[0].resolve().parent) };
    });
  }

  #target(symbol) {
    return symbol.flags & SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol;
  }

  #item(name, symbol) {
    const nodes = symbol.declarations.map((each) => each.resolve());
    const kind = KINDS.get(nodes[0].kind);
    const contracts = this.#contractsOf(nodes[0]);
    const hasMembers = WITH_MEMBERS.includes(kind) || isMadeOfAnother(nodes[0]);
    const members = hasMembers ? this.#membersOf(symbol, nodes[0], contracts) : [];
    return {
      ...{ name, id: symbol.id, kind, members, implements: contracts },
      doc: readDocstring(nodes.map(documented).find((node) => node?.jsDoc)),
      code: kind === 'group' || members.length > 0 ? [] : nodes.map(codeOf),
      uses: members.length > 0 ? new Map(members.flatMap(({ uses }) => [...uses])) : this.#usesOf(nodes),
      items: kind === 'group' ? this.#exportsOf(symbol) : [],
      parameters: this.#parametersOf(nodes[0]),
      isGeneric: nodes[0].typeParameters !== undefined,
    };
  }

  /** The interfaces of ours that a class implements. */
  #contractsOf({ kind, heritageClauses = [] }) {
    if (kind !== SyntaxKind.ClassDeclaration) return new Map();
    const types = heritageClauses
      .filter(({ token }) => token === SyntaxKind.ImplementsKeyword)
      .flatMap((clause) => [...clause.types]);
    const named = types.flatMap(({ expression }) => {
      const symbol = this.#target(this.#checker.getSymbolAtLocation(expression));
      return isOurs(symbol) ? [[expression.getText(), symbol]] : [];
    });
    return new Map(named);
  }

  /** What a class does only because an interface asks for it is told there. */
  #membersOf(symbol, node, contracts) {
    const asked = new Set([...contracts.values()].flatMap((contract) => [...contract.getMembers().keys()]));
    const statics = node.kind === SyntaxKind.ClassDeclaration ? [...symbol.getExports().values()] : [];
    const own = this.#checker.getPropertiesOfType(this.#checker.getDeclaredTypeOfSymbol(symbol));
    const members = [...statics, ...own]
      .filter(({ name }) => /^\w+$/.test(name))
      .flatMap((each) => {
        const nodes = each.declarations
          .map((declaration) => declaration.resolve())
          .filter((node) => isOpen(node, DIST));
        const isTold = asked.has(each.name) && !nodes.some((node) => node.jsDoc);
        return nodes.length === 0 || isTold ? [] : [this.#member(each.name, nodes, each.flags)];
      });
    return [...this.#constructorsOf(node), ...members];
  }

  /** Nobody can call one whose parameters have types that nobody can import. */
  #constructorsOf({ members = [] }) {
    const nodes = members.filter(
      (node) => node.kind === SyntaxKind.Constructor && node.parameters.length > 0 && isOpen(node, DIST),
    );
    const isCallable = [...this.#usesOf(nodes).values()].every(({ id }) => this.#exported.has(id));
    return nodes.length > 0 && isCallable ? [this.#member('constructor', nodes)] : [];
  }

  #member(name, nodes, flags = 0) {
    const [node] = nodes;
    return {
      name,
      kind: isProperty(node) ? 'property' : 'method',
      isOptional: (flags & SymbolFlags.Optional) !== 0,
      type: node.type?.getText() ?? '',
      code: nodes.map(codeOf),
      doc: readDocstring(nodes.find((each) => each.jsDoc)),
      parameters: this.#parametersOf(node),
      uses: this.#usesOf(nodes),
    };
  }

  #parametersOf({ parameters = [], type }) {
    return [
      ...parameters.map((node) => ({ name: parameterName(node), uses: this.#usesOf([node]) })),
      { name: 'returns', uses: type ? this.#usesOf([type]) : new Map() },
    ];
  }

  /** The types of ours that stand in these declarations: the symbol, by the name as it is written there. */
  #usesOf(nodes) {
    const uses = new Map();
    const visit = (node) => {
      const symbol = node.typeName && this.#checker.getSymbolAtLocation(node.typeName);
      const target = symbol && this.#target(symbol);
      if (target && isOurs(target)) uses.set(node.typeName.getText(), target);
      node.forEachChild(visit);
    };
    for (const node of nodes) visit(node);
    return uses;
  }

  /** Types that nobody can import tell what those are made of that somebody can; each is told once. */
  #shapesOf(items, told) {
    for (const { id } of withInner(items)) told.add(id);
    const uses = withInner(items)
      .filter(({ kind }) => kind !== 'class')
      .flatMap((item) => [...item.uses]);
    return uses.flatMap(([name, symbol]) => this.#shape(name, symbol, told));
  }

  #shape(name, symbol, told) {
    if (told.has(symbol.id)) return [];
    told.add(symbol.id);
    const shape = this.#item(name, symbol);
    // What has parameters reckons with types, and is for the compiler to read.
    if (shape.isGeneric || !['interface', 'type'].includes(shape.kind)) return [];
    return [shape, ...[...shape.uses].flatMap(([name, symbol]) => this.#shape(name, symbol, told))];
  }
}

function withInner(items) {
  return items.flatMap((item) => [item, ...withInner(item.items)]);
}

function isOurs(symbol) {
  return !(symbol.flags & SymbolFlags.TypeParameter) && symbol.declarations[0]?.path.startsWith(DIST);
}
