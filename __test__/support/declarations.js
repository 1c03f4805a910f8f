'use strict';

// Reads .d.ts files as a reader does: which names are declared, and what their doc comments say.

const fs = require('node:fs');
const path = require('node:path');
const ts = require('typescript-api');

const root = path.join(__dirname, '..', '..');

/** The declarations that the package publishes, as paths from its root. */
function declarationFiles() {
  const inLib = fs.readdirSync(path.join(root, 'lib'), { recursive: true }).filter((name) => name.endsWith('.d.ts'));
  return ['index.d.ts', ...inLib.map((name) => path.join('lib', name)).sort()];
}

/** The text of all doc comments of `node`, '' where it has none. */
function commentOf(node) {
  return ts
    .getJSDocCommentsAndTags(node)
    .map((doc) => doc.getText())
    .join('\n');
}

const isMember = (node) =>
  ts.isPropertySignature(node) ||
  ts.isPropertyDeclaration(node) ||
  ts.isMethodSignature(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isGetAccessor(node);

const isDeclaration = (node) =>
  ts.isInterfaceDeclaration(node) ||
  ts.isClassDeclaration(node) ||
  ts.isTypeAliasDeclaration(node) ||
  ts.isFunctionDeclaration(node);

/** `status: 'failed'`, `error: null`, `fence?: undefined`: nothing is left to say. */
function saysItself(type) {
  if (type === undefined) return false;
  if (ts.isLiteralTypeNode(type)) return true;
  if (ts.isUnionTypeNode(type)) return type.types.every(saysItself);
  return type.kind === ts.SyntaxKind.UndefinedKeyword || type.kind === ts.SyntaxKind.NeverKeyword;
}

/** The names of the interfaces that a class implements or extends. */
const heritageOf = (node) =>
  (node.heritageClauses ?? []).flatMap((clause) => clause.types.map((type) => type.expression.getText()));

/**
 * Every declaration and member of a file.
 *
 * @returns {{ name: string, line: number, comment: string, inherited: string, inline: boolean, parent: string, optional: boolean, accepted: boolean,
 *   type: string, literal: boolean, member: boolean, heritage: string[] }[]} `inherited`: the comments of what stands around a member of a
 *   type literal, `inline`: in one that is a single line; `accepted`: `| undefined` is allowed, as in everything that a caller may leave out
 */
function declarations(file) {
  const source = ts.createSourceFile(
    file,
    fs.readFileSync(path.join(root, file), 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  );
  const lineOf = (node) => source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
  const isOneLine = (node) => lineOf(node) === source.getLineAndCharacterOfPosition(node.getEnd()).line + 1;
  const found = [];
  const visit = (node, around) => {
    let inside = around;
    if ((isMember(node) || isDeclaration(node)) && node.name) {
      const own = node.name.getText().replace('Symbol.', '');
      const name = around.name === '' ? own : `${around.name}.${own}`;
      const comment = commentOf(node);
      const type = node.type?.getText() ?? '';
      const nested = ts.isTypeLiteralNode(node.parent);
      found.push({
        ...{ name, comment, type, parent: around.name, heritage: around.heritage },
        line: lineOf(node),
        inherited: nested ? around.comment : '',
        inline: nested && isOneLine(node.parent),
        optional: node.questionToken !== undefined,
        accepted: /\|\s*undefined$/.test(type),
        literal: saysItself(node.type),
        member: isMember(node),
      });
      const comments = `${around.depth > 0 ? around.comment : ''}\n${comment}`;
      inside = {
        name,
        comment: comments,
        depth: around.depth + 1,
        heritage: isDeclaration(node) ? heritageOf(node) : around.heritage,
      };
    }
    node.forEachChild((child) => visit(child, inside));
  };
  visit(source, { name: '', comment: '', depth: 0, heritage: [] });
  return found;
}

module.exports = { declarationFiles, declarations };
