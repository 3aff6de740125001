// Theme, sizes, and the start of every part.
function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

function showTheme() {
  byId('theme').setAttribute('aria-pressed', String(isDark()));
  byId('theme').lastElementChild.textContent = isDark() ? 'Light' : 'Dark';
}

byId('theme').addEventListener('click', () => {
  document.documentElement.dataset.theme = isDark() ? 'light' : 'dark';
  showTheme();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', showTheme);

showTheme();
drawSummary();
startRoofline();
startTable();
startModules();
startGraph();
startTimeline();
startWhatIf();

let pending = 0;
addEventListener('resize', () => {
  cancelAnimationFrame(pending);
  pending = requestAnimationFrame(() => { drawRoofline(); drawTimeline(); drawRows(); if (SWEEP) drawWhatIf(); });
});
document.documentElement.dataset.ready = 'yes';
