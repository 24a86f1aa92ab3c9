// Runs before the first paint: sets the stored theme or the system's, and the installation's colour.
(function () {
  var choice = null,
    hue = null;
  try {
    choice = localStorage.getItem('aichat.theme');
    hue = localStorage.getItem('aichat.hue');
  } catch {
    /* storage is off: follow the system */
  }
  var dark = choice === 'dark' || (choice !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  if (/^\d{1,3}$/.test(hue || '')) document.documentElement.style.setProperty('--hue', hue);

  // Sends the first requests of the page while its script is loading; lib/api/early.ts uses the responses. Not for first visits,
  // nor with an expired access token.
  var chat = /\/c\/(\d+)$/.exec(location.pathname), seen = null;
  try { seen = localStorage.getItem('aichat.known'); } catch { /* unknown: the page asks later */ }
  if (seen ? Date.now() - seen > 9 * 60000 : !chat) return;
  var early = (window.aichatEarly = {});
  ['api/settings/branding', 'api/auth/me', 'api/sessions?limit=50', 'api/catalog/models']
    .concat(chat ? 'api/sessions/' + chat[1] + '/messages?limit=50' : [])
    .forEach(function (path) {
      var target = new URL(path, document.baseURI).href;
      early[target] = fetch(target, { redirect: 'manual' });
      early[target].catch(function () {
        /* the code that uses the response sees the error */
      });
    });
})();
