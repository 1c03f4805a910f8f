'use strict';

/**
 * A small real PDF (1.4) of JPEG pages, each with a label in Helvetica. The picture's bytes go in unchanged (DCTDecode), once per page, so
 * that the size of the document is set by its pictures, as in a scanned catalogue.
 */

/**
 * Width and height out of a baseline or progressive JPEG.
 * @param {Buffer} jpeg
 * @returns {{ width: number, height: number }}
 */
function jpegSize(jpeg) {
  let at = 2;
  while (at + 9 < jpeg.length) {
    const marker = jpeg[at + 1];
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: jpeg.readUInt16BE(at + 5), width: jpeg.readUInt16BE(at + 7) };
    at += 2 + jpeg.readUInt16BE(at + 2);
  }
  throw new Error('the JPEG has no frame header');
}

/**
 * @param {Buffer} jpeg the picture of every page
 * @param {number} pages how many pages
 * @param {string} title ASCII; printed on every page
 * @returns {Buffer}
 */
function pdfOf(jpeg, pages, title) {
  const { width, height } = jpegSize(jpeg);
  const kids = Array.from({ length: pages }, (_, page) => `${4 + page * 3} 0 R`).join(' ');
  const objects = [
    ['<< /Type /Catalog /Pages 2 0 R >>'],
    [`<< /Type /Pages /Count ${pages} /Kids [${kids}] >>`],
    ['<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>'],
  ];
  for (let page = 0; page < pages; page++) {
    const self = 4 + page * 3;
    const label = `(${title}, page ${page + 1} of ${pages})`;
    const draw = `q 540 0 0 ${Math.round((540 * height) / width)} 36 36 cm /Im0 Do Q BT /F1 14 Tf 36 800 Td ${label} Tj ET`;
    const resources = `/Resources << /Font << /F1 3 0 R >> /XObject << /Im0 ${self + 2} 0 R >> >>`;
    const image = `/Subtype /Image /Width ${width} /Height ${height} /ColorSpace /DeviceRGB /BitsPerComponent 8`;
    objects.push(
      [`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 842] ${resources} /Contents ${self + 1} 0 R >>`],
      [`<< /Length ${draw.length} >>\nstream\n${draw}\nendstream`],
      [`<< /Type /XObject ${image} /Filter /DCTDecode /Length ${jpeg.length} >>\nstream\n`, jpeg, '\nendstream'],
    );
  }

  const parts = [];
  let length = 0;
  const write = (part) => {
    const bytes = Buffer.isBuffer(part) ? part : Buffer.from(part, 'latin1');
    parts.push(bytes);
    length += bytes.length;
  };
  write('%PDF-1.4\n%\xe2\xe3\xcf\xd3\n');
  const offsets = objects.map((body, index) => {
    const offset = length;
    write(`${index + 1} 0 obj\n`);
    body.forEach(write);
    write('\nendobj\n');
    return offset;
  });
  const xref = length;
  const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  write(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}`);
  write(`trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${xref}\n%%EOF\n`);
  return Buffer.concat(parts);
}

module.exports = { pdfOf };
