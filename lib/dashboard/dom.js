export const $ = (id) => document.getElementById(id);

/** An element with properties and children; text is always text, never markup. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === 'data') Object.assign(element.dataset, value);
    else if (name.includes('-') || name === 'scope' || name === 'role') element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Changes a text only where it is another one: nothing is announced, selected or laid out anew without a reason. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Brings a table to these rows. A row that stays is kept, with the focus that may be in it.
 *
 * @param {HTMLTableElement} table
 * @param {{ caption: string, columns: { label: string, className?: string }[], rows: { key: string, cells: (string | Node)[], className?: string }[] }} wanted
 *   a cell that is a Node is put in when its row is made, and again when `stamp` changes
 */
export function fillTable(table, { caption, columns, rows }) {
  const head = `${caption}|${columns.map(({ label }) => label).join('|')}`;
  if (table.dataset.head !== head) {
    table.dataset.head = head;
    const cells = columns.map(({ label, className = '' }) => h('th', { scope: 'col', className }, label));
    table.replaceChildren(
      h('caption', { className: 'sr' }, caption),
      h('thead', {}, h('tr', {}, ...cells)),
      h('tbody'),
    );
  }
  const body = table.tBodies[0];
  const known = new Map(Array.from(body.rows, (row) => [row.dataset.key, row]));
  rows.forEach(({ key, cells, stamp = '' }, place) => {
    let row = known.get(key);
    known.delete(key);
    if (row === undefined) row = newRow(key, columns, cells);
    if (row.dataset.stamp !== stamp) {
      row.dataset.stamp = stamp;
      cells.forEach((cell, i) => {
        if (cell instanceof Node) row.cells[i].replaceChildren(cell);
      });
    }
    cells.forEach((cell, i) => {
      if (!(cell instanceof Node)) setText(row.cells[i], cell);
    });
    if (body.rows[place] !== row) body.insertBefore(row, body.rows[place] ?? null);
  });
  for (const row of known.values()) row.remove();
}

function newRow(key, columns, cells) {
  const made = columns.map(({ label, className = '' }, i) => {
    const cell = h(i === 0 ? 'th' : 'td', { className, ...(i === 0 && { scope: 'row' }) });
    if (!className.includes('actions')) cell.dataset.label = label;
    if (cells[i] instanceof Node) cell.append(cells[i]);
    return cell;
  });
  return h('tr', { data: { key, stamp: '\0' } }, ...made);
}

let toastTimer;

/** Says something once, to eyes and screen readers. */
export function say(text) {
  $('toast').textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => {
    $('toast').textContent = '';
  }, 6000);
}

/** Asks; resolves true for yes. Without `yes` it only tells. */
export function ask({ title, body, yes, no }) {
  const dialog = $('dialog');
  $('dialog-title').textContent = title;
  $('dialog-body').replaceChildren(...body.map((line) => h('p', {}, line)));
  $('dialog-yes').textContent = yes ?? '';
  $('dialog-yes').hidden = yes === undefined;
  $('dialog-no').textContent = no;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    $('dialog-yes').onclick = () => dialog.close('yes');
    $('dialog-no').onclick = () => dialog.close('');
    dialog.onclose = () => resolve(dialog.returnValue === 'yes');
  });
}
