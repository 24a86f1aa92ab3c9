// Runs before the first paint: the stored theme, or what the system prefers, and the installation's colour.
(function () {
  var choice = null, hue = null;
  try { choice = localStorage.getItem('aichat.theme'); hue = localStorage.getItem('aichat.hue'); } catch { /* storage is off: follow the system */ }
  var dark = choice === 'dark' || (choice !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  if (/^\d{1,3}$/.test(hue || '')) document.documentElement.style.setProperty('--hue', hue);

  // What the page asks first is on its way while its script still comes; lib/api/early.ts takes it up. Not for those who were never
  // here, nor with an access token that has run out since.
  var chat = /\/c\/(\d+)$/.exec(location.pathname), seen = null;
  try { seen = localStorage.getItem('aichat.known'); } catch { /* asked later */ }
  if (seen ? Date.now() - seen > 9 * 60000 : !chat) return;
  var early = window.aichatEarly = {};
  ['api/settings/branding', 'api/auth/me', 'api/sessions?limit=50', 'api/catalog/models'].concat(chat ? 'api/sessions/' + chat[1] + '/messages?limit=50' : []).forEach(function (path) {
    var target = new URL(path, document.baseURI).href;
    early[target] = fetch(target);
    early[target].catch(function () { /* whoever takes it up sees it */ });
  });
})();
