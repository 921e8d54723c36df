"use strict";
// Draws what pvplan/maps.py hands over. Words of files become text nodes only: nothing here
// writes HTML, so a name that looks like markup is shown as the letters it is made of.
window.pvplan = (function () {
  const outline = "#333333";
  const nearZoom = 12;
  const lineZoom = 20;

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

  function card(title, rows) {
    const box = element("div", "pv-card");
    box.appendChild(element("div", "title", title));
    rows.forEach((row) => {
      const line = element("div", "row");
      const swatch = element("span", row.unknown ? "swatch unknown" : "swatch");
      swatch.style.background = row.colour;
      line.appendChild(swatch);
      line.appendChild(element("span", "", row.label));
      box.appendChild(line);
    });
    L.DomEvent.disableClickPropagation(box);
    return box;
  }

  function control(position, made) {
    const corner = L.control({ position: position });
    corner.onAdd = () => made;
    return corner;
  }

  function districts(map, payload) {
    const labels = [];
    const tips = [];
    L.geoJSON(payload.districts, {
      interactive: false,
      style: { color: "#9fb0c0", weight: 1, fillColor: "#ffffff", fillOpacity: 1 },
    }).addTo(map);
    payload.labels.forEach((label) => {
      const tip = L.tooltip({ permanent: true, direction: "center", className: "pv-district" });
      tip.setLatLng([label.latitude, label.longitude]).setContent(element("span", "", label.text));
      tip.addTo(map);
      tips.push(tip);
      labels.push(tip.getElement());
    });
    // Where labels would cover each other, the earlier one (the larger district) stays.
    function thin() {
      const taken = [];
      labels.forEach((label) => {
        label.style.visibility = "visible";
        const box = label.getBoundingClientRect();
        const hit = taken.some((other) => box.left < other.right && other.left < box.right
          && box.top < other.bottom && other.top < box.bottom);
        if (hit) label.style.visibility = "hidden";
        else taken.push(box);
      });
    }
    map.on("zoomend moveend resize", thin);
    return () => {
      tips.forEach((tip) => tip.update());
      thin();
    };
  }

  // streamlit-folium does not wait for style sheets; sizes are right only once they apply.
  function whenStyled(then) {
    const links = Array.from(document.querySelectorAll("link[rel=stylesheet]"));
    if (links.every((link) => link.sheet)) then();
    else setTimeout(() => whenStyled(then), 25);
  }

  function parks(map, payload) {
    const layer = L.geoJSON(payload.parks, {
      style: (feature) => ({
        color: outline, weight: 1, fillColor: feature.properties.colour, fillOpacity: 0.9,
        dashArray: feature.properties.unknown ? "4 3" : null,
      }),
      onEachFeature: (feature, shape) => {
        shape.bindTooltip(note(feature.properties.lines), { sticky: true, className: "pv-note" });
        shape.on("mouseover", () => shape.setStyle({ weight: 3 }));
        shape.on("mouseout", () => layer.resetStyle(shape));
      },
    });
    layer.addTo(map);
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

  function base(map, payload) {
    const bounds = L.latLngBounds(payload.bounds);
    const whole = () => map.fitBounds(bounds, { animate: false, padding: [10, 10] });
    map.on("pv-home", whole);
    frame(map, payload, payload.words.whole_city, whole, "topleft");
    control("topright", card(payload.words.legend, payload.legend)).addTo(map);
    whole();
    const placeLabels = districts(map, payload);
    parks(map, payload);
    let moved = false;
    map.once("pv-roofs", () => { moved = true; });
    whenStyled(() => {
      map.invalidateSize({ animate: false });
      if (!moved) whole();
      placeLabels();
    });
  }

  function roofs(group, payload) {
    let map = null;
    const corner = control("bottomright", card(payload.words.roofs, payload.legend));
    const ground = L.geoJSON(payload.ground, {
      interactive: false, style: { color: outline, weight: 2.5, fillColor: "#ffffff" },
    }).addTo(group);
    // Near, a white ground lets the roofs be seen; from afar the park keeps its class's colour.
    const shade = () => ground.setStyle({ fillOpacity: map.getZoom() < nearZoom ? 0 : 0.88 });
    L.geoJSON(payload.roofs, {
      style: (feature) => ({
        color: outline, weight: 0.7, fillColor: feature.properties.colour, fillOpacity: 0.95,
      }),
      onEachFeature: (feature, shape) => {
        shape.bindTooltip(note(feature.properties.lines), { sticky: true, className: "pv-note" });
      },
    }).addTo(group);
    group.on("add", (event) => {
      map = event.target._map;
      corner.addTo(map);
      map.on("zoomend", shade);
      map.fire("pv-roofs");
      if (payload.bounds) {
        // Room at the right for the legends.
        map.fitBounds(payload.bounds, {
          animate: false, paddingTopLeft: [24, 24], paddingBottomRight: [130, 24],
        });
      }
      shade();
    });
    // Where another park follows at once, its own "add" decides the view.
    group.on("remove", () => {
      corner.remove();
      map.off("zoomend", shade);
      map.fire("pv-home");
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
    const whole = () => map.fitBounds(payload.bounds, {
      animate: false, paddingTopLeft: [56, 52], paddingBottomRight: [24, legend.offsetHeight + 48],
    });
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

  return { base: base, roofs: roofs, roof: roof };
})();
