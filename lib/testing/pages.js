'use strict';

/** What a reverse proxy answers when the server behind it is gone: HTML where a client expects JSON or XML. */
const NGINX_502 = [
  '<html>',
  '<head><title>502 Bad Gateway</title></head>',
  '<body>',
  '<center><h1>502 Bad Gateway</h1></center>',
  '<hr><center>nginx</center>',
  '</body>',
  '</html>',
  '',
].join('\r\n');

module.exports = { NGINX_502 };
