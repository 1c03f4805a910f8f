'use strict';

// What a block of JavaScript takes from around it, and what it makes: found by TypeScript's parser.

const ts = require('typescript-api');

/** Of the language and of Node: everything else has to come from somewhere. */
const KNOWN = new Set([
  ...Object.getOwnPropertyNames(globalThis),
  'require',
  'undefined',
  'arguments',
  'module',
  'exports',
]);

/** The names that a binding pattern binds. */
function bound(name, into) {
  if (ts.isIdentifier(name)) into.add(name.text);
  else for (const element of name.elements) if (!ts.isOmittedExpression(element)) bound(element.name, into);
}

const isFunction = (node) => ts.isFunctionLike(node);

/** Whether an identifier stands for a variable, and is not the name of a property. */
function isReference(node) {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isBindingElement(parent)) return parent.initializer === node;
  if (ts.isMethodDeclaration(parent) || ts.isPropertyDeclaration(parent)) return parent.name !== node;
  if (ts.isImportSpecifier(parent) || ts.isImportClause(parent) || ts.isNamespaceImport(parent)) return false;
  return !(
    (ts.isVariableDeclaration(parent) || ts.isParameter(parent) || ts.isFunctionLike(parent)) &&
    parent.name === node
  );
}

/**
 * @param {string} code
 * @returns {{ free: string[], made: string[], error: string | null }} `made`: what it declares at its top
 */
function namesOf(code) {
  const source = ts.createSourceFile('block.mjs', code, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
  const [fault] = source.parseDiagnostics;
  if (fault !== undefined) {
    const { line } = source.getLineAndCharacterOfPosition(fault.start);
    return {
      free: [],
      made: [],
      error: `line ${line + 1}: ${ts.flattenDiagnosticMessageText(fault.messageText, ' ')}`,
    };
  }
  const made = new Set();
  for (const statement of source.statements) {
    if (ts.isVariableStatement(statement))
      for (const { name } of statement.declarationList.declarations) bound(name, made);
    if ((ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) && statement.name)
      made.add(statement.name.text);
    if (ts.isImportDeclaration(statement)) {
      const { importClause: clause } = statement;
      if (clause?.name) made.add(clause.name.text);
      if (clause?.namedBindings && ts.isNamedImports(clause.namedBindings)) {
        for (const element of clause.namedBindings.elements) made.add(element.name.text);
      }
    }
  }
  const free = new Set();
  const visit = (node, scope) => {
    let inner = scope;
    if (
      isFunction(node) ||
      ts.isBlock(node) ||
      ts.isCatchClause(node) ||
      ts.isForOfStatement(node) ||
      ts.isForStatement(node)
    ) {
      const own = new Set();
      if (isFunction(node)) for (const parameter of node.parameters) bound(parameter.name, own);
      if (ts.isCatchClause(node) && node.variableDeclaration) bound(node.variableDeclaration.name, own);
      const list = ts.isForOfStatement(node) || ts.isForStatement(node) ? node.initializer : undefined;
      if (list && ts.isVariableDeclarationList(list)) for (const { name } of list.declarations) bound(name, own);
      if (ts.isBlock(node)) {
        for (const statement of node.statements) {
          if (ts.isVariableStatement(statement))
            for (const { name } of statement.declarationList.declarations) bound(name, own);
          if (ts.isFunctionDeclaration(statement) && statement.name) own.add(statement.name.text);
        }
      }
      inner = [...scope, own];
    }
    if (ts.isIdentifier(node) && isReference(node)) {
      const name = node.text;
      if (!inner.some((names) => names.has(name)) && (!KNOWN.has(name) || name === 'process')) free.add(name);
    }
    node.forEachChild((child) => visit(child, inner));
  };
  visit(source, [made]);
  return { free: [...free].sort(), made: [...made], error: null };
}

module.exports = { namesOf };
