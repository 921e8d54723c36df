"use strict";
// Roofs of a park one by one, and of a whole city as vector tiles. Words of files become text
// nodes only; figures come as numbers and get their class, colour and unit here.
Object.assign(window.pvplan, (function () {
  const { element, note, control, stripes, nearZoom } = window.pvplan;
  const fetched = new Map();
  const archives = new Map();
  const mostFetched = 4;
  const mostTiles = 120;
  const firstZoom = 13;
  const lastZoom = 15;

  // Which class a value falls in, as pvplan/maps/classes.py counts; -1 where it is missing.
  function classOf(payload, value) {
    if (value === null || value === undefined) return -1;
    let place = 0;
    while (place < payload.breaks.length && value >= payload.breaks[place]) place += 1;
    return place;
  }

  function rowOf(payload, value) {
    const place = classOf(payload, value);
    return place < 0 ? payload.unknown : payload.rows[place];
  }

  function legend(payload) {
    const rows = payload.rows.filter((row, place) => payload.seen.includes(place));
    if (payload.seen.includes(-1)) rows.push(payload.unknown);
    return { title: payload.title, rows: rows };
  }

  function told(payload, roof) {
    const lines = [roof.name || roof.id];
    if (roof.name) lines.push(roof.id);
    payload.columns.forEach(([key, name, unit]) => {
      const value = roof[key];
      let words = "—";
      if (value !== null && value !== undefined) {
        words = key === "state" ? payload.states[value]
          : `${value.toLocaleString("en")} ${unit}`.trim();
      }
      lines.push(`${name} ${words}`);
    });
    return lines;
  }

  function keep(store, key, make, most) {
    if (!store.has(key)) {
      store.set(key, make());
      while (store.size > most) store.delete(store.keys().next().value);
    }
    return store.get(key);
  }

  function load(address) {
    const made = keep(fetched, address, () => fetch(address).then((answer) => {
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      return answer.json();
    }), mostFetched);
    made.catch(() => fetched.delete(address));
    return made;
  }

  // A small note in a corner while something is on its way or did not come.
  function notice(words) {
    const box = element("div", "pv-notice", words);
    box.setAttribute("role", "status");
    return control("bottomright", box);
  }

  function corners(file, number) {
    const [west, south] = file.origin;
    return file.rings[number].map((steps) => {
      const ring = [];
      let x = 0;
      let y = 0;
      for (let at = 0; at < steps.length; at += 2) {
        x += steps[at];
        y += steps[at + 1];
        ring.push([south + y * file.fine, west + x * file.fine]);
      }
      return ring;
    });
  }

  function factsOf(file, payload, number) {
    const roof = { id: file.id[number], name: file.name[number] };
    payload.columns.forEach(([key]) => { roof[key] = file[key][number]; });
    return roof;
  }

  function thinness(map) { return map.getZoom() < 15 ? 0.35 : 0.8; }

  function roofs(group, payload) {
    const all = L.featureGroup();
    let map = null;
    let ground = null;
    let corner = null;
    let marked = null;
    // Near, a plain ground lets the roofs be seen; from afar the park keeps its class's colour.
    const shade = () => {
      const near = map.getZoom() >= nearZoom;
      ground.setStyle({ fillOpacity: near && !map.pv.pictures ? 0.88 : 0 });
    };
    const mark = (shape) => {
      if (marked) marked.setStyle({ color: map.pv.look.outline, weight: thinness(map) });
      marked = shape;
      marked.setStyle({ color: map.pv.look.picked, weight: 3.5 }).bringToFront();
    };
    function draw(file) {
      corner.remove();
      const weight = thinness(map);
      file.id.forEach((id, number) => {
        const row = rowOf(payload, file[payload.column][number]);
        const shape = L.polygon(corners(file, number), {
          color: map.pv.look.outline, weight: weight, fillColor: row.colour,
          pattern: row.pattern, fillOpacity: 0.95,
        });
        shape.feature = { type: "Feature", properties: { kind: "roof", id: id } };
        shape.number = number;
        all.addLayer(shape);
        if (id === map.pv.roof) mark(shape);
      });
      all.bindTooltip((shape) => note(told(payload, factsOf(file, payload, shape.number))), {
        sticky: true, className: "pv-note",
      });
      map.pv.drawn = file.id.length;
    }
    all.on("click", (event) => {
      map.pv.roof = event.layer.feature.properties.id;
      mark(event.layer);
    });
    const ink = () => {
      all.setStyle({ weight: thinness(map) });
      if (marked) mark(marked);
    };
    group.on("add", (event) => {
      map = event.target._map;
      map.pv.drawn = 0;
      ground = L.geoJSON(payload.ground, {
        interactive: false,
        style: { color: map.pv.look.strong, weight: 2.5, fillColor: map.pv.look.ground },
      });
      group.addLayer(ground);
      group.addLayer(all);
      corner = notice(map.pv.payload.words.loading);
      map.on("zoomend", shade);
      shade();
      map.pv.tell("park", legend(payload));
      if (!payload.address) return;
      corner.addTo(map);
      const owner = map;
      load(payload.address).then(
        (file) => {
          if (group._map !== owner) return;
          draw(file);
          map.on("zoomend", ink);
        },
        () => {
          if (group._map === owner) {
            corner.getContainer().textContent = map.pv.payload.words.not_loaded;
          }
        },
      );
    });
    group.on("remove", () => {
      corner.remove();
      map.off("zoomend", shade);
      map.off("zoomend", ink);
      map.pv.tell("park", null);
    });
  }

  // --- vector tiles: just enough of the Mapbox format for polygons that GDAL wrote ---

  function reader(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const text = new TextDecoder();
    let at = 0;
    function whole() {
      let value = 0;
      let scale = 1;
      for (;;) {
        const byte = bytes[at];
        at += 1;
        value += (byte & 127) * scale;
        if (byte < 128) return value;
        scale *= 128;
      }
    }
    const part = () => {
      const length = whole();
      at += length;
      return bytes.subarray(at - length, at);
    };
    const skip = (wire) => {
      if (wire === 0) whole();
      else if (wire === 1) at += 8;
      else if (wire === 2) part();
      else if (wire === 5) at += 4;
      else throw new Error(`wire type ${wire}`);
    };
    return {
      fields: (take) => {
        while (at < bytes.length) {
          const tag = whole();
          if (!take(Math.floor(tag / 8), tag & 7)) skip(tag & 7);
        }
      },
      whole: whole, part: part, words: () => text.decode(part()),
      half: () => { at += 4; return view.getFloat32(at - 4, true); },
      full: () => { at += 8; return view.getFloat64(at - 8, true); },
      list: () => {
        const inner = reader(part());
        return inner.rest();
      },
      rest: () => {
        const found = [];
        while (at < bytes.length) found.push(whole());
        return found;
      },
    };
  }

  const unfold = (value) => (value % 2 ? -(value + 1) / 2 : value / 2);

  function valueOf(bytes) {
    let found = null;
    const from = reader(bytes);
    from.fields((field) => {
      if (field === 1) found = from.words();
      else if (field === 2) found = from.half();
      else if (field === 3) found = from.full();
      else if (field === 4 || field === 5) found = from.whole();
      else if (field === 6) found = unfold(from.whole());
      else if (field === 7) found = Boolean(from.whole());
      else return false;
      return true;
    });
    return found;
  }

  function ringsOf(orders) {
    const rings = [];
    let x = 0;
    let y = 0;
    let at = 0;
    while (at < orders.length) {
      const order = orders[at] & 7;
      let times = Math.floor(orders[at] / 8);
      at += 1;
      if (order === 7) continue;
      while (times > 0) {
        x += unfold(orders[at]);
        y += unfold(orders[at + 1]);
        at += 2;
        if (order === 1) rings.push([]);
        rings[rings.length - 1].push(x, y);
        times -= 1;
      }
    }
    return rings;
  }

  function featuresOf(bytes) {
    const found = { extent: 4096, roofs: [] };
    const tile = reader(bytes);
    tile.fields((field) => {
      if (field !== 3) return false;
      const layer = reader(tile.part());
      const raw = [];
      const keys = [];
      const values = [];
      layer.fields((inner) => {
        if (inner === 2) raw.push(layer.part());
        else if (inner === 3) keys.push(layer.words());
        else if (inner === 4) values.push(valueOf(layer.part()));
        else if (inner === 5) found.extent = layer.whole();
        else return false;
        return true;
      });
      raw.forEach((part) => {
        const roof = { rings: [] };
        const from = reader(part);
        from.fields((inner) => {
          if (inner === 2) {
            const pairs = from.list();
            for (let at = 0; at < pairs.length; at += 2) roof[keys[pairs[at]]] = values[pairs[at + 1]];
          } else if (inner === 4) roof.rings = ringsOf(from.list());
          else return false;
          return true;
        });
        found.roofs.push(roof);
      });
      return true;
    });
    return found;
  }

  function archiveOf(address) {
    return keep(archives, address, () => ({
      file: new window.pmtiles.PMTiles(new URL(address, document.baseURI).href), tiles: new Map(),
    }), 1);
  }

  function tileAt(archive, z, x, y) {
    return keep(archive.tiles, `${z}/${x}/${y}`, () => archive.file.getZxy(z, x, y).then(
      (answer) => (answer ? featuresOf(new Uint8Array(answer.data)) : { extent: 4096, roofs: [] }),
    ), mostTiles);
  }

  const RoofTiles = L.GridLayer.extend({
    createTile: function (coords, done) {
      const sharp = window.devicePixelRatio > 1 ? 2 : 1;
      const cloth = element("canvas", "leaflet-tile");
      cloth.width = cloth.height = 256 * sharp;
      const deeper = Math.max(0, coords.z - lastZoom);
      const parent = { x: coords.x >> deeper, y: coords.y >> deeper, z: coords.z - deeper };
      tileAt(this.options.archive, parent.z, parent.x, parent.y).then((tile) => {
        const ink = cloth.getContext("2d");
        const scale = 256 * sharp * 2 ** deeper / tile.extent;
        const east = (coords.x - (parent.x << deeper)) * 256 * sharp;
        const south = (coords.y - (parent.y << deeper)) * 256 * sharp;
        // From afar outlines would hide the colours of small roofs.
        const outlined = coords.z >= lastZoom;
        ink.lineWidth = 0.8 * sharp;
        ink.strokeStyle = this.options.outline;
        tile.roofs.forEach((roof) => {
          ink.beginPath();
          roof.rings.forEach((ring) => {
            for (let at = 0; at < ring.length; at += 2) {
              const place = [ring[at] * scale - east, ring[at + 1] * scale - south];
              if (at === 0) ink.moveTo(...place);
              else ink.lineTo(...place);
            }
            ink.closePath();
          });
          const row = rowOf(this.options.payload, roof[this.options.payload.column]);
          ink.fillStyle = row.colour;
          ink.fill("evenodd");
          if (row.pattern) {
            ink.fillStyle = this.options.cloth[row.pattern];
            ink.fill("evenodd");
          }
          if (outlined) ink.stroke();
        });
        done(null, cloth);
      }, (error) => done(error, cloth));
      return cloth;
    },
  });

  function inside(rings, x, y) {
    let within = false;
    rings.forEach((ring) => {
      for (let at = 0, before = ring.length - 2; at < ring.length; before = at, at += 2) {
        const [x1, y1, x2, y2] = [ring[at], ring[at + 1], ring[before], ring[before + 1]];
        if ((y1 > y) !== (y2 > y) && x < (x2 - x1) * (y - y1) / (y2 - y1) + x1) within = !within;
      }
    });
    return within;
  }

  // Which roof a place of the map lies in, and its outline, from the finest tile.
  function roofAt(map, archive, place) {
    const pixel = map.project(place, lastZoom).divideBy(256);
    const x = Math.floor(pixel.x);
    const y = Math.floor(pixel.y);
    return tileAt(archive, lastZoom, x, y).then((tile) => {
      const at = [(pixel.x - x) * tile.extent, (pixel.y - y) * tile.extent];
      const found = tile.roofs.find((roof) => inside(roof.rings, at[0], at[1]));
      if (!found) return null;
      const outline = found.rings.map((ring) => {
        const line = [];
        for (let step = 0; step < ring.length; step += 2) {
          const corner = L.point(x + ring[step] / tile.extent, y + ring[step + 1] / tile.extent);
          line.push(map.unproject(corner.multiplyBy(256), lastZoom));
        }
        return line;
      });
      return { roof: found, outline: outline };
    });
  }

  function tiles(group, payload) {
    const picked = L.featureGroup();
    const archive = archiveOf(payload.address);
    const far = notice("");
    let map = null;
    // A roof of a tile is no layer of the map: its outline becomes one, and is clicked.
    function pick(event) {
      if (map.getZoom() < firstZoom - 0.5) return;
      roofAt(map, archive, event.latlng).then((found) => {
        if (!found || group._map !== map) return;
        picked.clearLayers();
        const shape = L.polygon(found.outline, {
          color: map.pv.look.picked, weight: 3.5, fill: false, interactive: false,
        });
        shape.feature = { type: "Feature", properties: { kind: "roof", id: found.roof.id } };
        map.pv.roof = found.roof.id;
        picked.addLayer(shape);
        shape.fire("click", { latlng: event.latlng }, true);
      });
    }
    const hint = () => {
      const near = map.getZoom() >= firstZoom - 0.5;
      if (near) far.remove();
      else far.addTo(map);
      if (near !== map.pv.faint) {
        map.pv.faint = near;
        map.pv.repaint();
      }
    };
    group.on("add", (event) => {
      map = event.target._map;
      if (!map.getPane("pv-tiles")) {
        const pane = map.createPane("pv-tiles");
        pane.style.zIndex = 410;
        pane.style.pointerEvents = "none";
      }
      const cloth = {};
      ["hatch", "cross"].forEach((kind) => { cloth[kind] = stripes(kind, map.pv.look.hatch); });
      const layer = new RoofTiles({
        pane: "pv-tiles", minZoom: firstZoom, maxZoom: 20, archive: archive, payload: payload,
        outline: map.pv.look.outline, cloth: cloth,
      });
      map.pv.tiled = false;
      layer.on("loading", () => { map.pv.tiled = false; });
      layer.on("load", () => { map.pv.tiled = true; });
      group.addLayer(layer);
      group.addLayer(picked);
      const box = far.onAdd();
      box.textContent = map.pv.payload.words.zoom_for_roofs;
      map.on("click", pick);
      map.on("zoomend", hint);
      hint();
      map.pv.tell("city", legend(payload));
    });
    group.on("remove", () => {
      far.remove();
      map.pv.faint = false;
      map.off("click", pick);
      map.off("zoomend", hint);
      map.pv.tell("city", null);
    });
  }

  return { roofs: roofs, tiles: tiles };
})());
