/** Text that tries to run or to call out: links, raw HTML, handlers, images, formulas. `outside` is a host nobody may contact. */
export function payloads(outside: string): string[] {
  const run = 'window.__pwned=1'
  const schemes = [
    'javascript:', 'JaVaScRiPt:', 'java\tscript:', 'javascript&colon;', '&#106;avascript:', '&#x6A;avascript&#58;', 'vbscript:', 'data:text/html,<script>',
    'data:text/html;base64,PHNjcmlwdD4=', '\u0001javascript:', 'javascript:%0a', 'javascript://%0a', 'feed:javascript:', 'view-source:javascript:', 'file:///etc/passwd#',
  ]
  const carriers: ((target: string) => string)[] = [
    (target) => `[x](${target})`,
    (target) => `[x](<${target}>)`,
    (target) => `[x](${target} "title")`,
    (target) => `<${target}>`,
    (target) => `![x](${target})`,
    (target) => `[![x](${target})](${target})`,
    (target) => `[x][r]\n\n[r]: ${target}`,
    (target) => `<a href="${target}">x</a>`,
    (target) => `<img src="${target}">`,
    (target) => `<iframe src="${target}"></iframe>`,
    (target) => `<form action="${target}"><button>x</button></form>`,
    (target) => `<svg><a xlink:href="${target}"><text>x</text></a></svg>`,
    (target) => `<object data="${target}"></object><embed src="${target}">`,
    (target) => `<math><maction xlink:href="${target}">x</maction></math>`,
    (target) => `$\\href{${target}}{x}$ and $\\url{${target}}$`,
  ]
  const handlers = ['onerror', 'onload', 'onmouseover', 'onfocus', 'ontoggle', 'onanimationstart', 'onpointerenter', 'onbegin']
  const tags = [
    '<img src=x @>', '<svg @>', '<body @>', '<details open @>x</details>', '<input autofocus @>', '<video @><source src=x></video>',
    '<audio src=x @>', '<iframe srcdoc="<script>parent.__pwned=1</script>" @>', '<style @>@import "x"</style>', '<svg><animate @ attributeName=x dur=1s></svg>',
  ]
  const others = [
    `<script>${run}</script>`, `<scr<script>ipt>${run}</scr</script>ipt>`, `"><script>${run}</script>`, `\`\`\`html\n<script>${run}</script>\n\`\`\``,
    `<noscript><p title="</noscript><img src=x onerror=${run}>">`, `<math><mtext><table><mglyph><style><img src=x onerror=${run}>`,
    `<template><script>${run}</script></template>`, `<base href="http://${outside}/">`, `<meta http-equiv="refresh" content="0;url=http://${outside}/">`,
    `![x](http://${outside}/a.png)`, `![x][i]\n\n[i]: http://${outside}/b.png`, `<img src="http://${outside}/c.png">`, `<link rel=stylesheet href="http://${outside}/d.css">`,
    `<video poster="http://${outside}/e.png"></video>`, `<div style="background:url(http://${outside}/f.png)">x</div>`, `<link rel="dns-prefetch" href="//${outside}">`,
    `$\\includegraphics{http://${outside}/g.png}$`, `$\\htmlData{x=1, onclick=${run}}{x}$`, `$\\htmlStyle{background:url(http://${outside}/h.png)}{x}$`,
    `| a |\n|---|\n| <img src=x onerror=${run}> |`, `# <img src=x onerror=${run}>`, `- <svg onload=${run}>`, `> <iframe srcdoc="<script>parent.__pwned=1</script>">`,
    `{{constructor.constructor('${run}')()}}`, `\${${run}}`, `<!--<img src="--><img src=x onerror=${run}>">`,
  ]
  return [
    ...schemes.flatMap((scheme) => carriers.map((carrier) => carrier(scheme + run))),
    ...handlers.flatMap((handler) => tags.map((tag) => tag.replace('@', `${handler}=${run}`))),
    ...others,
  ]
}
