"use strict";
// Draws what pvplan/maps hands over. Words of files become text nodes only: nothing here
// writes HTML, so a name that looks like markup is shown as the letters it is made of.
window.pvplan = (function () {
  const looks = {
    light: { ground: "#ffffff", border: "#9fb0c0", outline: "#333333", hatch: "#5a6b7b",
      picked: "#d0006f", strong: "#333333" },
    dark: { ground: "#1d2731", border: "#5d7082", outline: "#0d1319", hatch: "#56636f",
      picked: "#ff6ab8", strong: "#c7d3de" },
  };
  const outline = looks.light.outline;
  const nearZoom = 12;
  const roofZoom = 14;
  const lineZoom = 20;
  const probePatience = 4000;

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // Tooltips are elements, never strings: streamlit-folium parses string tooltips as HTML.
  function note(lines) {
    const box = element("div");
    lines.forEach((line, place) => box.appendChild(element("div", place ? "" : "name", line)));
    return box;
  }

  function rowsOf(box, rows) {
    rows.forEach((row) => {
      const line = element("div", "row");
      const swatch = element("span", `swatch ${row.pattern || ""}`.trim());
      swatch.style.backgroundColor = row.colour;
      line.appendChild(swatch);
      line.appendChild(element("span", "", row.label));
      box.appendChild(line);
    });
  }

  function card(title, rows) {
    const box = element("div", "pv-card");
    box.appendChild(element("div", "title", title));
    rowsOf(box, rows);
    L.DomEvent.disableClickPropagation(box);
    return box;
  }

  function control(position, made) {
    const corner = L.control({ position: position });
    corner.onAdd = () => made;
    return corner;
  }

  // A pattern beside the colour, for what has no value and for what is blocked.
  function stripes(kind, colour) {
    const cloth = document.createElement("canvas");
    cloth.width = cloth.height = 7;
    const ink = cloth.getContext("2d");
    ink.strokeStyle = colour;
    ink.lineWidth = 1.2;
    ink.beginPath();
    [-7, 0, 7].forEach((at) => {
      ink.moveTo(at - 1, 8);
      ink.lineTo(at + 8, -1);
      if (kind === "cross") {
        ink.moveTo(at - 1, -1);
        ink.lineTo(at + 8, 8);
      }
    });
    ink.stroke();
    return ink.createPattern(cloth, "repeat");
  }

  const Patterned = L.Canvas.extend({
    _fillStroke: function (ink, layer) {
      L.Canvas.prototype._fillStroke.call(this, ink, layer);
      const kind = layer.options.pattern;
      if (!kind) return;
      this._cloth = this._cloth || {};
      this._cloth[kind] = this._cloth[kind] || stripes(kind, this.options.patternColour);
      ink.globalAlpha = layer.options.fillOpacity;
      ink.fillStyle = this._cloth[kind];
      ink.fill("evenodd");
      ink.globalAlpha = 1;
    },
  });

  // One legend, for the places or for the roofs; closed at first on a phone.
  function legendOf(map, words) {
    const box = element("details", "pv-card pv-legend");
    box.open = window.innerWidth >= 520;
    box.appendChild(element("summary", "", words.legend));
    const inside = element("div");
    box.appendChild(inside);
    L.DomEvent.disableClickPropagation(box);
    L.DomEvent.disableScrollPropagation(box);
    const sections = {};
    control("topright", box).addTo(map);
    let told = null;
    // The roofs of a park speak always, those of the whole city from near; else the places.
    function write() {
      const near = map.getZoom() >= nearZoom;
      const section = sections.park || (near && sections.city) || sections.places;
      if (section === told) return;
      told = section;
      inside.replaceChildren();
      if (!section) return;
      inside.appendChild(element("div", "title", section.title));
      rowsOf(inside, section.rows);
    }
    map.on("zoomend", write);
    return {
      tell: (key, section) => {
        sections[key] = section;
        map.pv.roofs = Boolean(sections.park || sections.city);
        write();
      },
      width: () => box.offsetWidth,
    };
  }

  // Words at the places: name and value, value alone, or nothing, as much as fits in the shape;
  // where two would cover each other, the earlier one (the larger place) stays.
  function labels(map, group, level, places) {
    const pv = map.pv;
    const tips = [];
    const add = (label, kind, value, size) => {
      const words = element("span");
      if (kind !== "value") words.appendChild(element("span", "place", label.text));
      if (value) words.appendChild(element("span", "value", value));
      const tip = L.tooltip({
        permanent: true, direction: "center", className: `pv-label ${kind} of-${level}`,
      });
      tip.setLatLng([label.latitude, label.longitude]).setContent(words);
      tip.pvSize = size;
      group.addLayer(tip);
      tips.push(tip);
    };
    pv.payload.labels.district.forEach((label) => {
      const own = level === "district" ? places[label.id] : null;
      add(label, "district", own && own.label, null);
    });
    if (level === "park") {
      pv.payload.labels.park.forEach((label) => {
        if (places[label.id]) add(label, "park", places[label.id].label, pv.extents[label.id]);
      });
    }
    function fits(tip, box) {
      if (!tip.pvSize) return true;
      const north = map.latLngToContainerPoint(tip.pvSize.getNorthWest());
      const south = map.latLngToContainerPoint(tip.pvSize.getSouthEast());
      return box.width <= 0.9 * (south.x - north.x) && box.height <= 0.9 * (south.y - north.y);
    }
    function thin() {
      const taken = [];
      const near = map.getZoom() >= (pv.roofs ? nearZoom + 1 : roofZoom);
      tips.forEach((tip) => {
        const shown = tip.getElement();
        if (!shown) return;
        shown.style.visibility = near ? "hidden" : "visible";
        if (near) return;
        shown.classList.remove("short");
        let box = shown.getBoundingClientRect();
        if (tip.pvSize && !fits(tip, box)) {
          shown.classList.add("short");
          tip.update();
          box = shown.getBoundingClientRect();
        }
        const hit = !fits(tip, box) || taken.some((other) => box.left < other.right
          && other.left < box.right && box.top < other.bottom && other.top < box.bottom);
        if (hit) shown.style.visibility = "hidden";
        else taken.push(box);
      });
    }
    function place() {
      tips.forEach((tip) => tip.update());
      thin();
    }
    map.on("zoomend moveend resize", thin);
    map.on("pv-styled", place);
    return {
      place: place,
      drop: () => map.off("zoomend moveend resize", thin).off("pv-styled", place),
    };
  }

  // streamlit-folium does not wait for style sheets; sizes are right only once they apply.
  function whenStyled(then) {
    const links = Array.from(document.querySelectorAll("link[rel=stylesheet]"));
    if (links.every((link) => link.sheet)) then();
    else setTimeout(() => whenStyled(then), 25);
  }

  // The places of a level in their colours; the group goes and comes with every choice.
  function places(group, payload) {
    let map = null;
    let words = null;
    group.on("add", (event) => {
      map = event.target._map;
      const look = map.pv.look;
      const shown = map.pv.payload.shapes[payload.level].features.filter(
        (feature) => payload.places[feature.properties.id],
      );
      const layer = L.geoJSON({ type: "FeatureCollection", features: shown }, {
        style: (feature) => {
          const own = payload.places[feature.properties.id];
          // Behind the roofs of the city the places step back.
          const strength = map.pv.faint ? 0.2 : map.pv.pictures ? 0.6 : 0.9;
          return {
            color: look.outline, weight: 1, fillColor: own.colour, pattern: own.pattern,
            fillOpacity: own.dimmed ? 0.3 * strength : strength, opacity: own.dimmed ? 0.4 : 1,
            dashArray: own.pattern ? "4 3" : null,
          };
        },
        onEachFeature: (feature, shape) => {
          const own = payload.places[feature.properties.id];
          shape.bindTooltip(note(own.lines), { sticky: true, className: "pv-note" });
          shape.on("mouseover", () => shape.setStyle({ weight: 3 }));
          shape.on("mouseout", () => layer.resetStyle(shape));
        },
      });
      group.addLayer(layer);
      if (payload.around) {
        const whole = map.pv.payload.shapes.district.features.filter(
          (feature) => feature.properties.id === payload.around,
        );
        group.addLayer(L.geoJSON({ type: "FeatureCollection", features: whole }, {
          interactive: false, style: { color: look.strong, weight: 2.5, fill: false },
        }));
      }
      map.pv.repaint = () => layer.setStyle(layer.options.style);
      map.pv.tell("places", payload.legend);
      words = labels(map, group, payload.level, payload.places);
      words.place();
    });
    group.on("remove", () => {
      words.drop();
      map.pv.repaint = () => {};
      map.pv.tell("places", null);
    });
  }

  // Which part to show: followed when it is new, so that a repaint leaves the reader's view.
  function view(group, payload) {
    group.on("add", (event) => {
      const map = event.target._map;
      if (map.pv.serial === payload.serial) return;
      map.pv.serial = payload.serial;
      map.pv.roof = payload.roof;
      map.pv.area = payload.bounds;
      map.pv.show();
    });
  }

  // Chinese maps are drawn with an offset of some hundred metres (GCJ-02); here a true place
  // becomes the place under which such a picture has it. The plan's own shapes are never moved.
  function offset(place) {
    const axis = 6378245;
    const squared = 0.00669342162296594323;
    const x = place.lng - 105;
    const y = place.lat - 35;
    const wave = (size, t) => size * Math.sin(t * Math.PI);
    const both = (20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)) * 2 / 3;
    let north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * Math.sqrt(Math.abs(x));
    north += both + (wave(20, y) + wave(40, y / 3)) * 2 / 3;
    north += (wave(160, y / 12) + wave(320, y / 30)) * 2 / 3;
    let east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * Math.sqrt(Math.abs(x));
    east += both + (wave(20, x) + wave(40, x / 3)) * 2 / 3;
    east += (wave(150, x / 12) + wave(300, x / 30)) * 2 / 3;
    const turn = place.lat * Math.PI / 180;
    const magic = 1 - squared * Math.sin(turn) * Math.sin(turn);
    const root = Math.sqrt(magic);
    return L.latLng(
      place.lat + north * 180 / (axis * (1 - squared) / (magic * root) * Math.PI),
      place.lng + east * 180 / (axis / root * Math.cos(turn) * Math.PI),
    );
  }

  const Shifted = L.TileLayer.extend({
    _setZoomTransform: function (level, center, zoom) {
      L.TileLayer.prototype._setZoomTransform.call(this, level, offset(center), zoom);
    },
    _getTiledPixelBounds: function (center) {
      return L.TileLayer.prototype._getTiledPixelBounds.call(this, offset(center));
    },
  });

  // Pictures of the ground are added once one of them has come; else a small note says so.
  function pictures(map, server) {
    const options = { maxNativeZoom: server.max_zoom, maxZoom: 20 };
    if (server.subdomains) options.subdomains = server.subdomains;
    const made = server.layers.map((address) => (
      server.gcj02 ? new Shifted(address, options) : L.tileLayer(address, options)
    ));
    const middle = map.project(map.getCenter(), 10).divideBy(256).floor();
    const values = { x: middle.x, y: middle.y, z: 10, s: (server.subdomains || "a")[0] };
    const probe = new Image();
    const corner = control("bottomright", element("div", "pv-credit", ""));
    let settled = false;
    const settle = (came) => {
      if (settled) return;
      settled = true;
      corner.addTo(map);
      corner.getContainer().textContent = came
        ? server.attribution : map.pv.payload.words.no_tiles;
      if (!came) return;
      made.forEach((layer) => layer.addTo(map));
      map.pv.pictures = true;
      map.pv.ground.setStyle({ fillOpacity: 0 });
      map.pv.repaint();
    };
    probe.onload = () => settle(true);
    probe.onerror = () => settle(false);
    setTimeout(() => settle(false), probePatience);
    probe.src = L.Util.template(server.layers[0], values);
  }

  // What stands on every map: zoom, the way back, scale, badge, a name, and a tame wheel.
  function frame(map, payload, back, whole, corner) {
    const home = element("button", "pv-home", back);
    home.type = "button";
    L.DomEvent.disableClickPropagation(home);
    L.DomEvent.on(home, "click", whole);
    L.control.zoom({
      position: "topleft", zoomInTitle: payload.words.zoom_in, zoomOutTitle: payload.words.zoom_out,
    }).addTo(map);
    if (payload.words.badge) {
      control("topright", element("div", "pv-badge", payload.words.badge)).addTo(map);
    }
    control(corner, home).addTo(map);
    L.control.scale({ imperial: false, position: "bottomleft" }).addTo(map);
    const container = map.getContainer();
    container.setAttribute("role", "region");
    container.setAttribute("aria-label", payload.words.region);
    // The wheel moves the page until the reader has taken hold of the map.
    map.scrollWheelZoom.disable();
    container.addEventListener("pointerdown", () => map.scrollWheelZoom.enable());
    container.addEventListener("pointerleave", () => map.scrollWheelZoom.disable());
  }

  // Shows an area beside what lies over the map. A frame that has no size yet shows its middle,
  // and is fitted once it has.
  function fitted(map, area, leftTop, rightBottom, zoom) {
    const size = map.getSize();
    if (size.x < leftTop[0] + rightBottom[0] + 64 || size.y < leftTop[1] + rightBottom[1] + 48) {
      map.setView(L.latLngBounds(area).getCenter(), zoom, { animate: false });
      return;
    }
    map.fitBounds(area, {
      animate: false, paddingTopLeft: leftTop, paddingBottomRight: rightBottom,
    });
  }

  function base(map, payload) {
    let legend = null;
    const look = payload.dark ? looks.dark : looks.light;
    const container = map.getContainer();
    container.classList.toggle("pv-dark", payload.dark);
    document.body.classList.toggle("pv-dark", payload.dark);
    map.options.renderer = new Patterned({ padding: 0.3, patternColour: look.hatch });
    const fit = (area) => {
      if (!area) return;
      // Room at the right for the legend, where the map is wide enough.
      const beside = map.getSize().x >= 520 && area !== payload.bounds;
      const right = beside ? Math.max(150, legend.width() + 24) : 10;
      fitted(map, area, [16, 16], [right, 16], 10);
    };
    fit(payload.bounds);
    // Given here, so that no layer that is seen from near only takes the view with it; after the
    // first view, or Leaflet would glide from its own to the least zoom, past what is shown then.
    Object.assign(map.options, { minZoom: 5, maxZoom: 20 });
    const extents = {};
    payload.shapes.park.features.forEach((feature) => {
      extents[feature.properties.id] = L.geoJSON(feature).getBounds();
    });
    map.pv = {
      payload: payload, look: look, extents: extents, serial: null, roof: "", area: null,
      roofs: false, faint: false, pictures: false, repaint: () => {}, tell: null, ground: null,
      show: () => fit(map.pv.area || payload.bounds),
    };
    frame(map, payload, payload.words.whole_city, () => fit(payload.bounds), "topleft");
    legend = legendOf(map, payload.words);
    map.pv.tell = legend.tell;
    map.pv.ground = L.geoJSON(payload.shapes.district, {
      interactive: false,
      style: { color: look.border, weight: 1, fillColor: look.ground, fillOpacity: 1 },
    }).addTo(map);
    if (payload.tiles) pictures(map, payload.tiles);
    whenStyled(() => {
      map.invalidateSize({ animate: false });
      map.pv.show();
      map.fire("pv-styled");
    });
  }

  // Modules come as whole numbers from the roof's corner; one canvas draws them all.
  function modules(map, payload) {
    const own = payload.modules;
    const [west, south] = payload.origin;
    const canvas = L.canvas({ padding: 0.3 });
    const all = L.featureGroup();
    const place = (east, north) => [south + north * payload.fine, west + east * payload.fine];
    own.quads.forEach((quad, number) => {
      const corners = [];
      for (let at = 0; at < quad.length; at += 2) corners.push(place(quad[at], quad[at + 1]));
      const [rank, energy, perKilowatt] = own.facts[number];
      const shape = L.polygon(corners, {
        renderer: canvas, color: outline, weight: 0.5, opacity: 0.8,
        fillColor: own.colours[own.classes[number]], fillOpacity: 1,
      });
      shape.feature = { properties: { kind: "module", rank: rank } };
      shape.bindTooltip(() => note([
        `${payload.words.module} ${rank} ${payload.words.module_of} ${own.quads.length}`,
        `${energy.toLocaleString("en")} kWh`, `${perKilowatt.toLocaleString("en")} kWh/kWp`,
      ]), { sticky: true, className: "pv-note" });
      shape.addTo(all);
    });
    // From afar the outlines would hide the colours.
    const ink = () => all.setStyle({ weight: map.getZoom() < lineZoom ? 0.15 : 0.6 });
    all.addTo(map);
    ink();
    map.on("zoomend", ink);
  }

  function roof(map, payload) {
    const layer = (name, style) => L.geoJSON(
      { type: "FeatureCollection", features: payload[name] },
      { interactive: false, style: { fillColor: payload.colours[name], fillOpacity: 1, ...style } },
    ).addTo(map);
    // The legend lies below the roof, whatever the width of the picture.
    const legend = card(payload.words.legend, payload.legend);
    legend.classList.add("strip");
    control("bottomleft", legend).addTo(map);
    const whole = () => fitted(
      map, payload.bounds, [56, 52], [24, legend.offsetHeight + 48], 17,
    );
    frame(map, payload, payload.words.whole_roof, whole, "topright");
    control("topleft", element("div", "pv-north", payload.words.north)).addTo(map);
    whole();
    layer("outline", { color: outline, weight: 2.5 });
    layer("usable", { color: "#5b7a94", weight: 1, dashArray: "5 4" });
    modules(map, payload);
    layer("obstructions", { color: "#7a1f1c", weight: 1.2, fillOpacity: 0.85 });
    whenStyled(() => {
      map.invalidateSize({ animate: false });
      whole();
    });
  }

  return {
    base: base, places: places, view: view, roof: roof, element: element, note: note,
    control: control, stripes: stripes, offset: offset, nearZoom: nearZoom,
  };
})();
