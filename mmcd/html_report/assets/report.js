// What a report's page does: swipe, overlays, zoom, sorting, light and dark.
'use strict';

const BASE_IMAGES = { first: 'before.jpg', second: 'after.jpg' };
const SWIPE_STEP = 2; // percent of the width for a press of an arrow key
const PAN_STEP = 60; // CSS pixels
const MAX_ZOOM = 16;
const animate = !matchMedia('(prefers-reduced-motion: reduce)').matches;

/** Two dates under one swipe, with overlays on both, zoomed and moved together. */
class Viewer {
  constructor(root) {
    this.root = root;
    this.swipe = root.querySelector('img-comparison-slider');
    this.sides = Object.fromEntries(
      ['first', 'second'].map((slot) => [slot, root.querySelector(`[slot=${slot}] .canvas`)]),
    );
    this.toggles = [...root.querySelectorAll('[data-layer]')];
    this.opacity = root.querySelector('[data-opacity]');
    this.zoomer = Panzoom(this.sides.second, {
      // Bound below instead: what lies above the second picture takes the pointer's events.
      noBind: true,
      contain: 'outside',
      minScale: 1,
      maxScale: MAX_ZOOM,
      panOnlyWhenZoomed: true,
      touchAction: 'pan-y',
      // The swipe hears of a touch after this, and the page after that.
      handleStartEvent: () => {},
    });
    this.bind();
  }

  bind() {
    this.sides.second.addEventListener('panzoomchange', ({ detail }) => {
      // In this order: a transition holds for what is set after it.
      this.sides.first.style.transition = this.sides.second.style.transition;
      this.sides.first.style.transform = this.sides.second.style.transform;
      const zoomed = detail.scale > 1.001;
      // Outlines stay thin: SVG knows nothing of the page's own zoom.
      this.root.style.setProperty('--zoom', detail.scale);
      // Where there is something to move, dragging moves it, and only the handle swipes.
      this.swipe.handle = zoomed;
      this.swipe.style.touchAction = zoomed ? 'none' : 'pan-y';
      this.swipe.style.cursor = zoomed ? 'grab' : '';
    });
    this.swipe.addEventListener('wheel', (event) => this.zoomer.zoomWithWheel(event), { passive: false });
    this.swipe.addEventListener('pointerdown', (event) => {
      if (!this.isOnHandle(event)) this.zoomer.handleDown(event);
    });
    document.addEventListener('pointermove', (event) => this.zoomer.handleMove(event));
    for (const name of ['pointerup', 'pointercancel']) {
      document.addEventListener(name, (event) => this.zoomer.handleUp(event));
    }
    this.swipe.addEventListener('slide', () => this.tellValue());
    this.swipe.addEventListener('keydown', (event) => this.moveByKey(event));
    for (const toggle of this.toggles) toggle.addEventListener('change', () => this.showLayers());
    this.opacity.addEventListener('input', () => {
      this.root.style.setProperty('--overlay-opacity', this.opacity.value / 100);
    });
    for (const button of this.root.querySelectorAll('[data-zoom]')) {
      button.addEventListener('click', () => this.zoom(button.dataset.zoom));
    }
  }

  /** Show a pair, {about, folder, width, height, layers}, and an SVG element over it, if any. */
  show(pair, outlines = null) {
    this.root.style.setProperty('--ratio', pair.width / pair.height);
    for (const [slot, canvas] of Object.entries(this.sides)) {
      const layers = pair.layers.map((layer) => {
        const image = picture(`${pair.folder}/${layer}.png`);
        image.className = 'overlay';
        image.dataset.of = layer;
        return image;
      });
      if (outlines) {
        layers.push(outlines.cloneNode(true));
        layers.at(-1).dataset.of = 'outlines';
      }
      canvas.replaceChildren(picture(`${pair.folder}/${BASE_IMAGES[slot]}`), ...layers);
    }
    for (const toggle of this.toggles) {
      const there = this.root.querySelector(`[data-of="${toggle.dataset.layer}"]`);
      toggle.closest('label').hidden = !there;
    }
    this.root.querySelector('.about').textContent = pair.about;
    this.setValue(50);
    this.zoomer.reset({ animate: false });
    this.showLayers();
  }

  showLayers() {
    for (const { dataset, checked } of this.toggles) {
      for (const image of this.root.querySelectorAll(`[data-of="${dataset.layer}"]`)) image.toggleAttribute('hidden', !checked);
      for (const legend of this.root.querySelectorAll(`[data-legend="${dataset.layer}"]`)) legend.hidden = !checked;
    }
  }

  setValue(value) {
    this.swipe.value = Math.min(Math.max(value, 0), 100);
    this.tellValue();
  }

  tellValue() {
    const value = Math.round(this.swipe.value);
    this.swipe.setAttribute('aria-valuenow', value);
    this.swipe.setAttribute('aria-valuetext', `${value} % before, ${100 - value} % after`);
  }

  moveByKey(event) {
    const [right, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.shiftKey && (right || down)) {
      const step = PAN_STEP / this.zoomer.getScale();
      this.zoomer.pan(-right * step, -down * step, { relative: true, animate });
    } else if (right) {
      this.setValue(this.swipe.value + right * SWIPE_STEP);
    } else if (event.key === 'Home' || event.key === 'End') {
      this.setValue(event.key === 'Home' ? 0 : 100);
    } else {
      return;
    }
    event.preventDefault();
  }

  /** Keys that work wherever the focus is in the viewer; gives whether one was meant. */
  handleKey(key) {
    const zooms = { '+': 'in', '=': 'in', '-': 'out', 0: 'reset' };
    if (key in zooms) {
      this.zoom(zooms[key]);
    } else if (/^[1-9]$/.test(key) && this.toggles[key - 1] && !this.toggles[key - 1].closest('label').hidden) {
      this.toggles[key - 1].click();
    } else {
      return false;
    }
    return true;
  }

  zoom(how) {
    if (how === 'reset') this.zoomer.reset({ animate });
    else if (how === 'in') this.zoomer.zoomIn({ step: 0.5, animate });
    else this.zoomer.zoomOut({ step: 0.5, animate });
  }

  /** Bring a box to the middle, as large as it fits: its ends in shares of width and height. */
  centre([left, top, right, bottom]) {
    const { clientWidth: width, clientHeight: height } = this.sides.second;
    const scale = Math.min(0.5 / Math.max(right - left, bottom - top), MAX_ZOOM);
    this.zoomer.zoom(Math.max(scale, 1), { animate: false });
    const x = (0.5 - (left + right) / 2) * width;
    const y = (0.5 - (top + bottom) / 2) * height;
    // The picture has its new size in the next frame; only then is it known how far it may move.
    requestAnimationFrame(() => this.zoomer.pan(x, y, { animate: false, force: true }));
  }

  isOnHandle(event) {
    const box = this.root.querySelector('.handle').getBoundingClientRect();
    const { clientX: x, clientY: y } = event;
    return x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
  }
}

function picture(source) {
  const image = new Image();
  image.alt = ''; // the swipe, which they are parts of, has a name
  image.draggable = false;
  image.src = source;
  return image;
}

/** A dialog with a viewer, opened by links to #image-NUMBER, so that "back" closes it. */
function setUpDialog() {
  const dialog = document.getElementById('viewer');
  if (!dialog) return;
  const pictures = JSON.parse(document.getElementById('pictures').textContent);
  const title = document.getElementById('viewer-title');
  let viewer = null;
  let current = null;

  // In the order of the table, as it is sorted and filtered at the time.
  const order = () => {
    const links = document.querySelectorAll('.images tbody tr:not([hidden]) a');
    return [...links].map((link) => Number(link.hash.slice('#image-'.length)));
  };
  const open = () => {
    const found = /^#image-(\d+)$/.exec(location.hash);
    const pair = found && pictures[found[1]];
    if (!pair) {
      if (dialog.open) dialog.close();
      return;
    }
    const opened = !dialog.open;
    if (opened) dialog.showModal();
    viewer ??= new Viewer(dialog.querySelector('.viewer'));
    if (opened) viewer.swipe.focus(); // so that the arrow keys swipe at once
    current = Number(found[1]);
    title.textContent = pair.name;
    viewer.show(pair);
    const all = order();
    const place = all.indexOf(current);
    dialog.querySelector('[data-step="-1"]').disabled = place <= 0;
    dialog.querySelector('[data-step="1"]').disabled = place < 0 || place >= all.length - 1;
  };
  const step = (by) => {
    const all = order();
    const next = all[all.indexOf(current) + by];
    if (next !== undefined && all.includes(current)) location.replace(`#image-${next}`);
  };

  window.addEventListener('hashchange', open);
  dialog.addEventListener('close', () => {
    if (location.hash.startsWith('#image-')) history.pushState(null, '', location.pathname + location.search);
    // Back to where the reader came from, though the swipe may have gone on to another picture.
    document.querySelector(`a[href="#image-${current}"]`)?.focus();
  });
  for (const button of dialog.querySelectorAll('[data-step]')) {
    button.addEventListener('click', () => step(Number(button.dataset.step)));
  }
  dialog.querySelector('[data-close]').addEventListener('click', () => dialog.close());
  dialog.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const steps = { n: 1, p: -1, PageDown: 1, PageUp: -1 };
    // With Shift or Caps Lock letters come as capitals. A slider has the paging keys for itself.
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key in steps && !(key.startsWith('Page') && event.target.type === 'range')) step(steps[key]);
    else if (!viewer.handleKey(event.key)) return;
    event.preventDefault();
  });
  open();
}

/** Sorting by the heads' buttons and filtering by name. */
function setUpTable() {
  const table = document.querySelector('table.images');
  const filter = document.getElementById('filter');
  if (!filter) return;
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const value = (row, column) => {
    const cell = row.cells[column];
    const number = cell.dataset.value;
    if (number === undefined) return cell.textContent;
    return number === '' ? NaN : Number(number);
  };
  const compare = (a, b) => (typeof a === 'string' ? a.localeCompare(b, undefined, { numeric: true }) : a - b);
  for (const [column, head] of heads.entries()) {
    head.querySelector('button')?.addEventListener('click', () => {
      const down = head.getAttribute('aria-sort') === 'ascending';
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const keyed = [...body.rows].map((row) => [value(row, column), row]);
      keyed.sort(([a], [b]) => {
        // Images without a score come last, whichever way.
        if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
        return down ? compare(b, a) : compare(a, b);
      });
      body.append(...keyed.map(([, row]) => row));
    });
  }
  filter.addEventListener('input', () => {
    const wanted = filter.value.trim().toLowerCase();
    const name = heads.findIndex((head) => head.textContent.trim() === 'Image');
    let shown = 0;
    for (const row of body.rows) {
      row.hidden = !row.cells[name].textContent.toLowerCase().includes(wanted);
      shown += row.hidden ? 0 : 1;
    }
    document.getElementById('filter-count').textContent = wanted ? `${shown} of ${body.rows.length} images` : '';
  });
}

/** A scene's own viewer, and links that centre its areas. */
function setUpScene() {
  const root = document.getElementById('scene');
  if (!root) return;
  const viewer = new Viewer(root);
  const outlines = document.getElementById('outlines');
  const [pair] = JSON.parse(document.getElementById('pictures').textContent);
  viewer.show(pair, outlines?.content.firstElementChild);
  root.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (viewer.handleKey(event.key)) event.preventDefault();
  });
  for (const link of document.querySelectorAll('[data-box]')) {
    link.addEventListener('click', (event) => {
      event.preventDefault();
      for (const shape of root.querySelectorAll('[data-number]')) {
        shape.classList.toggle('marked', shape.dataset.number === link.dataset.number);
      }
      root.scrollIntoView({ block: 'nearest' });
      viewer.centre(link.dataset.box.split(' ').map(Number));
    });
  }
}

function setUpTheme() {
  const button = document.getElementById('theme');
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark';
  const tell = () => { button.textContent = isDark() ? 'Light colours' : 'Dark colours'; };
  button.hidden = false;
  button.addEventListener('click', () => {
    document.documentElement.dataset.theme = isDark() ? 'light' : 'dark';
    tell();
  });
  dark.addEventListener('change', tell);
  tell();
}

setUpTheme();
setUpTable();
setUpDialog();
setUpScene();
