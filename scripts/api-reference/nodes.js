// What single nodes of declarations say.

import { SyntaxKind } from 'typescript/unstable/ast';
import { readDocstring } from './docstring.js';

const PROPERTIES = [SyntaxKind.PropertySignature, SyntaxKind.PropertyDeclaration, SyntaxKind.GetAccessor];
const HIDDEN = [SyntaxKind.PrivateKeyword, SyntaxKind.ProtectedKeyword];
const UTILITIES = ['Omit', 'Partial', 'Pick', 'Required'];

export function isProperty({ kind }) {
  return PROPERTIES.includes(kind);
}

/** A member for everybody, declared in this folder. */
export function isOpen(node, folder) {
  const isHidden = node.modifiers?.some(({ kind }) => HIDDEN.includes(kind)) ?? false;
  return !isHidden && !readDocstring(node).isInternal && node.getSourceFile().fileName.startsWith(folder);
}

/** `type X = Pick<Y, …>` and its like have the fields that remain. */
export function isMadeOfAnother({ kind, type, typeParameters }) {
  if (kind !== SyntaxKind.TypeAliasDeclaration || typeParameters !== undefined) return false;
  return UTILITIES.includes(type.typeName?.getText());
}

/** The comment of `const x = …` stands before its statement. */
export function documented(node) {
  return node.kind === SyntaxKind.VariableDeclaration ? node.parent.parent : node;
}

export function codeOf(node) {
  const start = node.kind === SyntaxKind.VariableDeclaration ? 'const ' : '';
  const patterns = [...(node.parameters ?? [])].map(({ name }) => name).filter(isPattern);
  const code = patterns.reduce((text, pattern) => text.replace(pattern.getText(), 'options'), node.getText());
  return start + joined(code.replace(/^(export )?(declare )?/, '').replace(/;$/, ''));
}

/** A parameter that is taken apart at once has no name of its own. */
export function parameterName({ name }) {
  return isPattern(name) ? 'options' : name.getText();
}

function isPattern({ kind }) {
  return kind === SyntaxKind.ObjectBindingPattern;
}

/** What stands on several lines for no reason but its braces is one line until it is laid out. */
function joined(code) {
  return code.includes('/**') ? code : code.replaceAll(/\s*\n\s*/g, ' ');
}

/** The first paragraph of the comment at the head of a file, without the name that it begins with. */
export function headOf(text) {
  const [, comment = ''] = text.match(/^\/\*\*([\s\S]*?)\*\//) ?? [];
  const body = comment.replaceAll(/^ \* ?/gm, '').trim();
  const [about = ''] = body.replace(/^`[^`]*`:?\s*/, '').split('\n\n');
  return about.slice(0, 1).toUpperCase() + about.slice(1);
}
