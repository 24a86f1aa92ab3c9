// Runs before the first paint: the stored theme, or what the system prefers, and the installation's colour.
(function () {
  var choice = null, hue = null;
  try { choice = localStorage.getItem('aichat.theme'); hue = localStorage.getItem('aichat.hue'); } catch { /* storage is off: follow the system */ }
  var dark = choice === 'dark' || (choice !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  if (/^\d{1,3}$/.test(hue || '')) document.documentElement.style.setProperty('--hue', hue);
})();
