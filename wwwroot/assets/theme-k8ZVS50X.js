// Runs before the first paint: the stored choice, or what the system prefers.
(function () {
  var choice = null;
  try { choice = localStorage.getItem('aichat.theme'); } catch { /* storage is off: follow the system */ }
  var dark = choice === 'dark' || (choice !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
