// Runs before the first paint: sets the stored theme or the system's, and the installation's colour. Written so that a browser of any age
// can read it, because it also tells those that are too old.
(function () {
  // Chrome and Edge 111, Firefox 121, Safari 16. An older one would draw white on nothing.
  var able = window.CSS && CSS.supports && CSS.supports('color', 'oklch(50% .1 1)') &&
    CSS.supports('selector(:has(a))') && !!Array.prototype.toSorted;
  function tell() {
    var app = document.getElementById('app'), note = document.getElementById('unable');
    if (note && !app.firstChild) note.hidden = false;
  }
  if (!able) {
    window.aichatUnable = true;
    document.addEventListener('DOMContentLoaded', tell);
    return;
  }
  // A script that does not come, cannot be read or stops: the first two come as events, of the element or of the window.
  addEventListener('error', function (event) {
    if (event.target.type === 'module' || /\/assets\//.test(event.filename || '')) tell();
  }, true);
  addEventListener('load', function () { setTimeout(tell, 10000); });

  // Null where storage is off.
  function stored(key) {
    try { return localStorage.getItem(key); } catch (off) { return off && null; }
  }
  var choice = stored('aichat.theme'), hue = stored('aichat.hue');
  var dark = choice === 'dark' || (choice !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  if (/^\d{1,3}$/.test(hue || '')) document.documentElement.style.setProperty('--hue', hue);

  // The picture of a home screen, for Safari alone: Firefox would load it with every page.
  if ('standalone' in navigator) {
    var icon = document.createElement('link');
    icon.rel = 'apple-touch-icon';
    icon.href = './icons/touch-180.png';
    document.head.appendChild(icon);
  }

  // Sends the first requests of the page while its script is loading; lib/api/early.ts uses the responses. Not for first visits,
  // nor with an expired access token.
  var chat = /\/c\/(\d+)$/.exec(location.pathname), seen = stored('aichat.known');
  if (seen ? Date.now() - seen > 9 * 60000 : !chat) return;
  var early = (window.aichatEarly = {});
  ['api/settings/branding', 'api/auth/me', 'api/sessions?limit=50', 'api/catalog/models']
    .concat(chat ? 'api/sessions/' + chat[1] + '/messages?limit=50' : [])
    .forEach(function (path) {
      var target = new URL(path, document.baseURI).href;
      early[target] = fetch(target, { redirect: 'manual' });
      early[target].catch(function () {
        early[target] = null; // asked again, when the server is there
      });
    });
})();
